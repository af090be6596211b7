//! Ways to make a vector: golden values, parity with other libraries, invariants, sources.

mod golden;
mod incremental;
mod invariants;
mod mean;
mod oracle;
mod positions;
mod sources;

use std::sync::Arc;

use steerscope::engine::{Cancel, Model};
use steerscope::steering::{Extracted, Extraction, Method, PairSet, Source, extract};

use crate::measure::support::dataset;

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum()
    };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn norm(a: &[f32]) -> f64 {
    a.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
}

fn made(model: &Model, method: Method, source: Source) -> Extracted {
    let how = Extraction::new(method);
    let never = Cancel::never();
    extract(
        model,
        "test",
        "tiny",
        source,
        &how,
        &mut |_, _, _| {},
        &never,
    )
    .expect("a vector")
}

fn pairs(model: &Arc<Model>) -> PairSet {
    PairSet::build(&dataset(), model.tokenizer(), 256).expect("pairs")
}

const OF_PAIRS: [Method; 6] = [
    Method::Mean,
    Method::Pca,
    Method::Logistic,
    Method::Lat,
    Method::RepengDiff,
    Method::RepengCenter,
];
