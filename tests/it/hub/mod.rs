//! Models from the hub, against a server on this machine.

mod choice;
pub(crate) mod server;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use server::{COMMIT, Server};
use steerscope::hub::{Fetched, HubError, HubId, HubSettings, fetch};

const CONFIG: &[u8] = br#"{"model_type":"llama"}"#;
const TOKENIZER: &[u8] = b"{\"version\":\"1.0\"}";

fn weights() -> Vec<u8> {
    (0..300_000u32).flat_map(u32::to_le_bytes).collect()
}

fn server() -> Server {
    Server::start(&[
        ("config.json", CONFIG),
        ("tokenizer.json", TOKENIZER),
        ("README.md", b"not wanted"),
        ("model.safetensors", &weights()),
    ])
}

pub(super) fn settings(server: &Server, cache: &Path) -> HubSettings {
    HubSettings {
        endpoint: server.endpoint(),
        cache: cache.join("hub"),
        token: None,
        offline: false,
        retries: 2,
    }
}

fn get(settings: &HubSettings) -> Result<Fetched, HubError> {
    let id: HubId = "org/name".parse().expect("an id");
    fetch(&id, settings, &mut |_| {}, &|| false)
}

#[test]
fn a_model_is_fetched_once_and_found_again_without_a_network() {
    let (server, home) = (server(), tempfile::tempdir().expect("a folder"));
    let mut settings = settings(&server, home.path());
    let mut steps = Vec::new();
    let id: HubId = "org/name".parse().expect("an id");
    let first = fetch(
        &id,
        &settings,
        &mut |s| steps.push((s.file.to_owned(), s.number, s.of, s.done, s.size)),
        &|| false,
    )
    .expect("fetched");
    assert_eq!(first.commit, COMMIT);
    assert_eq!(
        fs::read(first.path.join("model.safetensors")).expect("there"),
        weights()
    );
    assert!(!first.path.join("README.md").exists());
    let last = steps.last().expect("progress");
    assert_eq!(
        *last,
        ("model.safetensors".to_owned(), 3, 3, 1_200_000, 1_200_000)
    );
    // The layout is the Python library's.
    let repo = settings.cache.join("models--org--name");
    assert_eq!(
        fs::read_to_string(repo.join("refs/main")).expect("a reference"),
        COMMIT
    );
    assert_eq!(first.path, repo.join("snapshots").join(COMMIT));
    #[cfg(unix)]
    assert!(
        fs::read_link(first.path.join("config.json"))
            .expect("a link")
            .starts_with("../../blobs")
    );

    let downloads = server.downloads();
    assert_eq!(get(&settings).expect("kept"), first);
    assert_eq!(server.downloads(), downloads, "nothing is fetched twice");
    settings.offline = true;
    let asked = server.log().len();
    assert_eq!(get(&settings).expect("offline"), first);
    assert_eq!(server.log().len(), asked);
    // Without a network but not told so: the same, with a word about it.
    settings.offline = false;
    settings.endpoint = "http://127.0.0.1:9".to_owned();
    let stale = get(&settings).expect("the cache serves");
    assert_eq!(stale.path, first.path);
    assert!(stale.stale.expect("a remark").contains("127.0.0.1:9"));
}

#[test]
fn a_broken_transfer_goes_on_where_it_stopped() {
    let (server, home) = (server(), tempfile::tempdir().expect("a folder"));
    server.change(|m| {
        m.files.remove("README.md");
        // Two small files pass, the weights break twice.
        m.break_after = vec![usize::MAX, usize::MAX, 400_000, 300_000];
    });
    let fetched = get(&settings(&server, home.path())).expect("fetched in three pieces");
    assert_eq!(
        fs::read(fetched.path.join("model.safetensors")).expect("there"),
        weights()
    );
}

#[test]
fn a_transfer_that_stays_broken_is_kept_for_the_next_time() {
    let (server, home) = (server(), tempfile::tempdir().expect("a folder"));
    let settings = settings(&server, home.path());
    server.change(|m| m.break_after = vec![usize::MAX, usize::MAX, 500_000, 0, 0, 0]);
    let error = get(&settings).expect_err("broken");
    assert_eq!(error.id(), "hub-broken-transfer");
    let message = error.to_string();
    assert!(message.contains("500000 of 1200000"), "{message}");
    server.change(|m| m.break_after.clear());
    let fetched = get(&settings).expect("the rest");
    assert_eq!(
        fs::read(fetched.path.join("model.safetensors")).expect("there"),
        weights()
    );
}

