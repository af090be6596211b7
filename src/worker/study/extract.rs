//! A vector made of a data set's pairs: reported after every batch, written to the user's folder at the
//! end, and where it is stopped the vector of what was read until then.

use super::datasets::load;
use super::{Room, Trouble, Word};
use crate::measure::{Asked, Cloud, Predictors};
use crate::protocol::{ExtractBlock, ExtractReport, ExtractStudy, StudyNews};
use crate::steering::dataset::Part;
use crate::steering::{
    Extracted, Extraction, Extractor, Method, PairRows, PairSet, PositionRead, Source,
};

/// Seed of the split, of random signs and of subsamples.
const SEED: u64 = 0;
/// Snapshots on the way; each solves an eigenproblem per block for some methods.
const LOOKS: usize = 8;

pub(super) fn run(room: &Room<'_>, study: &ExtractStudy) -> Result<usize, Trouble> {
    let wrong = |words: String| Some(("extract-request", words));
    let method: Method = study.method.parse().map_err(wrong)?;
    let read = study.read.as_deref().map(str::parse::<PositionRead>);
    let read = read.transpose().map_err(wrong)?;
    let dataset = load(room, &study.dataset, &Asked::default())?;
    let mut rows = dataset.part(Part::Train, SEED);
    rows.truncate(study.limit.unwrap_or(usize::MAX));
    let (model, most) = (room.model, room.model.config().max_positions);
    let pairs = match read {
        Some(read) => PairSet::read_at(&dataset, PairRows::Plain(&rows), read, model),
        None => PairSet::of_rows(&dataset, &rows, model.tokenizer(), most),
    };
    let pairs = pairs.map_err(|e| room.trouble(e.id(), &e))?;
    for words in pairs.rejected.messages() {
        room.remark(words);
    }
    let how = Extraction {
        read,
        seed: SEED,
        memory: room.memory.study(model).kv_bytes.max(1 << 24),
        watch: Some(study.block),
        ..Extraction::new(method)
    };
    let (name, model_name) = (&study.name, room.model_name);
    let mut extractor = Extractor::new(model, name, model_name, Source::Pairs(pairs), &how)
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
                report(room, study, &extractor, &extracted, None);
            }
        }
    }
    let extracted = extractor
        .snapshot(model)
        .map_err(|e| Some((e.id(), e.to_string())))?;
    let saved = room.library.keep_vector(&extracted.vector, &study.name);
    let path = saved.map_err(|e| Some((e.id(), e.to_string())))?;
    report(room, study, &extractor, &extracted, Some(&path));
    (room.tell)(Word::Saved(path));
    room.check()?;
    Ok(0)
}

fn report(
    room: &Room<'_>,
    study: &ExtractStudy,
    extractor: &Extractor,
    extracted: &Extracted,
    file: Option<&std::path::Path>,
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
        done: extractor.done(),
        total: extractor.total(),
        pairs: extracted.texts[0].min(extracted.texts[1]),
        blocks: blocks.collect(),
        directional: predictors.as_ref().and_then(|p| p.agreement.directional),
        leave_one_out: predictors.as_ref().and_then(|p| p.agreement.leave_one_out),
        d_prime: predictors.as_ref().and_then(|p| p.in_sample.d_prime),
        auc: predictors.as_ref().and_then(|p| p.in_sample.auc),
        file: file.map(std::path::Path::to_owned),
        complete: extracted.complete,
    })));
}
