//! One test setting: all six vectors on its inputs, from the store or from prompts computed once.

use std::sync::Arc;

use super::error::ShiftError;
use super::matrix::MEAN_VECTOR;
use super::run::{ShiftPlan, ShiftResources};
use super::setting::Setting;
use crate::engine::Cancel;
use crate::measure::Propensity;
use crate::measure::cache::prompt_bytes;
use crate::measure::{
    PreparedInput, PreparedSet, PromptCache, Protocol, Site, Template, store_cell, store_key,
};
use crate::steering::{Rejections, SteeringVector};
use crate::store::{Key, Names};

/// Most inputs whose prompts are in memory at once.
const CHUNK: usize = 64;

/// What one setting gives.
pub(super) struct ColumnFigures {
    /// Unsteered propensity per input.
    pub(super) unsteered: Vec<f64>,
    /// Per vector, propensities `(inputs, multipliers)`; empty where it has no length.
    pub(super) rows: Vec<Vec<Vec<f32>>>,
}

/// Measures the settings of a run one after the other.
pub(super) struct Column<'a> {
    plan: &'a ShiftPlan<'a>,
    resources: ShiftResources<'a>,
    /// Cells so far, and those of them that were in the store.
    pub(super) cells: usize,
    pub(super) found: usize,
}

impl<'a> Column<'a> {
    pub(super) fn new(plan: &'a ShiftPlan<'a>, resources: ShiftResources<'a>) -> Self {
        Self {
            plan,
            resources,
            cells: 0,
            found: 0,
        }
    }

    /// All vectors on the inputs of one setting; `progress` is told inputs done.
    pub(super) fn measure(
        &mut self,
        setting: Setting,
        inputs: Vec<PreparedInput>,
        vectors: &[Option<Vec<f32>>],
        progress: &mut dyn FnMut(usize),
        cancel: &Cancel,
    ) -> Result<ColumnFigures, ShiftError> {
        let plan = self.plan;
        let set = set_of(plan, inputs);
        let protocol = self.protocol(setting);
        let mut rows: Vec<Vec<Vec<f32>>> = vec![Vec::new(); vectors.len()];
        let mut missing: Vec<(usize, &[f32], Key)> = Vec::new();
        for (i, direction) in vectors.iter().enumerate() {
            let Some(direction) = direction else {
                continue;
            };
            self.cells += 1;
            let vector = SteeringVector::new(
                vector_name(plan, i),
                [(plan.block.0, direction.clone())].into(),
                [].into(),
            )
            .map_err(crate::measure::MeasureError::from)?;
            let key = store_key(plan.model, &vector, &set, &protocol);
            match self.resources.keeping.find(&key) {
                Some(cell) => {
                    self.found += 1;
                    rows[i] = cell.rows().map(<[f32]>::to_vec).collect();
                }
                None => missing.push((i, direction, key)),
            }
        }
        if missing.is_empty()
            && let Some(unsteered) = unsteered(plan.multipliers, &rows)
        {
            return Ok(ColumnFigures { unsteered, rows });
        }
        let mut unsteered = Vec::with_capacity(set.inputs.len());
        for chunk in chunks(plan, set.inputs.clone(), self.resources.cache.kv_bytes) {
            let size = chunk.inputs.len();
            let mut cache = PromptCache::new(
                Arc::clone(plan.model),
                Arc::new(chunk),
                self.resources.cache,
            );
            cache.prefill(0..size, cancel)?;
            unsteered.extend((0..size).map(|i| cache.baseline(i).map_or(f64::NAN, f64::from)));
            for (i, direction, _) in &missing {
                let site = Site {
                    edit: plan.edit,
                    direction,
                    block: plan.block,
                    mask: plan.mask,
                };
                rows[*i].extend(cache.evaluate(&site, plan.multipliers, 0..size, cancel)?);
            }
            progress(unsteered.len());
        }
        for (i, _, key) in missing {
            let names = Names {
                model: self.resources.model.to_owned(),
                vector: vector_name(plan, i),
                dataset: format!("{} {}", plan.dataset.name, setting.name()),
            };
            let cell = store_cell(names, &protocol, &set, plan.test, &rows[i]);
            self.resources.keeping.put(&key, &cell);
        }
        Ok(ColumnFigures { unsteered, rows })
    }

    fn protocol(&self, setting: Setting) -> Protocol {
        let (plan, split) = (self.plan, self.resources.split.clone());
        let mut protocol = Protocol::new(plan.block, plan.mask, plan.multipliers, split)
            .with_edit(plan.edit)
            .on(plan.model);
        if plan.model.chat().is_some() {
            protocol.template = Template::Chat;
        }
        let system = setting.system(plan.system, plan.sentences);
        protocol.system = (!system.is_empty()).then(|| system.to_owned());
        protocol
    }
}

/// As it is called in the store: data set and setting it was made in.
fn vector_name(plan: &ShiftPlan<'_>, vector: usize) -> String {
    let setting = Setting::ALL.get(vector).map_or(MEAN_VECTOR, |s| s.name());
    format!("{} {setting}", plan.dataset.name)
}

/// Unsteered propensities from measured rows, if multiplier 0 is among their columns.
fn unsteered(multipliers: &[f32], rows: &[Vec<Vec<f32>>]) -> Option<Vec<f64>> {
    let zero = multipliers.iter().position(|m| *m == 0.0)?;
    let rows = rows.iter().find(|rows| !rows.is_empty())?;
    rows.iter()
        .map(|row| Some(f64::from(*row.get(zero)?)))
        .collect()
}

fn set_of(plan: &ShiftPlan<'_>, inputs: Vec<PreparedInput>) -> PreparedSet {
    PreparedSet {
        dataset: plan.dataset.name.clone(),
        dataset_id: plan.dataset.id.clone(),
        inputs,
        rejected: Rejections::default(),
        texts_only: 0,
        propensity: Propensity::AnswerLogit,
    }
}

/// Cuts inputs so that the prompts of a part fit into `affordable` bytes: all vectors are branches of
/// prompts that are never computed twice.
fn chunks(plan: &ShiftPlan<'_>, inputs: Vec<PreparedInput>, affordable: usize) -> Vec<PreparedSet> {
    let mut parts: Vec<PreparedSet> = Vec::new();
    let mut filled = 0;
    for input in inputs {
        let bytes = prompt_bytes(plan.model, &input);
        match parts.last_mut() {
            Some(part) if part.inputs.len() < CHUNK && filled + bytes <= affordable => {
                part.inputs.push(input);
                filled += bytes;
            }
            _ => {
                parts.push(set_of(plan, vec![input]));
                filled = bytes;
            }
        }
    }
    parts
}
