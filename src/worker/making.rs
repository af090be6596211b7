//! What a new vector is made from, read from where the request says.

use std::sync::Arc;

use super::catalog::Library;
use crate::engine::Model;
use crate::protocol::{ExtractSource, ExtractStudy};
use crate::steering::dataset::{Dataset, Part};
use crate::steering::{
    ExtractError, Layout, Method, Persona, PositionRead, Source, Texts, rendered,
};

/// Seed of the split, of random signs, of draws and of subsamples.
pub(super) const SEED: u64 = 0;

/// Stable id and words of what is wrong.
type Refusal = (&'static str, String);

fn refuse(error: &ExtractError) -> Refusal {
    (error.id(), error.to_string())
}

/// The source of a request, with what is to be said about it.
pub(super) fn source(
    study: &ExtractStudy,
    method: Method,
    read: Option<PositionRead>,
    library: &Library,
    model: &Arc<Model>,
) -> Result<(Source, Vec<String>), Refusal> {
    let limit = study.limit;
    let refuse = |e: ExtractError| refuse(&e);
    let from = |dataset: &Dataset, part: Part| {
        let mut rows = dataset.part(part, SEED);
        rows.truncate(limit.unwrap_or(usize::MAX));
        let source = Source::of_rows(method, dataset, &rows, read, model).map_err(refuse)?;
        let mut remarks: Vec<String> = dataset.warnings.iter().map(ToString::to_string).collect();
        if let Source::Pairs(pairs) = &source {
            remarks.extend(pairs.rejected.messages());
        }
        Ok((source, remarks))
    };
    let of_sides = |sides: [Texts; 2]| {
        let name = format!("{} - {}", sides[0].name, sides[1].name);
        if method.takes_sides() || method == Method::DiffmeanTokens {
            let [positive, negative] = sides;
            return Ok((Source::Corpora(positive, negative), Vec::new()));
        }
        let dataset = Texts::paired(method, &name, [&sides[0], &sides[1]]).map_err(refuse)?;
        from(&dataset, Part::All)
    };
    match &study.source {
        ExtractSource::Dataset(asset) => {
            let dataset = library
                .load_dataset(asset)
                .map_err(|e| (e.id(), e.to_string()))?;
            from(&dataset, Part::Train)
        }
        ExtractSource::Files([positive, negative]) => of_sides([
            Texts::load(positive, limit).map_err(refuse)?,
            Texts::load(negative, limit).map_err(refuse)?,
        ]),
        ExtractSource::Pair(texts) => {
            of_sides([0, 1].map(|side| Texts::one(&texts[side], &texts[side])))
        }
        ExtractSource::Systems { texts, prompts, .. } => {
            let persona = Persona {
                positive: texts[0].clone(),
                negative: texts[1].clone(),
                prompts: Texts::load(prompts, limit).map_err(refuse)?,
            };
            Ok((Source::Persona(persona), Vec::new()))
        }
    }
}

/// The first positive text of a source, as tokens with their parts.
pub(super) fn first_text(
    source: &ExtractSource,
    library: &Library,
    model: &Arc<Model>,
) -> Result<(Vec<u32>, Layout), Refusal> {
    let dataset = match source {
        ExtractSource::Dataset(asset) => library
            .load_dataset(asset)
            .map_err(|e| (e.id(), e.to_string()))?,
        ExtractSource::Files([positive, _]) => {
            let texts = Texts::load(positive, Some(1)).map_err(|e| refuse(&e))?;
            alone(&texts).map_err(|e| refuse(&e))?
        }
        ExtractSource::Pair([positive, _]) => {
            alone(&Texts::one("pair", positive)).map_err(|e| refuse(&e))?
        }
        ExtractSource::Systems { .. } => {
            let words = "responses are not there before they are generated; read them at assistant, \
                         or the prompts at prompt or prompt_last";
            return Err(("extract-request", words.to_owned()));
        }
    };
    let part = match source {
        ExtractSource::Dataset(_) => Part::Train,
        _ => Part::All,
    };
    let rows = dataset.part(part, SEED);
    rendered(&rows, model)
        .map_err(|e| refuse(&e))?
        .ok_or_else(|| {
            let words = format!("no text of '{}' can be read by this model", dataset.name);
            ("no-texts", words)
        })
}

/// One text where pairs are expected: the other side is any other text.
fn alone(texts: &Texts) -> Result<Dataset, ExtractError> {
    let other = Texts {
        name: texts.name.clone(),
        texts: texts.texts.iter().map(|t| format!("{t}.")).collect(),
    };
    Texts::paired(Method::Mean, &texts.name, [texts, &other])
}
