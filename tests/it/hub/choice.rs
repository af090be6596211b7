//! GGUF files of a repository: which is fetched, and what is said where none or several fit.

use std::fs;
use std::path::PathBuf;

use steerscope::hub::{HubError, HubId, HubSettings, fetch};

use super::server::Server;
use super::settings;

const FILES: [(&str, &[u8]); 6] = [
    ("README.md", b"not wanted"),
    ("tokenizer.json", b"{}"),
    ("m-Q4_K_M.gguf", b"four"),
    ("m-Q8_0.gguf", b"eight"),
    ("F16/m-F16-00001-of-00002.gguf", b"first"),
    ("F16/m-F16-00002-of-00002.gguf", b"second"),
];

fn get(settings: &HubSettings, id: &str) -> Result<PathBuf, HubError> {
    let id: HubId = id.parse().expect("an id");
    fetch(&id, settings, &mut |_| {}, &|| false).map(|f| f.path)
}

#[test]
fn the_chosen_gguf_file_is_fetched_alone_and_found_again_offline() {
    let (server, home) = (
        Server::start(&FILES),
        tempfile::tempdir().expect("a folder"),
    );
    let mut settings = settings(&server, home.path());
    let path = get(&settings, "org/name:q4_k_m").expect("fetched");
    assert!(path.ends_with("m-Q4_K_M.gguf"), "{}", path.display());
    assert_eq!(fs::read(&path).expect("there"), b"four");
    assert!(path.with_file_name("tokenizer.json").exists());
    assert!(!path.with_file_name("m-Q8_0.gguf").exists());
    settings.offline = true;
    assert_eq!(get(&settings, "org/name:Q4_K_M").expect("kept"), path);
    let other = get(&settings, "org/name:Q8_0").expect_err("not fetched");
    assert_eq!(other.id(), "hub-offline");
}

#[test]
fn all_parts_of_a_split_file_are_fetched_and_the_first_is_opened() {
    let (server, home) = (
        Server::start(&FILES),
        tempfile::tempdir().expect("a folder"),
    );
    let mut settings = settings(&server, home.path());
    let path = get(&settings, "org/name:F16").expect("fetched");
    assert!(path.ends_with("F16/m-F16-00001-of-00002.gguf"));
    assert_eq!(fs::read(&path).expect("there"), b"first");
    let second = path.with_file_name("m-F16-00002-of-00002.gguf");
    assert_eq!(fs::read(&second).expect("there"), b"second");
    settings.offline = true;
    assert_eq!(get(&settings, "org/name:F16").expect("kept"), path);
    fs::remove_file(&second).expect("removed");
    let said = get(&settings, "org/name:F16").expect_err("incomplete");
    assert!(said.to_string().contains("1 of the 2 parts"), "{said}");
}

#[test]
fn several_or_no_fitting_files_are_refused_with_the_choices() {
    let (server, home) = (
        Server::start(&FILES),
        tempfile::tempdir().expect("a folder"),
    );
    let settings = settings(&server, home.path());
    for id in ["org/name", "org/name:Q5_K_M"] {
        let said = get(&settings, id).expect_err("refused");
        assert_eq!(said.id(), "hub-no-weights");
        let said = said.to_string();
        for choice in ["m-Q4_K_M", "m-Q8_0", "F16/m-F16"] {
            assert!(said.contains(choice), "{said}");
        }
    }
}