#[test]
fn a_server_without_ranges_is_read_from_the_beginning() {
    let (server, home) = (server(), tempfile::tempdir().expect("a folder"));
    server.change(|m| {
        m.break_after = vec![usize::MAX, usize::MAX, 400_000];
        m.no_ranges = true;
    });
    let fetched = get(&settings(&server, home.path())).expect("fetched");
    assert_eq!(
        fs::read(fetched.path.join("model.safetensors")).expect("there"),
        weights()
    );
}

#[test]
fn damage_on_the_way_is_noticed_and_not_kept() {
    let (server, home) = (server(), tempfile::tempdir().expect("a folder"));
    let settings = settings(&server, home.path());
    server.change(|m| m.corrupt = true);
    assert_eq!(get(&settings).expect_err("damaged").id(), "hub-damaged");
    server.change(|m| m.corrupt = false);
    get(&settings).expect("a second try is clean");
}

#[test]
fn private_models_need_a_token_that_no_other_host_sees() {
    let (server, home) = (server(), tempfile::tempdir().expect("a folder"));
    let mut settings = settings(&server, home.path());
    server.change(|m| m.token = Some("hf_secret".to_owned()));
    let refused = get(&settings).expect_err("no token");
    assert_eq!(refused.id(), "hub-refused");
    assert!(refused.to_string().contains("HF_TOKEN"));
    settings.token = Some("hf_wrong".to_owned());
    assert!(
        get(&settings)
            .expect_err("wrong")
            .to_string()
            .contains("your token")
    );
    settings.token = Some("hf_secret".to_owned());
    get(&settings).expect("fetched");
    let leaked = server
        .log()
        .into_iter()
        .any(|(path, token)| path.starts_with("/cdn/") && token.is_some());
    assert!(!leaked, "the token went to the download host");
}

#[test]
fn what_is_not_there_is_said_plainly() {
    let (server, home) = (server(), tempfile::tempdir().expect("a folder"));
    let mut settings = settings(&server, home.path());
    let ask = |id: &str, settings: &HubSettings| {
        let id: HubId = id.parse().expect("an id");
        fetch(&id, settings, &mut |_| {}, &|| false).expect_err("refused")
    };
    assert_eq!(ask("org/other", &settings).id(), "hub-not-found");
    assert_eq!(ask("org/name@v2", &settings).id(), "hub-not-found");
    server.change(|m| {
        m.files.remove("model.safetensors");
        m.files.insert("pytorch_model.bin".to_owned(), vec![1]);
    });
    let pickled = ask("org/name", &settings);
    assert_eq!(pickled.id(), "hub-no-weights");
    assert!(pickled.to_string().contains("pickled"));
    settings.offline = true;
    let offline = ask("org/name", &settings);
    assert_eq!(offline.id(), "hub-offline");
    assert!(offline.to_string().contains("HF_HUB_OFFLINE"));
}

#[test]
fn shards_are_fetched_by_their_index() {
    let server = Server::start(&[
        ("config.json", CONFIG),
        ("tokenizer.json", TOKENIZER),
        (
            "model.safetensors.index.json",
            br#"{"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}"#,
        ),
        ("model-00001-of-00002.safetensors", b"one"),
        ("model-00002-of-00002.safetensors", b"two"),
    ]);
    let home = tempfile::tempdir().expect("a folder");
    let mut settings = settings(&server, home.path());
    let fetched = get(&settings).expect("fetched");
    for (file, content) in [("00001", b"one"), ("00002", b"two")] {
        let path = fetched
            .path
            .join(format!("model-{file}-of-00002.safetensors"));
        assert_eq!(fs::read(path).expect("a shard"), content);
    }
    // A cache that lost a shard is not complete.
    fs::remove_file(fetched.path.join("model-00002-of-00002.safetensors")).expect("removed");
    settings.offline = true;
    let message = get(&settings).expect_err("incomplete").to_string();
    assert!(message.contains("model-00002"), "{message}");
}

