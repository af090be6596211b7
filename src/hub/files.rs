//! Which files of a repository a model needs.

use std::collections::BTreeSet;

use serde_json::Value;

/// Small files, fetched where they exist.
const SMALL: [&str; 7] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
];
const SINGLE: &str = "model.safetensors";
/// Names the shards of a large model.
pub(super) const INDEX: &str = "model.safetensors.index.json";

/// What to fetch first.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) small: Vec<String>,
    pub(super) weights: Weights,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Weights {
    Single(String),
    /// The index has to be read first.
    Sharded,
}

/// Chooses from the files of a repository.
///
/// # Errors
/// Says what is there instead of readable weights.
pub(super) fn plan(files: &[String]) -> Result<Plan, String> {
    let has = |name: &str| files.iter().any(|f| f == name);
    let small = SMALL
        .iter()
        .filter(|name| has(name))
        .map(ToString::to_string)
        .collect();
    let weights = if has(SINGLE) {
        Weights::Single(SINGLE.to_owned())
    } else if has(INDEX) {
        Weights::Sharded
    } else {
        return Err(instead(files));
    };
    if !has("config.json") {
        return Err("has no config.json".to_owned());
    }
    if !has("tokenizer.json") {
        return Err(
            "has no tokenizer.json; save one with AutoTokenizer.from_pretrained(…).save_pretrained(…) and open the folder"
                .to_owned(),
        );
    }
    Ok(Plan { small, weights })
}

fn instead(files: &[String]) -> String {
    let ending = |e: &str| files.iter().filter(|f| f.ends_with(e)).collect::<Vec<_>>();
    let gguf = ending(".gguf");
    if let Some(first) = gguf.first() {
        let more = if gguf.len() > 1 { " and others" } else { "" };
        return format!(
            "has no safetensors weights but '{first}'{more}; download that file and open it by its path"
        );
    }
    if !ending(".bin").is_empty() || !ending(".pth").is_empty() {
        return "has only pickled weights, which may run code when read; look for a revision with safetensors (often @refs/pr/1)".to_owned();
    }
    "has no model.safetensors".to_owned()
}

/// Shards that an index names.
///
/// # Errors
/// What is wrong with it.
pub(super) fn shards(index: &[u8]) -> Result<Vec<String>, String> {
    let index: Value = serde_json::from_slice(index).map_err(|e| e.to_string())?;
    let map = index
        .get("weight_map")
        .and_then(Value::as_object)
        .ok_or("no weight_map")?;
    let mut names = BTreeSet::new();
    for file in map.values() {
        let name = file.as_str().ok_or("a file name that is no text")?;
        // A name is used as a path below the snapshot.
        if name.is_empty()
            || name.starts_with(['/', '\\'])
            || name.contains("..")
            || name.contains(':')
        {
            return Err(format!("the file name '{name}'"));
        }
        names.insert(name.to_owned());
    }
    if names.is_empty() {
        return Err("an empty weight_map".to_owned());
    }
    Ok(names.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(files: &[&str]) -> Vec<String> {
        files.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_file_is_preferred_to_shards_and_pickles_are_refused() {
        let common = ["config.json", "tokenizer.json", "README.md"];
        let with = |more: &[&str]| plan(&names(&[&common[..], more].concat()));
        assert_eq!(
            with(&["model.safetensors", INDEX]).map(|p| p.weights),
            Ok(Weights::Single("model.safetensors".to_owned()))
        );
        assert_eq!(with(&[INDEX]).map(|p| p.weights), Ok(Weights::Sharded));
        assert!(
            with(&["pytorch_model.bin"])
                .expect_err("refused")
                .contains("pickled")
        );
        assert!(
            with(&["m-Q4_K_M.gguf"])
                .expect_err("refused")
                .contains("m-Q4_K_M.gguf")
        );
        let bare = plan(&names(&["config.json", "model.safetensors"]));
        assert!(bare.expect_err("refused").contains("tokenizer.json"));
    }

    #[test]
    fn shard_names_cannot_leave_the_snapshot() {
        let index = |name: &str| format!(r#"{{"weight_map":{{"a":"{name}","b":"{name}"}}}}"#);
        assert_eq!(
            shards(index("model-1.safetensors").as_bytes()),
            Ok(vec!["model-1.safetensors".to_owned()])
        );
        for bad in ["../x", "/etc/passwd", "C:x", ""] {
            assert!(shards(index(bad).as_bytes()).is_err(), "{bad}");
        }
        assert!(shards(b"{}").is_err());
    }
}
