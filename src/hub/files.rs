//! Which files of a repository a model needs.

use super::gguf;

/// Small files, fetched where they exist.
const SMALL: [&str; 7] = [
    "config.json",
    "generation_config.json",
    TOKENIZER,
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
];
const TOKENIZER: &str = "tokenizer.json";
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
    /// One GGUF file, or all parts of a split one in order.
    Gguf(Vec<String>),
}

/// Chooses from the files of a repository; `wanted` names a GGUF file. Without it, safetensors go
/// before GGUF.
///
/// # Errors
/// Says what is there instead of readable weights.
pub(super) fn plan(files: &[String], wanted: Option<&str>) -> Result<Plan, String> {
    let has = |name: &str| files.iter().any(|f| f == name);
    let weights = if wanted.is_none() && has(SINGLE) {
        Weights::Single(SINGLE.to_owned())
    } else if wanted.is_none() && has(INDEX) {
        Weights::Sharded
    } else {
        let is_gguf = |f: &String| f.to_ascii_lowercase().ends_with(".gguf");
        if wanted.is_none() && !files.iter().any(is_gguf) {
            return Err(instead(files));
        }
        let parts = gguf::choose(files, wanted)?;
        // Some files hold no tokenizer of a known kind; one beside them serves.
        let beside = has(TOKENIZER) && parts.iter().all(|p| !p.contains('/'));
        return Ok(Plan {
            small: beside.then(|| TOKENIZER.to_owned()).into_iter().collect(),
            weights: Weights::Gguf(parts),
        });
    };
    let small = SMALL
        .iter()
        .filter(|name| has(name))
        .map(ToString::to_string)
        .collect();
    if !has("config.json") {
        return Err("has no config.json".to_owned());
    }
    if !has(TOKENIZER) {
        return Err(
            "has no tokenizer.json; save one with AutoTokenizer.from_pretrained(…).save_pretrained(…) and open the folder"
                .to_owned(),
        );
    }
    Ok(Plan { small, weights })
}

fn instead(files: &[String]) -> String {
    let ending = |e: &str| files.iter().any(|f| f.ends_with(e));
    if ending(".bin") || ending(".pth") {
        return "has only pickled weights, which may run code when read; look for a revision with safetensors (often @refs/pr/1)".to_owned();
    }
    "has no model.safetensors and no GGUF file".to_owned()
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
        let with = |more: &[&str]| plan(&names(&[&common[..], more].concat()), None);
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
        let bare = plan(&names(&["config.json", "model.safetensors"]), None);
        assert!(bare.expect_err("refused").contains("tokenizer.json"));
    }

    #[test]
    fn a_gguf_file_is_taken_where_it_is_asked_for_or_all_there_is() {
        let gguf = |name: &str| Weights::Gguf(vec![name.to_owned()]);
        let both = names(&[
            "config.json",
            "tokenizer.json",
            "model.safetensors",
            "m-Q8_0.gguf",
        ]);
        assert_eq!(
            plan(&both, None).map(|p| p.weights),
            Ok(Weights::Single("model.safetensors".to_owned()))
        );
        let asked = plan(&both, Some("Q8_0")).expect("a plan");
        assert_eq!(asked.weights, gguf("m-Q8_0.gguf"));
        assert_eq!(asked.small, ["tokenizer.json"]);
        let alone = plan(&names(&["m.gguf"]), None).expect("a plan");
        assert_eq!((alone.weights, alone.small.len()), (gguf("m.gguf"), 0));
    }
}
