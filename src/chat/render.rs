//! Running a template: the functions it may call, and the limits it runs under.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use jiff::civil::DateTime;
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, Value};

use super::{ChatError, json, python};

/// Steps of a rendering. A long conversation takes some ten thousand. Texts that are joined in
/// variables and never written are not counted: they are limited by memory alone, as in Python.
const FUEL: u64 = 500_000;
/// Bytes of a rendered text; all that is written on the way may be some times that.
const MOST_OUTPUT: usize = 4 << 20;
const MOST_WRITTEN: usize = 4 * MOST_OUTPUT;
/// Macros within macros.
const DEPTH: usize = 200;
/// A template can nest lists as deeply as it has steps, and printing or dropping them takes a frame
/// for each level. Only the pages used are real memory.
const STACK: usize = 256 << 20;

/// Time for one rendering. Published templates take milliseconds; a few steps on very long texts can
/// take much longer than many on short ones.
const LONGEST: Duration = Duration::from_secs(10);

/// Name of the threads that templates run on. A panic there is an error of the template.
pub const CHAT_THREAD: &str = "steerscope-chat";

/// The words of `raise_exception`.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Raised(String);

/// Marks an error as one of [`MOST_WRITTEN`].
#[derive(Debug, thiserror::Error)]
#[error("too much output")]
struct Overflow;

/// Text that may grow up to [`MOST_OUTPUT`].
#[derive(Default)]
struct Capped(Vec<u8>);

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST_OUTPUT {
            return Err(io::Error::other(Overflow));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Compiles the template and nothing more.
pub(super) fn check(source: &Arc<str>, file: &Arc<str>) -> Result<(), ChatError> {
    let (source, name) = (Arc::clone(source), Arc::clone(file));
    apart(file, LONGEST, move || {
        let environment = environment(None, &name)?;
        let template = environment.template_from_named_str("chat template", &source);
        template.map(drop).map_err(|e| translated(&e, &name))
    })
}

/// The text that `source` makes of `context`, a map.
pub(super) fn render(
    source: &Arc<str>,
    file: &Arc<str>,
    context: Value,
    now: Option<DateTime>,
) -> Result<String, ChatError> {
    let (source, name) = (Arc::clone(source), Arc::clone(file));
    apart(file, LONGEST, move || {
        let environment = environment(now, &name)?;
        let mut out = Capped::default();
        environment
            .template_from_named_str("chat template", &source)
            .and_then(|t| t.render_captured_to(context, &mut out).map(drop))
            .map_err(|e| translated(&e, &name))?;
        String::from_utf8(out.0).map_err(|e| internal(&name, &e.to_string()))
    })
}

fn internal(file: &str, reason: &str) -> ChatError {
    ChatError::Failed {
        file: file.to_owned(),
        line: 0,
        reason: reason.to_owned(),
    }
}

/// Runs `work` on a thread with a large stack; a panic in it becomes an error. After `longest` the
/// caller goes on without it: the thread ends when its steps do.
fn apart<T: Send + 'static>(
    file: &str,
    longest: Duration,
    work: impl FnOnce() -> Result<T, ChatError> + Send + 'static,
) -> Result<T, ChatError> {
    let (done, result) = mpsc::sync_channel(1);
    thread::Builder::new()
        .name(CHAT_THREAD.to_owned())
        .stack_size(STACK)
        // Nobody listens any more after the time is over.
        .spawn(move || drop(done.send(work())))
        .map_err(|e| internal(file, &format!("no thread to render on ({e})")))?;
    match result.recv_timeout(longest) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => Err(ChatError::Limit {
            file: file.to_owned(),
            what: format!("more than {} s", longest.as_secs()),
        }),
        Err(RecvTimeoutError::Disconnected) => Err(internal(file, "the template library panicked")),
    }
}

fn environment(now: Option<DateTime>, file: &str) -> Result<Environment<'static>, ChatError> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .map_err(|e| internal(file, &e.to_string()))?;
    environment.set_syntax(syntax);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH);
    environment.set_unknown_method_callback(python::method);
    let written = AtomicUsize::new(0);
    environment.set_formatter(move |out, state, value| emit(out, state, value, &written));
    environment.add_filter("tojson", json::tojson);
    environment.add_filter("length", python::length);
    environment.add_filter("count", python::length);
    environment.add_test("iterable", python::is_iterable);
    environment.add_function(
        "raise_exception",
        |message: Value| -> Result<Value, Error> {
            let message = message.to_string();
            let error = Error::new(ErrorKind::InvalidOperation, message.clone());
            Err(error.with_source(Raised(message)))
        },
    );
    environment.add_function("strftime_now", move |format: &str| {
        let now = now.unwrap_or_else(|| jiff::Zoned::now().datetime());
        jiff::fmt::strtime::format(format, now)
            .map_err(|e| Error::new(ErrorKind::InvalidOperation, format!("strftime_now: {e}")))
    });
    Ok(environment)
}

/// Writes a value, counting also what goes into variables and macros.
fn emit(
    out: &mut Output<'_>,
    state: &mut State<'_, '_>,
    value: &Value,
    written: &AtomicUsize,
) -> Result<(), Error> {
    let bytes = value.as_str().map_or(0, str::len);
    if written.fetch_add(bytes, Ordering::Relaxed) + bytes > MOST_WRITTEN {
        return Err(Error::new(ErrorKind::WriteFailure, "too much output").with_source(Overflow));
    }
    minijinja::escape_formatter(out, state, value)
}

/// The first error of a type in a chain of causes.
fn cause<T: std::error::Error + 'static>(error: &Error) -> Option<&T> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = std::error::Error::source(error);
    while let Some(this) = next {
        if let Some(found) = this.downcast_ref() {
            return Some(found);
        }
        next = this.source();
    }
    None
}

fn translated(error: &Error, file: &str) -> ChatError {
    if let Some(Raised(message)) = cause(error) {
        return ChatError::Refused {
            message: message.clone(),
        };
    }
    let file = file.to_owned();
    let line = error.line().unwrap_or(0);
    let detail = error.detail().unwrap_or_default();
    let limit = |what: String| ChatError::Limit {
        file: file.clone(),
        what,
    };
    let reason = if detail.is_empty() {
        error.kind().to_string()
    } else {
        format!("{}: {detail}", error.kind())
    };
    match error.kind() {
        ErrorKind::OutOfFuel => limit(format!("more than {FUEL} steps")),
        ErrorKind::WriteFailure => limit(format!("more than {} MiB of text", MOST_OUTPUT >> 20)),
        ErrorKind::SyntaxError | ErrorKind::BadEscape => ChatError::Syntax { file, line, reason },
        _ if detail.contains("recursion limit") => limit(format!("more than {DEPTH} macros deep")),
        _ => ChatError::Failed { file, line, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_and_what_panics_are_errors() {
        let slow = || {
            thread::sleep(Duration::from_secs(1));
            Ok(())
        };
        let error = apart("x", Duration::from_millis(1), slow).map_err(|e| e.id());
        assert_eq!(error, Err("chat-template-limit"));
        let panics = || -> Result<(), ChatError> { std::panic::resume_unwind(Box::new(())) };
        let error = apart("x", LONGEST, panics).map_err(|e| e.id());
        assert_eq!(error, Err("chat-template-failed"));
    }
}
