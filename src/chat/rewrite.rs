//! What is rewritten before the template library reads a template; lines stay where they are.
//!
//! * `{% generation %}` … `{% endgeneration %}` marks what the assistant says, for training. Here only
//!   the content counts, so the tags become a plain scope, which keeps the white space around them.
//! * `[::-1]` becomes a method of ours: the library's own slice backwards panics on empty lists.

use super::python::REVERSED;

/// Slice that turns a list or a text round.
const BACKWARDS: &str = "[::-1]";

/// The template as the library can read it.
pub(super) fn rewritten(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    let mut raw = false;
    while let Some((before, tag, after)) = next_tag(rest) {
        out.push_str(before);
        let name = word(tag);
        let scope = match name {
            Some("generation") if !raw => Some("with"),
            Some("endgeneration") if !raw => Some("endwith"),
            _ => None,
        };
        raw = match name {
            Some("raw") => true,
            Some("endraw") => false,
            _ => raw,
        };
        match (scope, name) {
            (Some(scope), Some(name)) => out.push_str(&tag.replacen(name, scope, 1)),
            _ if raw || tag.starts_with("{#") || !tag.contains(BACKWARDS) => out.push_str(tag),
            _ => push_reversed(&mut out, tag),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// The first word of a block tag; of anything else nothing.
fn word(tag: &str) -> Option<&str> {
    let inside = tag.strip_prefix("{%")?;
    let inside = inside.trim_start_matches(['-', '+']).trim_start();
    let end = inside.find(|c: char| !(c.is_alphanumeric() || c == '_'))?;
    inside.get(..end).filter(|word| !word.is_empty())
}

/// Writes code with its slices backwards, outside of what is quoted, as method calls.
fn push_reversed(out: &mut String, code: &str) {
    let mut rest = code;
    let mut quote = None;
    while let Some(c) = rest.chars().next() {
        if quote.is_none()
            && let Some(after) = rest.strip_prefix(BACKWARDS)
        {
            out.extend([".", REVERSED, "()"]);
            rest = after;
            continue;
        }
        let mut length = c.len_utf8();
        match quote {
            Some(_) if c == '\\' => {
                length += rest.chars().nth(1).map_or(0, char::len_utf8);
            }
            Some(q) => quote = (c != q).then_some(q),
            None if c == '"' || c == '\'' => quote = Some(c),
            None => {}
        }
        let (head, tail) = rest.split_at(length);
        out.push_str(head);
        rest = tail;
    }
}

/// Text before the next tag, comment or expression, that itself, and what follows.
fn next_tag(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    let (start, close) = loop {
        let at = from + text.get(from..)?.find('{')?;
        let close = match text.get(at..at + 2) {
            Some("{%") => "%}",
            Some("{{") => "}}",
            Some("{#") => "#}",
            _ => "",
        };
        if !close.is_empty() {
            break (at, close);
        }
        from = at + 1;
    };
    let inside = text.get(start + 2..)?;
    let length = if close == "#}" {
        inside.find(close)?
    } else {
        end_of_code(inside, close)?
    };
    let end = start + 2 + length + 2;
    Some((text.get(..start)?, text.get(start..end)?, text.get(end..)?))
}

/// Place of `close` in `code`, not counting what is quoted.
fn end_of_code(code: &str, close: &str) -> Option<usize> {
    let mut quote = None;
    let mut chars = code.char_indices();
    while let Some((i, c)) = chars.next() {
        match quote {
            Some(_) if c == '\\' => {
                chars.next();
            }
            Some(q) => quote = (c != q).then_some(q),
            None if c == '"' || c == '\'' => quote = Some(c),
            None if code.get(i..)?.starts_with(close) => return Some(i),
            None => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::rewritten;

    #[test]
    fn tags_become_scopes_and_keep_their_white_space_control() {
        let cases = [
            (
                "a{% generation %}b{% endgeneration %}c",
                "a{% with %}b{% endwith %}c",
            ),
            (
                "{%- generation -%}x{%+endgeneration+%}",
                "{%- with -%}x{%+endwith+%}",
            ),
            ("{%\n generation\n%}", "{%\n with\n%}"),
            ("{{ a[::-1][0] }}", "{{ a.__reversed__()[0] }}"),
            (
                "{% for x in f('[::-1]')[::-1] %}",
                "{% for x in f('[::-1]').__reversed__() %}",
            ),
        ];
        for (source, want) in cases {
            assert_eq!(rewritten(source), want);
        }
    }

    #[test]
    fn everything_else_stays() {
        for source in [
            "",
            "{",
            "{%",
            "{% if add_generation_prompt %}{{ '{% generation %}' }}{% endif %}",
            "{# {% generation %} #}",
            "{% raw %}{% generation %}{% endraw %}",
            "{{ \"a\\\"{% generation %}\" }}",
            "{% set generation = 1 %}",
            "{% generations %}",
            "[::-1]{# a[::-1] #}{% raw %}{{ a[::-1] }}{% endraw %}",
            "{'{% generation",
            "é{é%é",
        ] {
            assert_eq!(rewritten(source), source);
        }
    }
}
