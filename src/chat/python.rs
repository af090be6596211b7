//! Where Python's values behave otherwise than those of the template library: methods of strings,
//! what can be iterated, the length of what is not defined.

use minijinja::value::{ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat;

/// Method that stands for the slice `[::-1]`.
pub(super) const REVERSED: &str = "__reversed__";

/// The test `iterable`: None and numbers are not, but what is not defined is.
pub(super) fn is_iterable(value: &Value) -> bool {
    !value.is_none() && value.try_iter().is_ok()
}

/// The filter `length`: nothing for what is not defined.
pub(super) fn length(value: &Value) -> Result<usize, Error> {
    if value.is_undefined() {
        return Ok(0);
    }
    let none = || {
        Error::new(
            ErrorKind::InvalidOperation,
            format!("{} has no length", value.kind()),
        )
    };
    value.len().ok_or_else(none)
}

/// Called for every method that the template library itself does not know.
pub(super) fn method(
    state: &mut State,
    value: &Value,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    if name == REVERSED && args.is_empty() {
        return reversed(value);
    }
    let own = value.as_str().map(|text| string_method(text, name, args));
    match own {
        Some(Some(done)) => done,
        // A dictionary's copy is the dictionary, nothing can change it.
        None if name == "copy" && args.is_empty() && value.kind() == ValueKind::Map => {
            Ok(value.clone())
        }
        _ => pycompat::unknown_method_callback(state, value, name, args),
    }
}

/// A text backwards, or a list.
fn reversed(value: &Value) -> Result<Value, Error> {
    match (value.as_str(), value.kind()) {
        (Some(text), _) => Ok(text.chars().rev().collect::<String>().into()),
        (None, ValueKind::Seq | ValueKind::Iterable) => {
            let mut items: Vec<Value> = value.try_iter()?.collect();
            items.reverse();
            Ok(items.into())
        }
        _ => Err(bad("only a text or a list can be turned round")),
    }
}

/// `None`: no such method here.
fn string_method(text: &str, name: &str, args: &[Value]) -> Option<Result<Value, Error>> {
    let one = || from_args::<(&str,)>(args).map(|(a,)| a);
    Some(match name {
        "removeprefix" => one().map(|a| text.strip_prefix(a).unwrap_or(text).into()),
        "removesuffix" => one().map(|a| text.strip_suffix(a).unwrap_or(text).into()),
        "partition" => one().and_then(|a| parts(text, a, text.split_once(a), false)),
        "rpartition" => one().and_then(|a| parts(text, a, text.rsplit_once(a), true)),
        "rsplit" => rsplit(text, args),
        "index" => one().and_then(|a| {
            let at = text.find(a);
            let at = at.ok_or_else(|| bad("index: the text does not occur"))?;
            Ok(text.get(..at).unwrap_or_default().chars().count().into())
        }),
        _ => return None,
    })
}

fn bad(reason: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}

fn parts(
    text: &str,
    separator: &str,
    found: Option<(&str, &str)>,
    last: bool,
) -> Result<Value, Error> {
    if separator.is_empty() {
        return Err(bad("the separator is empty"));
    }
    let parts = match found {
        Some((before, after)) => [before, separator, after],
        None if last => ["", "", text],
        None => [text, "", ""],
    };
    Ok(parts.into_iter().map(Value::from).collect())
}

/// Splits from the right, at a separator or at white space, at most so often.
fn rsplit(text: &str, args: &[Value]) -> Result<Value, Error> {
    let (separator, most): (Option<&str>, Option<i64>) = from_args(args)?;
    let most = most.and_then(|n| usize::try_from(n).ok());
    let mut out = match (separator, most) {
        (Some(""), _) => return Err(bad("rsplit: the separator is empty")),
        (Some(s), Some(n)) => text.rsplitn(n.saturating_add(1), s).collect(),
        (Some(s), None) => text.rsplit(s).collect(),
        (None, most) => {
            let mut out = Vec::new();
            let mut rest = text.trim();
            while !rest.is_empty() {
                match rest.rsplit_once(char::is_whitespace) {
                    Some((before, word)) if most.is_none_or(|n| out.len() < n) => {
                        out.push(word);
                        rest = before.trim_end();
                    }
                    _ => {
                        out.push(rest);
                        break;
                    }
                }
            }
            out
        }
    };
    out.reverse();
    Ok(out.into_iter().map(Value::from).collect())
}
