//! What the scripted worker answers to probes and surveys.

use steerscope::protocol::{
    Asset, Event, ProbeRequest, ReceiptLine, ReceiptReport, Survey, VectorFacts, Verdict,
};
use steerscope::units::Edit;

use super::world::BLOCKS;

/// A receipt whose checks come out as given, the rest passing.
pub fn receipt(request: &ProbeRequest, odd: &[(usize, Verdict)], checks: usize) -> Event {
    let names = [
        "shape", "zero", "place", "count", "cache", "sign", "geometry", "effect", "null",
    ];
    let line = |(i, check): (usize, &&str)| ReceiptLine {
        check: (*check).to_owned(),
        verdict: odd.iter().find(|o| o.0 == i).map_or(Verdict::Pass, |o| o.1),
        words: format!(
            "what the check '{check}' found at block {}, in a sentence that is long enough to be wrapped in a narrow terminal",
            request.block
        ),
    };
    Event::Receipt {
        run: request.run,
        report: Box::new(ReceiptReport {
            facts: vec![
                (
                    "model".to_owned(),
                    "bundled (f16, cpu, sha256 0123456789ab)".to_owned(),
                ),
                (
                    "site".to_owned(),
                    format!(
                        "output of block {}, {}, mask {}",
                        request.block, request.edit, request.mask
                    ),
                ),
                (
                    "coefficient".to_owned(),
                    format!("{:+}", request.coefficient),
                ),
            ],
            lines: names.iter().enumerate().take(checks).map(line).collect(),
            checks: names.len(),
            max_projection: Some(4.0),
            json: "{\"schema\":1}".to_owned(),
        }),
    }
}

/// Every vector fits but one named 'curious'; files are refused.
pub fn survey(assets: &[Asset]) -> Event {
    let entry = |asset: &Asset| {
        let label = asset.label();
        if matches!(asset.unchanged(), Asset::File(_)) {
            return (
                asset.clone(),
                Err(format!("no known vector format in '{label}'")),
            );
        }
        let misfit = label.starts_with("curious");
        let facts = VectorFacts {
            id: format!("vector-{label}"),
            name: label.clone(),
            sentence: String::new(),
            method: Some("mean".to_owned()),
            unit: Some("raw_difference".to_owned()),
            edit: Edit::ADD,
            rank: 1,
            norms: (0..BLOCKS)
                .map(|b| (b > 0).then_some(1.1 + b as f32 * 0.6))
                .collect(),
            top_two: (0..BLOCKS)
                .map(|b| (b > 0).then_some(0.62 - 0.1 * b as f32))
                .collect(),
            across: (0..BLOCKS * BLOCKS)
                .map(|i| {
                    let (a, b) = (i / BLOCKS, i % BLOCKS);
                    (a > 0 && b > 0).then(|| 1.0 - 0.13 * a.abs_diff(b) as f32)
                })
                .collect(),
            recommended: Some(3),
            card: vec![
                (
                    "about".to_owned(),
                    "makes stories about her, or about him under a negative coefficient".to_owned(),
                ),
                ("licence".to_owned(), "MIT OR Apache-2.0".to_owned()),
            ],
            misfit: misfit.then(|| format!("vector '{label}' has 64 values, 'bundled' has 192")),
            warnings: Vec::new(),
        };
        (asset.clone(), Ok(facts))
    };
    let n = assets.len();
    let cosine = |i: usize| {
        Some(if i / n == i % n {
            1.0
        } else {
            0.72 - 0.3 * ((i / n + i % n) as f32)
        })
    };
    let table: Vec<Option<f32>> = (0..n * n).map(cosine).collect();
    Event::Survey(Box::new(Survey {
        entries: assets.iter().map(entry).collect(),
        cosines: vec![table.clone(); BLOCKS],
        cosines_without_top: vec![table.iter().map(|c| c.map(|c| c / 2.0)).collect(); BLOCKS],
    }))
}
