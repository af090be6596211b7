//! What a panic does: on the interface thread the terminal is given back and a crash file written;
//! on the engine thread nothing is touched, the worker turns it into a panel.

use std::backtrace::Backtrace;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::panic::{self, PanicHookInfo};
use std::path::{Path, PathBuf};

use super::terminal;
use crate::chat::CHAT_THREAD;
use crate::worker::{ENGINE_THREAD, FETCH_THREAD};

/// Installs the policy. `directory` receives the crash files.
pub(crate) fn install(directory: PathBuf) {
    panic::set_hook(Box::new(move |info| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("unnamed");
        let report = report(info, name);
        if [ENGINE_THREAD, FETCH_THREAD, CHAT_THREAD].contains(&name) {
            // The screen is alive and will say so; the details go where standard error goes.
            write_file(&directory, &report);
            return;
        }
        terminal::give_back();
        say(&directory, &report, info);
    }));
}

/// The screen has been given back; with standard error closed nobody can be told.
fn say(directory: &Path, report: &str, info: &PanicHookInfo<'_>) {
    let mut err = io::stderr();
    let reason = reason(info);
    let _ = writeln!(
        err,
        "steerscope stopped because of a fault of its own: {reason}"
    );
    let _ = match write_file(directory, report) {
        Some(path) => {
            writeln!(
                err,
                "Details are in '{}'; please attach that file to a report.",
                path.display()
            )
        }
        None => writeln!(err, "{report}"),
    };
}

fn reason(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no reason given".to_string())
}

/// Version, place, thread and backtrace; never prompt text.
fn report(info: &PanicHookInfo<'_>, thread: &str) -> String {
    let mut text = String::new();
    let place = info
        .location()
        .map_or_else(|| "unknown".to_string(), ToString::to_string);
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "steerscope {} on {} {}",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH
    );
    let _ = writeln!(
        text,
        "thread: {thread}\nplace: {place}\nreason: {}",
        reason(info)
    );
    let _ = writeln!(text, "TERM={}", std::env::var("TERM").unwrap_or_default());
    let _ = writeln!(text, "\n{}", Backtrace::force_capture());
    text
}

fn write_file(directory: &Path, report: &str) -> Option<PathBuf> {
    fs::create_dir_all(directory).ok()?;
    let path = directory.join(format!("crash-{}.txt", std::process::id()));
    fs::write(&path, report).ok()?;
    Some(path)
}
