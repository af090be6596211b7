//! The command-line twins, run as a user runs them.

mod calibrate;
mod chat;
mod commands;
mod compare;
mod condition;
mod dataset;
mod extract;
mod families;
mod lab;
mod probe;
mod prompts;
mod published;
mod refusals;
mod runs;
mod shard;
mod sweep;
mod tokens;
mod units;
mod vectors;

pub(crate) use crate::reference::shared;

/// The binary with a private home.
pub fn steerscope(home: &tempfile::TempDir) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::cargo_bin("steerscope").unwrap();
    command.env("STEERSCOPE_HOME", home.path());
    command
}

/// A private home.
pub fn home() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Standard output of a successful run.
pub fn output(command: &mut assert_cmd::Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "exit {:?}: {said}",
        output.status.code()
    );
    String::from_utf8(output.stdout).unwrap()
}

/// Exit status and standard error of a run.
pub fn refusal(command: &mut assert_cmd::Command) -> (i32, String) {
    let output = command.output().unwrap();
    assert!(
        output.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}
