//! Many data sets at one site: per-input steerability of each (Tan et al. 2407.12404, Figure 1).

use std::sync::Arc;

use super::rows::{self, Wanted};
use super::{Room, Trouble};
use crate::measure::{Asked, check_multipliers, close_rows, reference, unsteered_at};
use crate::protocol::{Asset, DatasetResponse, DatasetsStudy, Published, StudyNews};
use crate::stats::steerability;
use crate::steering::dataset::Dataset;
use crate::steering::{SteeringVector, extract_mean};

/// Returns how many data sets the store had.
pub(super) fn run(room: &Room<'_>, study: &DatasetsStudy) -> Result<usize, Trouble> {
    check_multipliers(&study.multipliers).map_err(|e| room.trouble(e.id(), &e))?;
    let loaded = match &study.vector {
        // A vector that was replaced meanwhile; the app asks again.
        Some(id) => Some(room.vector.clone().filter(|v| v.id() == *id).ok_or(None)?),
        None => None,
    };
    let unsteered = match study.condition {
        Some(_) => Some(
            unsteered_at(&study.multipliers, study.edit).map_err(|e| room.trouble(e.id(), &e))?,
        ),
        None => None,
    };
    let asked = room.asked(&study.asking)?;
    let (mut from_store, mut done) = (0, 0);
    let total = study.datasets.len() * 100;
    room.each(&study.datasets, |asset| {
        let at = done;
        done += 100;
        let part = |share: usize, i: usize, n: usize| at + share + 50 * i / n.max(1);
        let dataset = load(room, asset, &asked)?;
        let mut told = |i, n| room.progress(part(0, i, n), total);
        let (vector, how) = if let Some(vector) = &loaded {
            (Arc::clone(vector), vector.name.clone())
        } else {
            let extract = || own_vector(room, &dataset, &asked, &mut told);
            let vector = (room.shelf.vectors).get(study.asking.identify(&dataset.id), extract)?;
            (vector, "mean of its training pairs".to_owned())
        };
        let wanted = Wanted {
            vector: &vector,
            block: study.block,
            mask: study.mask,
            edit: study.edit,
            grid: &study.multipliers,
        };
        let mut told = |i, n| room.progress(part(50, i, n), total);
        let mut measured = rows::measure(room, &dataset, &asked, &wanted, &mut told)?;
        from_store += usize::from(measured.from_store);
        let id = study.asking.identify(&dataset.id);
        let open = room.open(study.condition.as_ref(), &id, &measured.set)?;
        if let (Some(open), Some(at)) = (&open, unsteered) {
            close_rows(&mut measured.rows, open, at);
        }
        let slope =
            |row: &Vec<f32>| steerability(&study.multipliers, row).map_or(f32::NAN, |s| s as f32);
        let inputs = (measured.set.inputs.iter().zip(&measured.rows))
            .map(|(input, row)| {
                let example = dataset.examples.iter().find(|e| e.row == input.row);
                let factors =
                    |f: fn(&crate::steering::dataset::Example) -> Option<bool>| example.and_then(f);
                (
                    slope(row),
                    factors(|e| e.positive_is_a),
                    factors(|e| e.positive_is_yes),
                )
            })
            .collect();
        room.news(StudyNews::Dataset(Box::new(DatasetResponse {
            dataset: dataset.name.clone(),
            asset: asset.clone(),
            vector: how,
            norm: vector.norm(study.block).unwrap_or(f32::NAN),
            inputs,
            steered: open.map(|open| open.iter().filter(|open| **open).count()),
            from_store: measured.from_store,
            published: published(&dataset.name),
        })));
        Ok(())
    })?;
    Ok(from_store)
}

fn published(name: &str) -> Option<Published> {
    reference::published(name).map(|row| Published {
        source: format!("Tan et al. 2407.12404, {}", reference::MODEL),
        median: row.median,
        anti: row.anti_percent / 100.0,
        variance: row.variance,
        shares: (row.letter_share, row.word_share),
    })
}

/// A data set of the library, or a file.
pub(super) fn load(room: &Room<'_>, asset: &Asset, asked: &Asked) -> Result<Dataset, Trouble> {
    room.library
        .load_dataset_with(asset, asked.load_options())
        .map_err(|e| room.trouble(e.id(), &e))
}

/// The mean difference over the training part, which no reported input is in unless the published
/// split is asked for.
fn own_vector(
    room: &Room<'_>,
    dataset: &Dataset,
    asked: &Asked,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<SteeringVector, Trouble> {
    let pairs = rows::training(room.model, dataset, asked);
    let pairs = pairs.map_err(|e| room.trouble(e.id(), &e))?;
    extract_mean(
        room.model,
        &dataset.name,
        room.model_name,
        &pairs,
        progress,
        room.cancel,
    )
    .map_err(|e| room.trouble(e.id(), &e))
}
