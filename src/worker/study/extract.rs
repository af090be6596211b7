//! A new vector: reported after every batch, written to the user's folder at the end, and where it is
//! stopped the vector of what was read until then.

use std::path::Path;

use super::super::making::{self, SEED};
use super::{Room, Trouble, Word};
use crate::measure::{Cloud, Predictors};
use crate::protocol::{ExtractBlock, ExtractReport, ExtractSource, ExtractStudy, StudyNews};
use crate::steering::{
    Extracted, Extraction, Extractor, Method, PositionRead, PositionRows, Responding, Source,
    extract_positions,
};
use crate::units::BlockIndex;

/// Snapshots on the way; each solves an eigenproblem per block for some methods.
const LOOKS: usize = 8;

pub(super) fn run(room: &Room<'_>, study: &ExtractStudy) -> Result<usize, Trouble> {
    let wrong = |words: String| Some(("extract-request", words));
    let method: Method = study.method.parse().map_err(wrong)?;
    let read = study.read.as_deref().map(str::parse::<PositionRead>);
    let read = read.transpose().map_err(wrong)?;
    if let (Method::ActAdd, ExtractSource::Pair(pair)) = (method, &study.source) {
        return per_position(room, study, pair);
    }
    // A name that cannot be written is refused before anything is read.
    (room.library.new_vector_file(&study.name)).map_err(|e| Some((e.id(), e.to_string())))?;
    let model = room.model;
    let (source, remarks) = making::source(study, method, read, room.library, model)
        .map_err(|trouble| (!room.cancel.is_cancelled()).then_some(trouble))?;
    for words in remarks {
        room.remark(words);
    }
    let counted = match &source {
        Source::Pairs(_) => "pairs",
        Source::Corpora(..) => "texts",
        Source::Persona(_) => "prompts",
    };
    let mut responding = Responding {
        seed: SEED,
        ..Responding::default()
    };
    if let ExtractSource::Systems { max_tokens, .. } = study.source {
        responding.max_tokens = max_tokens.max(1);
    }
    let how = Extraction {
        read,
        seed: SEED,
        memory: room.memory.study(model).kv_bytes.max(1 << 24),
        watch: Some(study.block),
        responding,
        ..Extraction::new(method)
    };
    let (name, model_name) = (&study.name, room.model_name);
    let mut extractor = Extractor::new(model, name, model_name, source, &how)
        .map_err(|e| room.trouble(e.id(), &e))?;
    let total = extractor.total();
    let mut looked = 0;
    while extractor.done() < total {
        match extractor.step(model, room.cancel) {
            Ok(done) => room.progress(done, total),
            // What was read is kept.
            Err(error) if error.is_cancelled() && extractor.done() > 0 => break,
            Err(error) => return Err(room.trouble(error.id(), &error)),
        }
        let due = looked + total / LOOKS;
        if extractor.done() >= due && extractor.done() < total && !room.cancel.is_cancelled() {
            looked = extractor.done();
            // Too few pairs for a direction are no fault yet.
            if let Ok(extracted) = extractor.snapshot(model) {
                report(room, study, counted, &extractor, &extracted, None);
            }
        }
    }
    let extracted = extractor
        .snapshot(model)
        .map_err(|e| Some((e.id(), e.to_string())))?;
    let saved = room.library.keep_vector(&extracted.vector, &study.name);
    let path = saved.map_err(|e| Some((e.id(), e.to_string())))?;
    report(room, study, counted, &extractor, &extracted, Some(&path));
    (room.tell)(Word::Saved(path));
    room.check()?;
    Ok(0)
}

/// A row for each position of one pair of prompts (`actadd`).
fn per_position(
    room: &Room<'_>,
    study: &ExtractStudy,
    [positive, negative]: &[String; 2],
) -> Result<usize, Trouble> {
    let refuse = |e: &super::super::catalog::LibraryError| Some((e.id(), e.to_string()));
    let path = (room.library.new_vector_file(&study.name)).map_err(|e| refuse(&e))?;
    room.progress(0, 2);
    let rows = extract_positions(
        room.model,
        &study.name,
        room.model_name,
        [positive, negative],
        room.cancel,
    )
    .map_err(|e| room.trouble(e.id(), &e))?;
    room.progress(2, 2);
    rows.write(&path)
        .map_err(|e| Some((e.id(), e.to_string())))?;
    let blocks = rows.rows.keys().map(|block| {
        let norms = rows.norms(BlockIndex(*block));
        ExtractBlock {
            block: *block,
            norm: norms.iter().sum::<f64>() / norms.len().max(1) as f64,
            explained: None,
            cosine_to_mean: None,
            top_two: rows.top_two_share(BlockIndex(*block)),
            sign_defined: true,
        }
    });
    room.news(StudyNews::Extracted(Box::new(ExtractReport {
        name: study.name.clone(),
        method: study.method.clone(),
        read: "every".to_owned(),
        block: study.block.0,
        counted: "texts".to_owned(),
        done: 2,
        total: 2,
        pairs: 1,
        said: None,
        about: Some(about(&rows)),
        blocks: blocks.collect(),
        directional: None,
        leave_one_out: None,
        d_prime: None,
        auc: None,
        file: Some(path.clone()),
        complete: true,
    })));
    (room.tell)(Word::Saved(path));
    room.check()?;
    Ok(0)
}

fn about(rows: &PositionRows) -> String {
    format!(
        "a row for each of {} positions, norms are their means; 'steerscope generate --vector FILE' adds row t at position t",
        rows.positions()
    )
}

fn report(
    room: &Room<'_>,
    study: &ExtractStudy,
    counted: &str,
    extractor: &Extractor,
    extracted: &Extracted,
    file: Option<&Path>,
) {
    let predictors = extractor.watched().map(|activations| {
        let cloud = Cloud::from(activations);
        Predictors::of_clouds(&cloud, &Cloud::default(), SEED)
    });
    let blocks = extracted.blocks.iter().map(|b| ExtractBlock {
        block: b.block.0,
        norm: b.norm,
        explained: b.explained_share,
        cosine_to_mean: b.cosine_to_mean,
        top_two: b.top_two_share,
        sign_defined: b.sign_defined,
    });
    room.news(StudyNews::Extracted(Box::new(ExtractReport {
        name: study.name.clone(),
        method: study.method.clone(),
        read: extracted.read.clone(),
        block: study.block.0,
        counted: counted.to_owned(),
        done: extractor.done(),
        total: extractor.total(),
        pairs: extracted.texts[0].min(extracted.texts[1]),
        said: extracted.responses.last().cloned(),
        about: None,
        blocks: blocks.collect(),
        directional: predictors.as_ref().and_then(|p| p.agreement.directional),
        leave_one_out: predictors.as_ref().and_then(|p| p.agreement.leave_one_out),
        d_prime: predictors.as_ref().and_then(|p| p.in_sample.d_prime),
        auc: predictors.as_ref().and_then(|p| p.in_sample.auc),
        file: file.map(Path::to_owned),
        complete: extracted.complete,
    })));
}
