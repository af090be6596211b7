//! Files against the libraries they come from; `tests/peers/README.md` says how to install them.

use std::path::Path;
use std::process::Command;

use crate::reference::shared;

#[test]
#[ignore = "needs Python libraries, see tests/peers/README.md"]
fn files_pass_between_the_libraries_and_this_program() {
    let Some(root) = shared("oracle") else {
        return;
    };
    let Some(python) = std::env::var_os("STEERSCOPE_PEERS_PYTHON") else {
        println!(
            "skipped: STEERSCOPE_PEERS_PYTHON names no interpreter, see tests/peers/README.md"
        );
        return;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/peers.py");
    let done = Command::new(python)
        .arg(script)
        .args(["--steerscope", env!("CARGO_BIN_EXE_steerscope")])
        .arg("--shared")
        .arg(root.parent().expect("a folder"))
        .output()
        .expect("Python runs");
    println!("{}", String::from_utf8_lossy(&done.stdout));
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
}
