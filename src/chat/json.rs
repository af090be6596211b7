//! The `tojson` filter: what Python's `json.dumps(value, ensure_ascii=False, …)` writes.

use std::fmt::Write as _;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, Value};

/// Deeper values than this are refused.
const DEPTH: usize = 200;

/// Arguments of `json.dumps`.
struct Style {
    ascii: bool,
    /// Text per level; `None`: all on one line.
    indent: Option<String>,
    item: String,
    key: String,
    sorted: bool,
}

/// The filter, with the arguments that transformers gives it; `sort_keys` by name only.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the template library hands them over so"
)]
pub(super) fn tojson(
    value: &Value,
    ensure_ascii: Option<Value>,
    indent: Option<Value>,
    separators: Option<Value>,
    named: Kwargs,
) -> Result<String, Error> {
    let given = |positional: Option<Value>, name: &str| -> Result<Option<Value>, Error> {
        let value = match positional {
            Some(value) => Some(value),
            None => named.get::<Option<Value>>(name)?,
        };
        Ok(value.filter(|v| !v.is_none() && !v.is_undefined()))
    };
    let ascii = given(ensure_ascii, "ensure_ascii")?.is_some_and(|v| v.is_true());
    let indent = match given(indent, "indent")? {
        None => None,
        Some(text) if text.as_str().is_some() => text.as_str().map(str::to_owned),
        // Python counts True as 1 and takes a negative number as none.
        Some(number) if number.kind() == ValueKind::Bool => {
            Some(" ".repeat(usize::from(number.is_true())))
        }
        Some(number) => {
            let wide = || bad("tojson: indent is neither a small number nor a text");
            let spaces = number.as_i64().filter(|n| *n <= 64).ok_or_else(wide)?;
            Some(" ".repeat(usize::try_from(spaces).unwrap_or(0)))
        }
    };
    let (item, key) = match given(separators, "separators")? {
        None if indent.is_some() => (",".to_owned(), ": ".to_owned()),
        None => (", ".to_owned(), ": ".to_owned()),
        Some(pair) => {
            let parts: Vec<Value> = pair.try_iter()?.collect();
            match parts.as_slice() {
                [item, key] => (item.to_string(), key.to_string()),
                _ => return Err(bad("tojson: separators are not two texts")),
            }
        }
    };
    let sorted = given(None, "sort_keys")?.is_some_and(|v| v.is_true());
    named.assert_all_used()?;
    let style = Style {
        ascii,
        indent,
        item,
        key,
        sorted,
    };
    let mut out = String::new();
    put(&mut out, value, &style, 0)?;
    Ok(out)
}

fn bad(reason: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason.into())
}

fn put(out: &mut String, value: &Value, style: &Style, depth: usize) -> Result<(), Error> {
    if depth > DEPTH {
        return Err(bad("tojson: the value is nested too deeply"));
    }
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number => out.push_str(&number(value)),
        ValueKind::String => quoted(out, value.as_str().unwrap_or_default(), style.ascii),
        ValueKind::Seq | ValueKind::Iterable => {
            let items: Vec<Value> = value.try_iter()?.collect();
            list(out, &items, ('[', ']'), style, depth, |out, item| {
                put(out, item, style, depth + 1)
            })?;
        }
        ValueKind::Map => {
            let mut pairs = Vec::new();
            for key in value.try_iter()? {
                pairs.push((name(&key)?, value.get_item(&key)?));
            }
            if style.sorted {
                pairs.sort_by(|a, b| a.0.cmp(&b.0));
            }
            list(out, &pairs, ('{', '}'), style, depth, |out, (key, item)| {
                quoted(out, key, style.ascii);
                out.push_str(&style.key);
                put(out, item, style, depth + 1)
            })?;
        }
        other => return Err(bad(format!("tojson: {other} cannot be written as JSON"))),
    }
    Ok(())
}

fn list<T>(
    out: &mut String,
    items: &[T],
    (open, close): (char, char),
    style: &Style,
    depth: usize,
    mut each: impl FnMut(&mut String, &T) -> Result<(), Error>,
) -> Result<(), Error> {
    let line = |out: &mut String, depth: usize| {
        if let Some(indent) = style.indent.as_ref().filter(|_| !items.is_empty()) {
            out.push('\n');
            out.push_str(&indent.repeat(depth));
        }
    };
    out.push(open);
    for (i, item) in items.iter().enumerate() {
        if i > 0 {
            out.push_str(&style.item);
        }
        line(out, depth + 1);
        each(out, item)?;
    }
    line(out, depth);
    out.push(close);
    Ok(())
}

/// A key as text: Python writes numbers, truth values and None as JSON does.
fn name(key: &Value) -> Result<String, Error> {
    match key.kind() {
        ValueKind::String => Ok(key.as_str().unwrap_or_default().to_owned()),
        ValueKind::None => Ok("null".to_owned()),
        ValueKind::Bool => Ok(if key.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::Number => Ok(number(key)),
        other => Err(bad(format!("tojson: {other} cannot be a key"))),
    }
}

fn quoted(out: &mut String, text: &str, ascii: bool) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if c < ' ' || (ascii && c >= '\u{7f}') => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn number(value: &Value) -> String {
    if value.is_integer() {
        return value.to_string();
    }
    f64::try_from(value.clone()).map_or_else(|_| value.to_string(), float)
}

/// Python's `repr` of a float: the shortest digits, an exponent below 1e-4 and from 1e16 on.
fn float(x: f64) -> String {
    if x.is_nan() {
        return "NaN".to_owned();
    }
    if x.is_infinite() {
        return if x > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let short = format!("{x:e}");
    let Some((digits, exponent)) = short.split_once('e') else {
        return short;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        return format!("{x:?}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::float;

    #[test]
    fn floats_are_written_as_python_writes_them() {
        let cases = [
            (0.0, "0.0"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.25e-7, "1.25e-07"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1e300, "1e+300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ];
        for (x, want) in cases {
            assert_eq!(float(x), want);
        }
    }
}
