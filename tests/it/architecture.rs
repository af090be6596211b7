//! Keeps the direction of dependencies: `ui → app → protocol ← worker → measure, steering → engine`.
//!
//! Walks `src/`, strips comments and strings, and compares what each top-level module names with
//! the table below. Also rejects words that would break purity, and files that grew too long.

use std::fs;
use std::path::{Path, PathBuf};

/// Top module → own modules it may name.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("units", &[]),
    ("stats", &[]),
    ("text", &[]),
    ("shards", &[]),
    ("hub", &["shards"]),
    ("chat", &[]),
    ("store", &["units", "stats"]),
    ("protocol", &["units", "hub"]),
    ("engine", &["units", "chat", "shards"]),
    ("steering", &["engine", "units", "stats"]),
    (
        "measure",
        &["steering", "engine", "store", "units", "stats"],
    ),
    (
        "worker",
        &[
            "protocol", "measure", "steering", "engine", "store", "hub", "units", "stats",
        ],
    ),
    ("plot", &["protocol", "stats"]),
    ("app", &["protocol", "units", "stats", "text"]),
    ("ui", &["app", "protocol", "units", "stats", "text"]),
];

/// Top module → libraries and calls it must not name.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("units", &["candle_", "ratatui", "tokio", "crossterm"]),
    (
        "stats",
        &[
            "candle_",
            "ratatui",
            "tokio",
            "crossterm",
            "std::fs",
            "std::env",
        ],
    ),
    (
        "text",
        &[
            "candle_",
            "ratatui",
            "tokio",
            "crossterm",
            "std::fs",
            "std::env",
        ],
    ),
    (
        "shards",
        &["candle_", "tokio", "crossterm", "std::fs", "std::env"],
    ),
    (
        "protocol",
        &[
            "candle_",
            "ratatui",
            "tokio",
            "crossterm",
            "std::fs",
            "std::env",
        ],
    ),
    (
        "chat",
        &["candle_", "ratatui", "tokio", "crossterm", "tokenizers"],
    ),
    (
        "store",
        &["candle_", "ratatui", "tokio", "crossterm", "std::env"],
    ),
    ("engine", &["ratatui", "tokio", "crossterm"]),
    ("steering", &["ratatui", "tokio", "crossterm"]),
    ("measure", &["ratatui", "tokio", "crossterm", "candle_"]),
    ("worker", &["ratatui", "crossterm", "candle_"]),
    (
        "app",
        &[
            "candle_",
            "ratatui",
            "tokio",
            "crossterm",
            "std::fs",
            "std::env",
            "std::thread",
            "std::net",
            "Instant::now",
            "SystemTime::now",
        ],
    ),
    (
        "ui",
        &[
            "candle_",
            "tokio",
            "crossterm",
            "std::fs",
            "std::env",
            "std::thread",
            "std::net",
            "Instant::now",
            "SystemTime::now",
        ],
    ),
];

/// Modules that may print: the command line, and nothing that runs under the screen.
const MAY_PRINT: &[&str] = &["cli", "main"];

/// Longest file, in lines. Longer ones are named here with the reason.
const LONGEST: usize = 420;
const LONGER_ALLOWED: &[(&str, &str)] = &[];

struct Source {
    path: PathBuf,
    module: String,
    code: String,
    lines: usize,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut stack = vec![root.clone()];
    while let Some(dir) = stack.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                stack.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let relative = path.strip_prefix(&root).unwrap().to_path_buf();
                let first = relative
                    .components()
                    .next()
                    .unwrap()
                    .as_os_str()
                    .to_string_lossy();
                let module = first.trim_end_matches(".rs").to_string();
                found.push(Source {
                    path: relative,
                    module,
                    lines: text.lines().count(),
                    code: code_only(&text),
                });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(
        found.len() > 20,
        "the walk found only {} files",
        found.len()
    );
    found
}

