//! Predictors of data sets' pairs at one block: v and midpoint of the training part, read off the
//! validation part.

use super::datasets::load;
use super::{Room, Trouble};
use crate::measure::{Asked, Cloud, Predictors, Separation};
use crate::protocol::{Apart, Asking, PredictStudy, Prediction, StudyNews};
use crate::steering::dataset::{Dataset, Part};
use crate::steering::pair_activations;
use crate::units::BlockIndex;

/// Seed of the split and of the subsamples.
const SEED: u64 = 0;

pub(super) fn run(room: &Room<'_>, study: &PredictStudy) -> Result<usize, Trouble> {
    // Geometry knows no split of the published code's: only the wording counts.
    let asking = Asking {
        parity: false,
        ..study.asking.clone()
    };
    let asked = room.asked(&asking)?;
    let (mut done, total) = (0, study.datasets.len() * 100);
    room.each(&study.datasets, |asset| {
        let at = done;
        done += 100;
        let dataset = load(room, asset, &asked)?;
        let mut told = |i: usize, n: usize| room.progress(at + 70 * i / n.max(1), total);
        let train = cloud(room, &dataset, &asked, Part::Train, study.block, &mut told)?;
        let others = dataset.part(Part::Validation, SEED);
        let held_out = if others.is_empty() {
            Cloud::default()
        } else {
            let mut told = |i: usize, n: usize| room.progress(at + 70 + 30 * i / n.max(1), total);
            cloud(
                room,
                &dataset,
                &asked,
                Part::Validation,
                study.block,
                &mut told,
            )?
        };
        let predictors = Predictors::of_clouds(&train, &held_out, SEED);
        let places = |cloud: &Cloud| train.places(cloud);
        room.news(StudyNews::Predicted(Box::new(plain(
            &dataset.name,
            study.block,
            &predictors,
            train.len(),
            places(&train),
            places(&held_out),
        ))));
        Ok(())
    })?;
    Ok(0)
}

fn cloud(
    room: &Room<'_>,
    dataset: &Dataset,
    asked: &Asked,
    part: Part,
    block: BlockIndex,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Cloud, Trouble> {
    let model = room.model;
    let examples = asked.prompting.examples(&dataset.part(part, SEED));
    let pairs = (asked.pairs(model, dataset, &examples)).map_err(|e| room.trouble(e.id(), &e))?;
    let activations = pair_activations(model, &pairs, block, progress, room.cancel)
        .map_err(|e| room.trouble(e.id(), &e))?;
    Ok(Cloud::from(&activations))
}

type Places = (Vec<f32>, Vec<f32>);

fn plain(
    dataset: &str,
    block: BlockIndex,
    p: &Predictors,
    pairs: usize,
    in_sample: Places,
    held_out: Places,
) -> Prediction {
    let apart = |s: &Separation, (positive, negative): Places| Apart {
        n: s.n,
        directional: s.directional,
        d_prime: s.d_prime,
        separated: s.separated,
        auc: s.auc,
        overlap: s.overlap,
        positive,
        negative,
    };
    let agreement = &p.agreement;
    Prediction {
        dataset: dataset.to_owned(),
        block: block.0,
        norm: p.norm,
        pairs,
        dropped: agreement.dropped,
        directional: agreement.directional,
        leave_one_out: agreement.leave_one_out,
        pairwise: agreement.pairwise,
        euclidean: agreement.euclidean,
        norm_variance: agreement.norm_variance,
        held_out: p.held_out.as_ref().map(|s| apart(s, held_out)),
        in_sample: apart(&p.in_sample, in_sample),
        stability: p.stability.as_ref().map(|s| (s.mean, s.min, s.pairs)),
    }
}