#[test]
fn stopping_keeps_what_arrived() {
    let (server, home) = (server(), tempfile::tempdir().expect("a folder"));
    let settings = settings(&server, home.path());
    let id: HubId = "org/name".parse().expect("an id");
    let asked = AtomicUsize::new(0);
    let stop = || asked.fetch_add(1, Ordering::Relaxed) > 8;
    let error = fetch(&id, &settings, &mut |_| {}, &stop).expect_err("stopped");
    assert_eq!(error.id(), "cancelled");
    let blobs = settings.cache.join("models--org--name/blobs");
    let part = fs::read_dir(blobs)
        .expect("blobs")
        .flatten()
        .find(|e| e.path().extension().is_some_and(|x| x == "part"))
        .expect("a part");
    assert!(part.metadata().expect("there").len() > 0);
    get(&settings).expect("the rest");
}

#[test]
fn ids_are_told_from_other_text() {
    for good in [
        "org/name",
        "HuggingFaceTB/SmolLM2-135M",
        "a/b@v1.0",
        "a/b@refs/pr/1",
        "gpt2",
        "gpt2@v1",
        "a/b:Q4_K_M",
        "a/b@v1:sub/m-Q8_0.gguf",
    ] {
        let id: HubId = good.parse().expect(good);
        assert_eq!(id.to_string(), good);
    }
    for bad in [
        "a/b:",
        "a/b:../x",
        "a/b:c:d",
        "C:\\models",
        "/org/name",
        "org/name/more",
        "../name",
        "org/..",
        "org/name@",
        "",
        "a b/c",
    ] {
        assert!(bad.parse::<HubId>().is_err(), "{bad}");
    }
}

#[test]
fn a_model_with_a_name_alone_is_fetched_from_where_it_is_now() {
    let (server, home) = (server(), tempfile::tempdir().expect("a folder"));
    let settings = settings(&server, home.path());
    let id: HubId = "gpt2".parse().expect("an id");
    let fetched = fetch(&id, &settings, &mut |_| {}, &|| false).expect("fetched");
    // Where the Python library puts it.
    let snapshots = settings.cache.join("models--gpt2/snapshots");
    assert_eq!(fetched.path, snapshots.join(COMMIT));
    assert_eq!(
        fs::read(fetched.path.join("model.safetensors")).expect("there"),
        weights()
    );
}

#[test]
fn the_command_line_runs_a_model_of_the_hub() {
    let (server, home) = (Server::with_model(), crate::cli::home());
    let generate = |model: &str, offline: &str| {
        let mut command = crate::cli::steerscope(&home);
        command
            .env("HF_ENDPOINT", server.endpoint())
            .env("HF_HOME", home.path())
            .env("HF_HUB_OFFLINE", offline)
            .args([
                "generate",
                "--model",
                model,
                "--prompt",
                "Once",
                "--max-tokens",
                "4",
            ]);
        command
    };
    let online = crate::cli::output(&mut generate("org/name", "0"));
    assert!(!online.trim().is_empty());
    assert_eq!(crate::cli::output(&mut generate("org/name", "1")), online);
    let (code, said) = crate::cli::refusal(&mut generate("org/other", "1"));
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("org/other") && said.contains("HF_HUB_OFFLINE"),
        "{said}"
    );
}

#[test]
fn words_that_could_be_a_path_are_one_where_there_is_one_and_else_a_hub_id() {
    let (server, home) = (Server::with_model(), crate::cli::home());
    let generate = |model: &str| {
        let mut command = crate::cli::steerscope(&home);
        command
            .current_dir(home.path())
            .env("HF_ENDPOINT", server.endpoint())
            .env("HF_HOME", home.path().join("hf"))
            .args(["generate", "--prompt", "Once", "--max-tokens", "4"])
            .args(["--model", model]);
        command
    };
    let fetched = crate::cli::output(&mut generate("gpt2"));
    assert!(!fetched.trim().is_empty());
    // Neither a path nor a model: both readings are named.
    let (code, said) = crate::cli::refusal(&mut generate("gtp2"));
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("no file or folder 'gtp2'") && said.contains("hub has no 'gtp2'"),
        "{said}"
    );
    // A folder of the name goes first, and nothing is asked of the hub.
    let asked = server.log().len();
    fs::create_dir(home.path().join("gpt2")).expect("a folder");
    let (_, said) = crate::cli::refusal(&mut generate("gpt2"));
    assert!(said.contains("config.json"), "{said}");
    assert_eq!(server.log().len(), asked);
}