/// The text without comments and string contents, line structure kept.
fn code_only(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match (quoted, c) {
            (true, '\\') => {
                chars.next();
            }
            (_, '"') => quoted = !quoted,
            (true, '\n') => out.push('\n'),
            (true, _) => {}
            (false, '/') if chars.peek() == Some(&'/') => {
                for d in chars.by_ref() {
                    if d == '\n' {
                        out.push('\n');
                        break;
                    }
                }
            }
            // A quote or backslash as a character literal must not open a string.
            (false, '\'') if matches!(chars.peek(), Some('"')) => {
                chars.next();
                chars.next();
            }
            (false, '\'') if matches!(chars.peek(), Some('\\')) => {
                chars.next();
                chars.next();
                chars.next();
            }
            (false, c) => out.push(c),
        }
    }
    out
}

/// Modules named on a line as `crate::name` or inside `crate::{name::…, name}`.
fn named_modules(line: &str) -> Vec<String> {
    let word = |s: &str| {
        s.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut names = Vec::new();
    for part in line.split("crate::").skip(1) {
        let Some(group) = part.strip_prefix('{') else {
            names.push(word(part));
            continue;
        };
        let mut depth = 0;
        let mut start = 0;
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => {
                    names.push(word(group[start..i].trim()));
                    break;
                }
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    names.push(word(group[start..i].trim()));
                    start = i + 1;
                }
                _ => {}
            }
        }
    }
    names
}

/// Every line of `code` that names one of `words`.
fn hits<'a>(code: &'a str, words: &[&str]) -> Vec<(usize, &'a str)> {
    code.lines()
        .enumerate()
        .filter(|(_, line)| words.iter().any(|w| line.contains(w)))
        .map(|(i, line)| (i + 1, line.trim()))
        .collect()
}

#[test]
fn modules_import_only_what_the_table_allows() {
    let mut faults = Vec::new();
    for source in sources() {
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(m, _)| *m == source.module) else {
            continue;
        };
        for (line_number, line) in source.code.lines().enumerate() {
            for name in named_modules(line) {
                let known = MAY_IMPORT.iter().any(|(m, _)| *m == name)
                    || ["cli", "runtime"].contains(&name.as_str());
                if known && name != source.module && !allowed.contains(&name.as_str()) {
                    faults.push(format!(
                        "src/{}:{}: '{}' must not import '{name}'",
                        source.path.display(),
                        line_number + 1,
                        source.module
                    ));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn pure_modules_name_no_forbidden_library() {
    let mut faults = Vec::new();
    for source in sources() {
        let Some((_, words)) = FORBIDDEN.iter().find(|(m, _)| *m == source.module) else {
            continue;
        };
        for (line, text) in hits(&source.code, words) {
            faults.push(format!("src/{}:{line}: {text}", source.path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn nothing_prints_under_the_screen() {
    let mut faults = Vec::new();
    for source in sources() {
        if MAY_PRINT.contains(&source.module.as_str()) {
            continue;
        }
        for (line, text) in hits(
            &source.code,
            &["println!", "eprintln!", "print!", "eprint!", "dbg!"],
        ) {
            faults.push(format!("src/{}:{line}: {text}", source.path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn files_stay_short() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter(|s| {
            s.lines > LONGEST && !LONGER_ALLOWED.iter().any(|(p, _)| Path::new(p) == s.path)
        })
        .map(|s| format!("src/{}: {} lines", s.path.display(), s.lines))
        .collect();
    assert!(long.is_empty(), "split these files:\n{}", long.join("\n"));
}

#[test]
fn the_checker_sees_code_but_not_comments_or_strings() {
    let code = code_only(
        "use crate::ui; // crate::engine\nlet s = \"crate::worker \\\" x\"; let c = '\"'; crate::app",
    );
    assert!(code.contains("crate::ui") && code.contains("crate::app"));
    assert!(!code.contains("engine") && !code.contains("worker"));
    assert_eq!(
        named_modules("use crate::{engine::{Model, Hook}, ui};"),
        ["engine", "ui"]
    );
}
