//! Rows of a data set that a study measures, and their propensities: from the run store, else in slices.

use std::sync::Arc;

use super::{Room, Trouble};
use crate::measure::{PreparedSet, PromptCache, Protocol, Site, Split, store_cell, store_key};
use crate::steering::SteeringVector;
use crate::steering::dataset::{Dataset, Example, Part};
use crate::store::Names;
use crate::units::{BlockIndex, Edit, Mask};

/// Inputs between two looks at the gate.
const SLICE: usize = 8;

/// What the live histogram measures: the first rows of the test part (seed 0), and their split as the
/// protocol names it.
pub(in crate::worker) fn live(dataset: &Dataset, limit: usize) -> (Vec<&Example>, Split) {
    let mut rows = dataset.part(Part::Test, 0);
    rows.retain(|e| e.prompt_text().is_some());
    // A limit that takes nothing away is none: the key is that of a measurement without it.
    let cut = rows.len() > limit;
    rows.truncate(limit);
    (rows, Split::part(Part::Test, 0).first(cut.then_some(limit)))
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
    wanted: &Wanted<'_>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Measured, Trouble> {
    let model = room.model;
    let (rows, split) = live(dataset, room.inputs);
    if rows.is_empty() {
        let words = format!("'{}' has no input that can be measured", dataset.name);
        return Err(Some(("no-measurable-rows", words)));
    }
    let most = model.config().max_positions;
    let set = PreparedSet::of_rows(dataset, &rows, model.tokenizer(), most)
        .map_err(|e| room.trouble(e.id(), &e))?;
    let set = Arc::new(set);
    let protocol = Protocol::new(wanted.block, wanted.mask, wanted.grid, split)
        .with_edit(wanted.edit)
        .on(model);
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
    let names = Names {
        model: room.model_name.to_owned(),
        vector: wanted.vector.name.clone(),
        dataset: dataset.name.clone(),
    };
    room.archive
        .put(key, store_cell(names, &protocol, &set, &rows, &measured));
    Ok(Measured {
        set,
        rows: measured,
        from_store: false,
    })
}
