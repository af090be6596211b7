//! How the program ends: quickly, on purpose or not, and always with the terminal given back.

use std::time::Duration;

use super::harness::Session;

#[test]
fn quitting_during_work_is_quick() {
    let mut session = Session::start(&["--inputs", "128"], 120, 40);
    session.wait_for("steerability");
    session.send("q");
    let (elapsed, status) = session.wait_for_end();
    assert!(status.success());
    assert!(!session.in_alternate_screen());
    // The program itself waits at most 0.4 s; the rest is slack for a busy test machine.
    assert!(elapsed < Duration::from_secs(10), "{elapsed:?}");
}

#[test]
fn a_panic_of_the_interface_restores_the_terminal_and_writes_a_crash_file() {
    let mut session = Session::start(&["--crash", "ui", "--inputs", "8"], 100, 30);
    session.wait_for("8/8");
    session.send("x");
    let (_, status) = session.wait_for_end();
    assert_eq!(status.exit_code(), 101);
    assert!(!session.in_alternate_screen());
    assert!(
        session
            .screen()
            .contains("steerscope stopped because of a fault of its own"),
        "{}",
        session.screen()
    );
    let files = std::fs::read_dir(session.home().join("state")).unwrap();
    let crash = files
        .filter_map(Result::ok)
        .find(|f| f.file_name().to_string_lossy().starts_with("crash-"));
    let text = std::fs::read_to_string(crash.unwrap().path()).unwrap();
    assert!(text.contains("asked to panic on the first key"));
}

#[test]
fn a_panic_of_the_engine_becomes_a_panel_and_the_engine_restarts() {
    let mut session = Session::start(&["--crash", "engine", "--inputs", "8"], 120, 40);
    session.wait_for("8/8");
    session.send("]");
    session.wait_for("asked to panic on the second generation");
    assert!(session.in_alternate_screen());
    session.send("r");
    session.wait("a living engine", |s| {
        (!s.contains("asked to panic") && s.contains("8/8")).then_some(())
    });
}

#[cfg(unix)]
#[test]
fn sigterm_restores_the_terminal() {
    let mut session = Session::start(&["--inputs", "8"], 100, 30);
    session.wait_for("8/8");
    let pid = rustix::process::Pid::from_raw(i32::try_from(session.pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let (_, status) = session.wait_for_end();
    assert_eq!(status.exit_code(), 128 + 15);
    assert!(!session.in_alternate_screen());
}

#[test]
fn nothing_stray_is_printed_while_the_screen_is_up() {
    let mut session = Session::start(&["--inputs", "8"], 100, 30);
    session.wait_for("8/8");
    session.send("q");
    session.wait_for_end();
    let raw = String::from_utf8_lossy(&session.raw()).into_owned();
    let entered = raw
        .find("\x1b[?1049h")
        .expect("the alternate screen was entered");
    let left = raw
        .rfind("\x1b[?1049l")
        .expect("the alternate screen was left");
    assert!(
        raw[..entered]
            .trim_start_matches(|c: char| c.is_control())
            .len()
            < 64,
        "{:?}",
        &raw[..entered]
    );
    // Every line feed inside would scroll the screen; a frame is drawn with cursor moves alone.
    assert!(!raw[entered..left].contains('\n'));
}

#[test]
fn without_a_terminal_it_says_what_to_run() {
    let output = assert_cmd::Command::cargo_bin("steerscope")
        .unwrap()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.lines().count(), 1);
    assert!(
        said.contains("steerscope measure") || said.contains("'measure'"),
        "{said}"
    );
    assert!(output.stdout.is_empty());
}
