//! The GGUF files of a repository: which of them are one model, and which one was meant.

use std::collections::BTreeMap;

use crate::shards::GgufPart;

/// A model of a repository: one file, or all parts of a split one in order.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Model {
    /// Path without the numbers of parts and the ending.
    stem: String,
    parts: Vec<String>,
    /// Parts that the names speak of.
    of: usize,
}

/// Files that belong to a model without being one.
const HELPERS: [&str; 2] = ["mmproj", "imatrix"];
/// Choices that a message lists.
const LISTED: usize = 24;

/// The files of the model that `wanted` names: a file (any part of a split one), or what its name
/// ends with (`Q4_K_M`, upper or lower case). Without it, those of the only model there is.
///
/// # Errors
/// Says what there is to choose from.
pub(super) fn choose(files: &[String], wanted: Option<&str>) -> Result<Vec<String>, String> {
    let models = models(files);
    let list = |models: &[Model]| {
        let mut names: Vec<&str> = models
            .iter()
            .take(LISTED)
            .map(|m| m.stem.as_str())
            .collect();
        if models.len() > LISTED {
            names.push("…");
        }
        names.join(", ")
    };
    let chosen: Vec<Model> = match wanted {
        None => models.clone(),
        Some(name) => {
            let whole = |m: &&Model| m.parts.iter().any(|p| p == name) || m.stem == name;
            match models.iter().find(whole) {
                Some(model) => vec![model.clone()],
                None => models
                    .iter()
                    .filter(|m| ends_with(&m.stem, name))
                    .cloned()
                    .collect(),
            }
        }
    };
    match (chosen.as_slice(), wanted) {
        ([model], _) if model.parts.len() == model.of => Ok(model.parts.clone()),
        ([model], _) => Err(format!(
            "has {} of the {} parts of '{}'",
            model.parts.len(),
            model.of,
            model.stem
        )),
        ([], Some(name)) if models.is_empty() => {
            Err(format!("has no GGUF files, so none called '{name}'"))
        }
        ([], None) => Err("has no GGUF files".to_owned()),
        ([], Some(name)) => Err(format!(
            "has no GGUF file '{name}'; it has {}",
            list(&models)
        )),
        (several, Some(name)) => Err(format!(
            "has several GGUF files that end with '{name}'; give the whole name: {}",
            list(several)
        )),
        (several, None) => Err(format!(
            "has several GGUF files; choose one by what its name ends with, as in org/name:Q4_K_M: {}",
            list(several)
        )),
    }
}

fn models(files: &[String]) -> Vec<Model> {
    let mut models: BTreeMap<String, Model> = BTreeMap::new();
    let mut files: Vec<&String> = files.iter().collect();
    files.sort();
    for file in files {
        let name = file.rsplit('/').next().unwrap_or(file);
        let is_gguf = file
            .rsplit_once('.')
            .is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("gguf"));
        let helps = |word: &&str| name.to_ascii_lowercase().contains(*word);
        if !is_gguf || HELPERS.iter().any(helps) {
            continue;
        }
        let (stem, of) = if let Some(part) = GgufPart::parse(file) {
            (part.stem, part.of as usize)
        } else {
            let stem = file
                .rsplit_once('.')
                .map_or(file.as_str(), |(stem, _)| stem);
            (stem.to_owned(), 1)
        };
        let model = models.entry(format!("{stem} {of}")).or_insert(Model {
            stem,
            parts: Vec::new(),
            of,
        });
        model.parts.push(file.clone());
    }
    models.into_values().collect()
}

/// Whether `stem` ends with the words of `ending`: `m-IQ4_NL` does not end with `4_NL`.
fn ends_with(stem: &str, ending: &str) -> bool {
    let (stem, ending) = (stem.to_ascii_lowercase(), ending.to_ascii_lowercase());
    stem.strip_suffix(&ending)
        .is_some_and(|before| before.is_empty() || before.ends_with(['-', '.', '_', '/']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pick(files: &[&str], wanted: Option<&str>) -> Result<Vec<String>, String> {
        let files: Vec<String> = files.iter().map(ToString::to_string).collect();
        choose(&files, wanted)
    }

    #[test]
    fn a_file_is_chosen_by_its_name_or_its_ending() {
        let files = [
            "README.md",
            "m-Q4_K_M.gguf",
            "m-Q8_0.gguf",
            "mmproj-m-Q8_0.gguf",
            "F16/m-F16-00002-of-00002.gguf",
            "F16/m-F16-00001-of-00002.gguf",
        ];
        let q4 = Ok(vec!["m-Q4_K_M.gguf".to_owned()]);
        assert_eq!(pick(&files, Some("q4_k_m")), q4);
        assert_eq!(pick(&files, Some("m-Q4_K_M.gguf")), q4);
        let parts = [
            "F16/m-F16-00001-of-00002.gguf",
            "F16/m-F16-00002-of-00002.gguf",
        ];
        let split = Ok(parts.map(ToOwned::to_owned).to_vec());
        assert_eq!(pick(&files, Some("F16")), split);
        assert_eq!(pick(&files, Some(parts[1])), split);
        for wanted in [None, Some("Q5_K_M"), Some("_M"), Some("8_0")] {
            let said = pick(&files, wanted).expect_err("refused");
            assert!(
                said.contains("m-Q4_K_M") && said.contains("m-Q8_0"),
                "{said}"
            );
            assert!(!said.contains("mmproj"), "{said}");
        }
        assert_eq!(pick(&["a.gguf"], None), Ok(vec!["a.gguf".to_owned()]));
    }

    #[test]
    fn a_repository_that_lacks_parts_says_so() {
        let said = pick(&["m-00001-of-00003.gguf"], None).expect_err("refused");
        assert!(said.contains("1 of the 3 parts"), "{said}");
        let said = pick(&["x.bin"], Some("Q8_0")).expect_err("refused");
        assert!(said.contains("no GGUF files"), "{said}");
    }
}
