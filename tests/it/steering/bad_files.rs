//! Folders of files that must be refused; each file's name begins with the id it must give.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use steerscope::steering::SteeringVector;
use steerscope::steering::dataset::Dataset;

fn fixtures(folder: &str) -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(folder);
    let mut files: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    let id = |path: &PathBuf| {
        path.file_name()
            .unwrap()
            .to_string_lossy()
            .split("--")
            .next()
            .unwrap()
            .to_owned()
    };
    files.into_iter().map(|path| (id(&path), path)).collect()
}

fn check(folder: &str, least: usize, refuse: impl Fn(&Path) -> Option<(&'static str, String)>) {
    let files = fixtures(folder);
    let kinds: BTreeSet<&String> = files.iter().map(|(id, _)| id).collect();
    assert!(
        kinds.len() >= least,
        "only {} kinds of bad files",
        kinds.len()
    );
    for (id, path) in &files {
        let name = path.file_name().unwrap().to_string_lossy();
        let (got, message) = refuse(path).unwrap_or_else(|| panic!("{name} was accepted"));
        assert_eq!(got, id, "{name}: {message}");
        assert!(
            message.contains(&*name),
            "{name}: the message does not name the file: {message}"
        );
        println!("{id}: {message}");
    }
}

#[test]
fn malformed_data_sets_are_refused_by_id_and_file() {
    check("datasets", 8, |path| {
        Dataset::load(path).err().map(|e| (e.id(), e.to_string()))
    });
    let missing = Dataset::load(Path::new("no/such/file.jsonl")).unwrap_err();
    assert_eq!(missing.id(), "dataset-missing");
    assert_eq!(
        Dataset::load(Path::new("/")).unwrap_err().id(),
        "dataset-unreadable"
    );
}

#[test]
fn malformed_vectors_are_refused_by_id_and_file() {
    check("vectors", 10, |path| {
        SteeringVector::load(path)
            .err()
            .map(|e| (e.id(), e.to_string()))
    });
}

#[test]
fn errors_of_rows_carry_line_and_field() {
    let refuse = |text: &str| {
        Dataset::from_bytes("f.jsonl", text.as_bytes())
            .unwrap_err()
            .to_string()
    };
    let good = "{\"prompt\":\"p\",\"positive\":\" a\",\"negative\":\" b\"}\n";
    assert_eq!(
        refuse(&format!("{good}\n{{\"prompt\":\"p\",\"positive\":\" a\"}}")),
        "'f.jsonl' line 3, field 'negative' is missing; add it or remove the row"
    );
    assert_eq!(
        refuse(&format!(
            "{good}{{\"prompt\":\"p\",\"positive\":[1],\"negative\":\"x\"}}"
        )),
        "'f.jsonl' line 2, field 'positive' is a list where text is needed; correct the row"
    );
    assert!(
        refuse(&format!("{good}{good}{{\"prompt\""))
            .starts_with("'f.jsonl' line 3 is not valid JSON")
    );
    let toml =
        "[[rows]]\npositive = 'a'\nnegative = 'b'\n\n[[rows]]\npositive = ''\nnegative = 'b'\n";
    assert_eq!(
        refuse(toml),
        "'f.jsonl' line 5, field 'positive' is empty; fill it in or remove the row"
    );
}
