//! The laboratory in the real program, on the bundled model.

use super::harness::Session;

/// F4 as terminals send it.
const F4: &str = "\x1bOS";
const F3: &str = "\x1bOR";
const F9: &str = "\x1b[20~";

#[test]
fn the_layers_fill_the_map_moves_the_sliders_and_a_new_session_finds_them_in_the_store() {
    let mut session = Session::start(&["--inputs", "12", "--vector", "kindness"], 120, 40);
    session.wait_for("12/12");
    session.send(F4);
    session.wait_for("suggested: block 2");
    session.wait_for("swept in");
    session.send("j");
    session.wait("block 3 in the title", |s| {
        s.contains("block 3/6").then_some(())
    });
    session.send("\r");
    session.wait_for("unsteered");
    session.send("q");
    let home = session.home().to_owned();
    let (_, status) = session.wait_for_end();
    assert!(status.success());
    let store = home.join("data").join("runs.sqlite");
    assert!(store.exists(), "{}", store.display());
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_steerscope"))
        .args(["runs", "list", "--store"])
        .arg(&store)
        .output()
        .expect("the program runs");
    let list = String::from_utf8_lossy(&output.stdout);
    assert!(list.lines().count() >= 13, "7 blocks twice: {list}");
    assert!(list.contains("kindness"), "{list}");
}

#[test]
fn controls_say_how_far_the_vector_stands_apart() {
    let mut session = Session::start(&["--inputs", "12", "--vector", "kindness"], 120, 40);
    session.wait_for("12/12");
    session.send(F9);
    session.wait_for("against random directions");
    session.wait_for("16 orthogonal to it");
    session.wait_for("n 12/12");
    // Escape would stop a study that is about to end.
    session.send(F3);
    session.wait_for("unsteered");
    session.send("K");
    session.wait("z beside the mean", |s| s.contains(" z +").then_some(()));
    session.send("q");
    assert!(session.wait_for_end().1.success());
}
