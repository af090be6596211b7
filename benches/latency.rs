//! Key → drawn frame in the real binary: idle, and while the engine computes.
//!
//! `cargo bench --bench latency` prints minimum, median, p95 and maximum in milliseconds. The
//! program runs in a pseudo-terminal; a key counts as answered when the screen has changed.

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

use std::time::{Duration, Instant};

use harness::Session;

const KEYS: usize = 60;

fn main() {
    let mut session = Session::start(&["--inputs", "128"], 120, 40);
    session.wait_for("128/128");
    session.wait_for("end of text");

    // The focus moves: borders and hints change, the engine has nothing to do.
    let idle = (0..KEYS).map(|_| timed(&mut session, "\t")).collect();
    report("idle", idle);

    // Every key moves the coefficient to a new value: the steered text and all inputs are computed
    // again, and the next key comes before that is done.
    session.send("65");
    session.wait("the coefficient pane", |s| {
        s.contains("┏ 5 coefficient").then_some(())
    });
    let mut busy = Vec::with_capacity(KEYS);
    for i in 0..KEYS {
        let before = line(&session.screen(), "c·‖v‖");
        let begin = Instant::now();
        session.send(if (i / 15) % 2 == 0 { "l" } else { "h" });
        session.wait("another coefficient", |s| {
            (line(s, "c·‖v‖") != before).then_some(())
        });
        busy.push(begin.elapsed());
    }
    report("engine busy", busy);
}

fn timed(session: &mut Session, key: &str) -> Duration {
    let before = session.screen();
    let begin = Instant::now();
    session.send(key);
    session.wait("a changed screen", |s| (s != before).then_some(()));
    begin.elapsed()
}

fn line(screen: &str, mark: &str) -> Option<String> {
    screen
        .lines()
        .find(|l| l.contains(mark))
        .map(ToString::to_string)
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    let at = |q: f64| ms(times[((times.len() - 1) as f64 * q).round() as usize]);
    println!(
        "key to frame, {what}: min {:.1}  median {:.1}  p95 {:.1}  max {:.1} ms  ({} keys)",
        at(0.0),
        at(0.5),
        at(0.95),
        at(1.0),
        times.len()
    );
}
