//! Start of the whole program on the bundled model: process to first token, to first frame.
//!
//! `cargo bench --bench start` prints minimum, median and maximum in milliseconds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    unreachable_pub,
    reason = "a bench that cannot be set up should stop; the harness is shared with the tests"
)]

#[path = "../tests/it/pty/harness.rs"]
mod harness;

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::Session;

const RUNS: usize = 15;

fn main() {
    let home = tempfile::tempdir().unwrap();
    let first = || {
        let begin = Instant::now();
        // One token: its text is printed as soon as it is there.
        let mut child = Command::new(env!("CARGO_BIN_EXE_steerscope"))
            .args(["generate", "--prompt", "Once upon a time"])
            .args(["--max-tokens", "1"])
            .env("STEERSCOPE_HOME", home.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut byte = [0];
        child.stdout.take().unwrap().read_exact(&mut byte).unwrap();
        let took = begin.elapsed();
        assert!(child.wait().unwrap().success());
        took
    };
    report(
        "generate, start to first token",
        (0..RUNS).map(|_| first()).collect(),
    );
    let (mut frames, mut texts) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let begin = Instant::now();
        let session = Session::start(&["--inputs", "128"], 120, 40);
        session.wait("a frame", |s| s.contains("steerscope").then_some(()));
        frames.push(begin.elapsed());
        session.wait("a token", |s| has_text(s).then_some(()));
        texts.push(begin.elapsed());
    }
    report("screen, start to first frame", frames);
    report("screen, start to first token", texts);
}

/// Whether the first line of the unsteered pane has words: notices stand in its middle.
fn has_text(screen: &str) -> bool {
    let mut lines = screen.lines().skip_while(|l| !l.contains("2 unsteered"));
    let line = lines.nth(1).unwrap_or_default();
    let pane = line.split('│').nth(3).unwrap_or_default();
    pane.chars().any(char::is_alphabetic)
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    println!(
        "{what}: min {:.0}  median {:.0}  max {:.0} ms  ({} runs)",
        ms(times[0]),
        ms(times[times.len() / 2]),
        ms(times[times.len() - 1]),
        times.len()
    );
}
