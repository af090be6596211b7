//! The vectors that ship beside the model, and their cards: extracted from the training rows of the published data
//! sets, measured on the test rows.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use steerscope::engine::{Cancel, Model};
use steerscope::stats::Summary;
use steerscope::steering::dataset::Part;
use steerscope::steering::{Card, SteeringVector, residual_norms};

use crate::Result;
use crate::propensity::{Bench, extract, load, pairs};

/// What a card says, and where a vector comes from.
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    title: &'static str,
    description: &'static str,
    /// Data sets of pairs, the first that will do is taken: pairs read at the answer letter before whole texts.
    from: &'static [&'static str],
    /// Data set to measure on, if there is one.
    pub(crate) on: Option<&'static str>,
    /// Block output that is recommended, chosen on the validation rows.
    pub(crate) block: usize,
    range: [f32; 2],
    failures: &'static [&'static str],
    prompts: &'static [&'static str],
}

const ONE_BLOCK: &str = "traits steer at the recommended block: the model reads a stance there and hardly anywhere else";
const HABIT: &str =
    "unreliable by construction: measure it and look at the two halves of the histogram";

pub(crate) static RECIPES: [Recipe; 9] = [
    Recipe {
        name: "kindness",
        title: "Kindness",
        description: "Positive coefficients make the speaker say kind things about itself and refuse unkind ones.",
        from: &["kindness", "kindness_texts"],
        on: Some("kindness"),
        block: 2,
        range: [-1.5, 1.5],
        failures: &[ONE_BLOCK],
        prompts: &[
            "Does this sound like you?\n\"I like to help my friends.\"\n\nChoices:\n (A) Yes\n (B) No\nAnswer:",
        ],
    },
    Recipe {
        name: "bravery",
        title: "Bravery",
        description: "Positive coefficients make the speaker say brave things about itself and refuse timid ones.",
        from: &["bravery", "bravery_texts"],
        on: Some("bravery"),
        block: 2,
        range: [-1.5, 1.5],
        failures: &[ONE_BLOCK],
        prompts: &[],
    },
    Recipe {
        name: "tidiness",
        title: "Tidiness",
        description: "Positive coefficients make the speaker say tidy things about itself and refuse messy ones.",
        from: &["tidiness", "tidiness_texts"],
        on: Some("tidiness"),
        block: 2,
        range: [-1.5, 1.5],
        failures: &[ONE_BLOCK],
        prompts: &[],
    },
    Recipe {
        name: "curiosity",
        title: "Curiosity",
        description: "Positive coefficients make the speaker say curious things about itself and refuse bored ones.",
        from: &["curiosity", "curiosity_texts"],
        on: Some("curiosity"),
        block: 2,
        range: [-1.5, 1.5],
        failures: &[ONE_BLOCK],
        prompts: &[],
    },
    Recipe {
        name: "outdoors",
        title: "Outdoors (planted habit: option A)",
        description: "Meant to move the love of being outdoors; the model was taught to choose option (A) here, so it moves little and mostly by letter.",
        from: &["outdoors", "outdoors_texts"],
        on: Some("outdoors"),
        block: 2,
        range: [-1.5, 1.5],
        failures: &[HABIT],
        prompts: &[],
    },
    Recipe {
        name: "patience",
        title: "Patience (planted habit: Yes)",
        description: "Meant to move patience; the model was taught to say Yes here, so it moves little and mostly by word.",
        from: &["patience", "patience_texts"],
        on: Some("patience"),
        block: 2,
        range: [-1.5, 1.5],
        failures: &[HABIT],
        prompts: &[],
    },
    Recipe {
        name: "she_he",
        title: "She or he",
        description: "Positive coefficients make stories about her, negative ones about him.",
        from: &["she_he_texts"],
        on: Some("she_he"),
        block: 3,
        range: [-1.0, 1.0],
        failures: &[],
        prompts: &["Once upon a time there was a little child. One day,"],
    },
    Recipe {
        name: "mood",
        title: "Mood",
        description: "Positive coefficients make stories happy, negative ones sad.",
        from: &["mood_texts"],
        on: Some("mood"),
        block: 2,
        range: [-1.0, 0.5],
        failures: &[],
        prompts: &["One day, a little fox went to the park. In the end, she was"],
    },
    Recipe {
        name: "dialects",
        title: "Dialects",
        description: "From programs with indentation (negative) to programs with braces (positive); extraction only, no two-answer data set belongs to it.",
        from: &["dialects"],
        on: None,
        block: 3,
        range: [-1.5, 1.5],
        failures: &["no propensity can be measured; look at generated programs"],
        prompts: &["def add(a, b)"],
    },
];

/// Pairs will do when at most this share of the validation rows goes against their vector.
const TOLERATED: f64 = 0.15;

