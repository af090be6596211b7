//! Rows of a data set that a study measures, and their propensities: from the run store, else in slices.

use std::sync::Arc;

use super::{Room, Trouble};
use crate::engine::Model;
use crate::measure::{
    Asked, MeasureError, PreparedSet, PromptCache, Protocol, Site, Split, store_cell, store_key,
};
use crate::steering::dataset::{Dataset, Example, Part};
use crate::steering::{PairSet, SteeringVector};
use crate::store::Names;
use crate::units::{BlockIndex, Edit, Mask};

/// Inputs between two looks at the gate.
const SLICE: usize = 8;

/// What the live histogram measures: the first rows of the test part (seed 0), and their split as the
/// protocol names it. The rows stand as their data set has them.
pub(in crate::worker) fn part<'a>(
    asked: &Asked,
    dataset: &'a Dataset,
    limit: usize,
) -> Result<(Vec<&'a Example>, Split), MeasureError> {
    let (mut rows, split) = asked.part(dataset, Part::Test, 0)?;
    rows.retain(|e| e.prompt_text().is_some());
    // A limit that takes nothing away is none: the key is that of a measurement without it.
    let cut = rows.len() > limit;
    rows.truncate(limit);
    Ok((rows, split.first(cut.then_some(limit))))
}

/// Pairs of the training part, as they are asked.
pub(super) fn training(
    model: &Model,
    dataset: &Dataset,
    asked: &Asked,
) -> Result<PairSet, MeasureError> {
    let (rows, _) = asked.part(dataset, Part::Train, 0)?;
    let examples = asked.prompting.examples(&rows);
    asked.pairs(model, dataset, &examples)
}

/// A vector at one site.
pub(super) struct Wanted<'a> {
    pub(super) vector: &'a SteeringVector,
    pub(super) block: BlockIndex,
    pub(super) mask: Mask,
    pub(super) edit: Edit,
    pub(super) grid: &'a [f32],
}

/// Inputs with the propensities `(inputs, multipliers)`, and whether the store had them.
pub(super) struct Measured {
    pub(super) set: Arc<PreparedSet>,
    pub(super) rows: Vec<Vec<f32>>,
    pub(super) from_store: bool,
}

pub(super) fn measure(
    room: &Room<'_>,
    dataset: &Dataset,
    asked: &Asked,
    wanted: &Wanted<'_>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Measured, Trouble> {
    let model = room.model;
    let told = |e: MeasureError| room.trouble(e.id(), &e);
    let (rows, split) = part(asked, dataset, room.inputs).map_err(told)?;
    if rows.is_empty() {
        let words = format!("'{}' has no input that can be measured", dataset.name);
        return Err(Some(("no-measurable-rows", words)));
    }
    let examples = asked.prompting.examples(&rows);
    let set = asked.prepared(model, dataset, &examples).map_err(told)?;
    let set = Arc::new(set);
    let protocol = Protocol::new(wanted.block, wanted.mask, wanted.grid, split)
        .with_edit(wanted.edit)
        .on(model);
    let protocol = asked.stamp(protocol);
    let key = store_key(model, wanted.vector, &set, &protocol);
    if let Some(cell) = room.archive.find(&key) {
        let rows = cell.rows().map(<[f32]>::to_vec).collect();
        return Ok(Measured {
            set,
            rows,
            from_store: true,
        });
    }
    let direction = wanted
        .vector
        .direction(wanted.block)
        .map_err(|e| room.trouble(e.id(), &e))?;
    let site = Site {
        direction,
        block: wanted.block,
        mask: wanted.mask,
        edit: wanted.edit,
    };
    let mut cache = PromptCache::new(
        Arc::clone(model),
        Arc::clone(&set),
        room.memory.study(model),
    );
    let mut measured = Vec::with_capacity(cache.len());
    while measured.len() < cache.len() {
        room.check()?;
        let range = measured.len()..(measured.len() + SLICE).min(cache.len());
        let new = cache
            .evaluate(&site, wanted.grid, range, room.cancel)
            .map_err(|e| room.trouble(e.id(), &e))?;
        measured.extend(new);
        progress(measured.len(), cache.len());
    }
    let refs: Vec<&Example> = examples.iter().collect();
    let names = Names {
        model: room.model_name.to_owned(),
        vector: wanted.vector.name.clone(),
        dataset: dataset.name.clone(),
    };
    room.archive
        .put(key, store_cell(names, &protocol, &set, &refs, &measured));
    Ok(Measured {
        set,
        rows: measured,
        from_store: false,
    })
}
