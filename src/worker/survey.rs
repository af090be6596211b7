//! Many vectors of the library side by side: norms, shares, cosines, cards.

use super::catalog::Library;
use super::job::{Desk, Emit};
use crate::engine::Model;
use crate::protocol::{Asset, Event, Survey, VectorFacts};
use crate::steering::format::{ImportOptions, ModelShape};
use crate::steering::{Card, SteeringVector, cosine, meta};

/// Reads the vectors and reports them together. Nothing becomes the loaded vector.
pub(crate) fn perform(assets: &[Asset], library: &Library, desk: &Desk, emit: Emit<'_>) {
    let Some(model) = desk.model.as_deref() else {
        return;
    };
    // What rows of a matrix are is settled by the model's shape.
    let options = ImportOptions {
        model: Some(ModelShape {
            n_blocks: model.n_blocks(),
            hidden_size: model.hidden_size(),
        }),
        ..ImportOptions::default()
    };
    let read: Vec<_> = assets
        .iter()
        .map(|a| library.import_vector(a, &options).map(|i| i.vector))
        .collect();
    let n = model.n_blocks();
    let mut survey = Survey::default();
    for (asset, vector) in assets.iter().zip(&read) {
        let facts = match vector {
            Ok(vector) => Ok(facts(vector, asset, model, &desk.model_name)),
            Err(error) => Err(error.to_string()),
        };
        survey.entries.push((asset.clone(), facts));
    }
    let direction = |i: usize, block: usize| {
        let vector = read.get(i)?.as_ref().ok()?;
        vector.directions.get(&block)?.get(..vector.width())
    };
    let table = |block: usize, without_top: bool| -> Vec<Option<f32>> {
        let size = read.len();
        let mut table = vec![None; size * size];
        for i in 0..size {
            for j in i..size {
                let pair = direction(i, block).zip(direction(j, block));
                let value = pair.and_then(|(a, b)| cosine(a, b, without_top));
                (table[i * size + j], table[j * size + i]) = (value, value);
            }
        }
        table
    };
    survey.cosines = (0..n).map(|block| table(block, false)).collect();
    survey.cosines_without_top = (0..n).map(|block| table(block, true)).collect();
    emit(Event::Survey(Box::new(survey)));
}

fn facts(vector: &SteeringVector, asset: &Asset, model: &Model, model_name: &str) -> VectorFacts {
    let n = model.n_blocks();
    let said = |key: &str| vector.metadata.get(key).cloned();
    let fit = vector.fit(model_name, model.hash(), n, model.hidden_size());
    let (misfit, warnings) = match fit {
        Ok(warnings) => (None, warnings.iter().map(ToString::to_string).collect()),
        Err(error) => (Some(error.to_string()), Vec::new()),
    };
    let direction = |b: usize| vector.directions.get(&b)?.get(..vector.width());
    let pairs = (0..n).flat_map(|a| (0..n).map(move |b| (a, b)));
    VectorFacts {
        id: vector.id(),
        name: vector.name.clone(),
        sentence: said("source_sentence").unwrap_or_default(),
        method: vector.method().map(ToOwned::to_owned),
        unit: said(meta::UNIT),
        edit: vector.edit,
        rank: vector.rank,
        norms: vector.norms(n),
        top_two: (0..n).map(|b| vector.top_two_share(b)).collect(),
        across: pairs
            .map(|(a, b)| cosine(direction(a)?, direction(b)?, false))
            .collect(),
        recommended: vector.recommended_block().map(|b| b.0),
        card: card_lines(Library::card(asset).as_ref(), vector),
        misfit,
        warnings,
    }
}

/// What a person should know, the card's words before the file's own.
fn card_lines(card: Option<&Card>, vector: &SteeringVector) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    let mut add = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|v| !v.trim().is_empty()) {
            lines.push((name.to_owned(), value));
        }
    };
    let said = |key: &str| vector.metadata.get(key).cloned();
    let list = |values: &[String]| Some(values.join("; "));
    if let Some(card) = card {
        add(
            "about",
            card.description.clone().or_else(|| card.title.clone()),
        );
        add("licence", card.license.clone());
        add("authors", list(&card.authors));
        add("data set", card.dataset.clone());
        let range = card
            .recommended_range
            .map(|[low, high]| format!("{low} to {high}"));
        add("range", range);
        add("fails", list(&card.known_failures));
    } else {
        add("about", said(meta::DESCRIPTION));
    }
    add("made on", said(meta::MODEL_ID));
    add("read at", said(meta::POSITIONS_READ));
    let pairs = said(meta::N_POS).zip(said(meta::N_NEG));
    add(
        "texts",
        pairs.map(|(p, n)| format!("{p} positive, {n} negative")),
    );
    add("sign", said(meta::SIGN_CONVENTION));
    add("by", said("created_by"));
    lines
}