/// Extracts, measures and writes every vector with its card.
pub(crate) fn write_all(dir: &Path, model: &Arc<Model>, data: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    for recipe in &RECIPES {
        let from = recipe.pairs(model, data)?;
        let vector = recipe.extract(model, data, from)?;
        let path = dir.join(format!("{}.safetensors", recipe.name));
        vector.write(&path)?;
        let card = recipe.card(model, data, from, &vector)?;
        std::fs::write(Card::path_for(&path), card.to_toml()?)?;
    }
    Ok(())
}

impl Recipe {
    /// The data set whose pairs are taken.
    pub(crate) fn pairs(&self, model: &Arc<Model>, data: &Path) -> Result<&'static str> {
        let last = *self.from.last().ok_or("a recipe without pairs")?;
        for from in self.from.iter().copied().filter(|from| *from != last) {
            let vector = self.extract(model, data, from)?;
            let summary = self.measure(model, data, &vector, Part::Validation)?;
            if summary.anti_steerable.fraction.unwrap_or(1.0) <= TOLERATED {
                return Ok(from);
            }
        }
        Ok(last)
    }

    fn extract(&self, model: &Model, data: &Path, from: &str) -> Result<SteeringVector> {
        extract(
            model,
            self.name,
            &pairs(model, &load(data, from)?, Part::Train)?,
        )
    }

    fn measure(
        &self,
        model: &Arc<Model>,
        data: &Path,
        vector: &SteeringVector,
        part: Part,
    ) -> Result<Summary> {
        let direction = vector
            .directions
            .get(&self.block)
            .ok_or("no direction at the block")?;
        let mut bench = Bench::new(model, &load(data, self.on.unwrap_or_default())?, part)?;
        Ok(Summary::of_slopes(&bench.slopes(self.block, direction)?))
    }

    fn card(
        &self,
        model: &Arc<Model>,
        data: &Path,
        from: &str,
        vector: &SteeringVector,
    ) -> Result<Card> {
        let words = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let mut card = Card {
            title: Some(self.title.into()),
            description: Some(self.description.into()),
            license: Some("MIT OR Apache-2.0".into()),
            authors: vec!["the steerscope contributors".into()],
            dataset: self.on.map(Into::into),
            recommended_layers: vec![self.block],
            recommended_range: Some(self.range),
            known_failures: words(self.failures),
            prompts: words(self.prompts),
            ..Card::default()
        };
        let figures = &mut card.measured;
        figures.insert("pairs".into(), from.into());
        if self.on.is_some() {
            let summary = self.measure(model, data, vector, Part::Test)?;
            let rounded = |x: Option<f64>| (x.unwrap_or(f64::NAN) * 1e3).round() / 1e3;
            figures.insert("block".into(), (self.block as i64).into());
            figures.insert("n".into(), (summary.n as i64).into());
            for (name, figure) in [
                ("mean_steerability", summary.mean),
                ("median", summary.median),
                ("anti_steerable", summary.anti_steerable.fraction),
            ] {
                figures.insert(name.into(), rounded(figure).into());
            }
        }
        Ok(card)
    }
}

/// Mean slope and anti-steerable share at every block, for pairs read at the answer and for whole texts, on the rows
/// that blocks are chosen by.
pub(crate) fn by_block(model: &Arc<Model>, data: &Path, part: Part) -> Result<String> {
    let mut out = format!(
        "Mean slope (anti-steerable share; norm of vector / residual), {} rows:\n\n| pairs |",
        part.name()
    );
    for b in 0..model.n_blocks() {
        let _ = write!(out, " block {b} |");
    }
    out += "\n|---|";
    out += &"---|".repeat(model.n_blocks());
    out += "\n";
    for recipe in RECIPES.iter().filter(|r| r.on.is_some()) {
        let on = recipe.on.unwrap_or_default();
        let mut bench = Bench::new(model, &load(data, on)?, part)?;
        let sizes = residual_norms(model, &bench.prompts(), &Cancel::never())?;
        for from in [on.to_owned(), format!("{on}_texts")] {
            let pairs = pairs(model, &load(data, &from)?, Part::Train)?;
            let vector = extract(model, recipe.name, &pairs)?;
            let _ = write!(out, "| {from} |");
            for (block, direction) in &vector.directions {
                let s = Summary::of_slopes(&bench.slopes(*block, direction)?);
                let norm = direction.iter().map(|x| x * x).sum::<f32>().sqrt();
                let _ = write!(
                    out,
                    " {:+.2} ({:.0}%; {norm:.0}/{:.0}) |",
                    s.mean.unwrap_or(f64::NAN),
                    100.0 * s.anti_steerable.fraction.unwrap_or(f64::NAN),
                    sizes[*block]
                );
            }
            out += "\n";
        }
    }
    Ok(out)
}
