//! Weights that stand in several files: which names an index may give, and how the parts of a split
//! GGUF file are called. The hub fetches by these rules and the engine opens by them.

use std::collections::BTreeSet;

use serde_json::Value;

/// The files that the index of a safetensors model names, in name order.
///
/// # Errors
/// What is wrong with it, in words that follow "the index".
pub fn of_index(index: &[u8]) -> Result<Vec<String>, String> {
    let index: Value =
        serde_json::from_slice(index).map_err(|e| format!("is not valid JSON ({e})"))?;
    let map = index
        .get("weight_map")
        .and_then(Value::as_object)
        .ok_or("has no weight_map")?;
    let mut names = BTreeSet::new();
    for (tensor, file) in map {
        let name = file
            .as_str()
            .ok_or_else(|| format!("gives {tensor} no file name"))?;
        if !is_safe(name) {
            return Err(format!(
                "puts {tensor} into \"{name}\", which is no file name below its own folder"
            ));
        }
        names.insert(name.to_owned());
    }
    if names.is_empty() {
        return Err("has an empty weight_map".to_owned());
    }
    Ok(names.into_iter().collect())
}

/// Whether a name from a file may be used as a path below a folder on every system: parts between
/// single slashes, none of them a step upwards, a drive or a device.
pub fn is_safe(name: &str) -> bool {
    !name.contains(['\\', ':'])
        && !name.chars().any(char::is_control)
        && name
            .split('/')
            .all(|part| !part.is_empty() && part != "." && part != "..")
}

/// Name of a part of a split GGUF file: `stem-00002-of-00003.gguf`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GgufPart {
    /// What all parts begin with.
    pub stem: String,
    /// Number of this part, from 1.
    pub number: u32,
    /// Parts in all.
    pub of: u32,
}

impl GgufPart {
    /// From a file name; `None` when it is not called like one.
    pub fn parse(name: &str) -> Option<Self> {
        let (rest, ending) = name.rsplit_once('.')?;
        if !ending.eq_ignore_ascii_case("gguf") {
            return None;
        }
        let (rest, of) = rest.rsplit_once("-of-")?;
        let (stem, number) = rest.rsplit_once('-')?;
        let digits = |s: &str| {
            (s.len() == 5 && s.bytes().all(|b| b.is_ascii_digit()))
                .then(|| s.parse::<u32>().ok())
                .flatten()
        };
        let (number, of) = (digits(number)?, digits(of)?);
        (1..=of).contains(&number).then(|| Self {
            stem: stem.to_owned(),
            number,
            of,
        })
    }

    /// Name of part `number`.
    pub fn name(&self, number: u32) -> String {
        format!("{}-{number:05}-of-{:05}.gguf", self.stem, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_an_index_cannot_leave_their_folder() {
        let index =
            |name: &str| serde_json::json!({ "weight_map": { "a": name, "b": name } }).to_string();
        for good in ["model-1.safetensors", "sub/model-1.safetensors", "a..b"] {
            assert_eq!(of_index(index(good).as_bytes()), Ok(vec![good.to_owned()]));
        }
        for bad in [
            "",
            "..",
            "../x",
            "a/../x",
            "./x",
            "a//b",
            "/etc/passwd",
            "C:x",
            "a\\b",
            "..\\x",
            "a/",
            "x\u{0}",
        ] {
            assert!(of_index(index(bad).as_bytes()).is_err(), "{bad}");
        }
        for bad in [
            "{}",
            "[",
            r#"{"weight_map":{}}"#,
            r#"{"weight_map":{"a":1}}"#,
        ] {
            assert!(of_index(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn parts_of_a_split_file_are_told_by_their_names() {
        let part = GgufPart::parse("m-q4-00002-of-00003.gguf").expect("a part");
        assert_eq!((part.stem.as_str(), part.number, part.of), ("m-q4", 2, 3));
        assert_eq!(part.name(3), "m-q4-00003-of-00003.gguf");
        for other in [
            "m.gguf",
            "m-00004-of-00003.gguf",
            "m-00000-of-00003.gguf",
            "m-2-of-3.gguf",
            "m-00001-of-00002.safetensors",
            "00001-of-00002.gguf",
        ] {
            assert_eq!(GgufPart::parse(other), None, "{other}");
        }
    }
}
