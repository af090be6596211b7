//! Extraction in every setting, then every vector in every setting.

use std::collections::HashSet;
use std::sync::Arc;

use super::column::Column;
use super::error::ShiftError;
use super::matrix::{ShiftFigures, scaled_to, six_vectors};
use super::sentences::Sentences;
use super::setting::Setting;
use crate::engine::{Cancel, Model};
use crate::measure::predictors::norm;
use crate::measure::{CacheOptions, PreparedInput, PreparedSet, Split, check_multipliers};
use crate::stats::{MIN_EXAMPLES, steerability};
use crate::steering::dataset::{Dataset, Example, Part};
use crate::steering::{PairSet, Wording, pair_activations};
use crate::store::Keeping;
use crate::units::{BlockIndex, Edit, Mask};

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub struct ShiftPlan<'a> {
    /// Model.
    pub model: &'a Arc<Model>,
    /// Data set that the rows belong to.
    pub dataset: &'a Dataset,
    /// Rows that vectors are made of.
    pub train: &'a [&'a Example],
    /// Rows that are measured.
    pub test: &'a [&'a Example],
    /// System text of the settings that do not replace it; may be empty.
    pub system: &'a str,
    /// The two sentences.
    pub sentences: &'a Sentences,
    /// Site.
    pub block: BlockIndex,
    /// What is done there.
    pub edit: Edit,
    /// Steered positions.
    pub mask: Mask,
    /// Grid of the slope.
    pub multipliers: &'a [f32],
    /// Rescale every vector to the norm of BASE's.
    pub norm_matched: bool,
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct ShiftRun {
    /// Slopes, vectors, unsteered propensities.
    pub figures: ShiftFigures,
    /// Rows measured, in measuring order: those usable in all five settings.
    pub rows: Vec<usize>,
    /// Test rows left out because some setting cannot use them.
    pub left_out: usize,
    /// Pairs of each setting's vector.
    pub pairs: [usize; 5],
    /// Cells: a vector that has a length in a setting.
    pub cells: usize,
    /// Cells that came from the run store.
    pub found: usize,
}

/// What a run may use beside the model.
#[derive(Debug)]
pub struct ShiftResources<'a> {
    /// Memory of prompts.
    pub cache: CacheOptions,
    /// Where cells are looked up and kept, one per vector and test setting.
    pub keeping: &'a mut Keeping,
    /// Display name of the model, for the store.
    pub model: &'a str,
    /// Which rows `test` is, for the store.
    pub split: Split,
}

/// Measures all six vectors in all five settings, nothing kept.
///
/// A setting's prompts are computed once; its vectors are branches of their kept keys and values,
/// and multiplier 0 is shared by all of them. `progress` is told texts done and texts in all.
///
/// # Errors
/// [`ShiftError`]; below eight common test rows [`ShiftError::TooFew`].
pub fn measure_shift(
    plan: &ShiftPlan<'_>,
    progress: &mut dyn FnMut(usize, usize),
    cancel: &Cancel,
) -> Result<ShiftRun, ShiftError> {
    let mut keeping = Keeping::none();
    let resources = ShiftResources {
        cache: CacheOptions::default(),
        keeping: &mut keeping,
        model: "",
        split: Split::part(Part::Test, 0),
    };
    measure_shift_with(plan, resources, progress, cancel)
}

/// The same with a run store: cells that are kept are not measured again. The vectors are always
/// extracted, since their content is what a cell is found by.
///
/// # Errors
/// Those of [`measure_shift`].
pub fn measure_shift_with(
    plan: &ShiftPlan<'_>,
    resources: ShiftResources<'_>,
    progress: &mut dyn FnMut(usize, usize),
    cancel: &Cancel,
) -> Result<ShiftRun, ShiftError> {
    check_multipliers(plan.multipliers)?;
    let sets = common_sets(plan)?;
    let n = sets[0].len();
    let total = 5 * (plan.train.len() + n);
    let mut done = 0;
    let mut directions: [Vec<f32>; 5] = Default::default();
    let mut pairs = [0; 5];
    for (i, setting) in Setting::ALL.into_iter().enumerate() {
        let wordings = wordings(plan, setting, plan.train)?;
        let model = plan.model;
        let most = model.config().max_positions;
        let set = PairSet::of_wordings(plan.dataset, &wordings, model.tokenizer(), most)?;
        let mut told = |pairs, _| progress(done + pairs, total);
        let activations = pair_activations(model, &set, plan.block, &mut told, cancel)?;
        directions[i] = activations.mean_difference();
        pairs[i] = set.pairs.len();
        done += plan.train.len();
    }
    let applied = applied(plan, &directions);
    let mut slopes: Vec<[Vec<f64>; 5]> = vec![Default::default(); applied.len()];
    let mut unsteered: [Vec<f64>; 5] = Default::default();
    let rows = sets[0].iter().map(|input| input.row).collect();
    let mut column = Column::new(plan, resources);
    for (setting, inputs) in sets.into_iter().enumerate() {
        let mut told = |inputs| progress(done + inputs, total);
        let figures = column.measure(Setting::ALL[setting], inputs, &applied, &mut told, cancel)?;
        done += n;
        progress(done, total);
        unsteered[setting] = figures.unsteered;
        for (vector, rows) in figures.rows.into_iter().enumerate() {
            let slope = |row: &Vec<f32>| steerability(plan.multipliers, row).unwrap_or(f64::NAN);
            slopes[vector][setting] = rows.iter().map(slope).collect();
        }
    }
    Ok(ShiftRun {
        figures: ShiftFigures {
            directions,
            slopes,
            unsteered,
        },
        rows,
        left_out: plan.test.len() - n,
        pairs,
        cells: column.cells,
        found: column.found,
    })
}

/// The six vectors as they are applied; `None` for one without length.
fn applied(plan: &ShiftPlan<'_>, directions: &[Vec<f32>; 5]) -> Vec<Option<Vec<f32>>> {
    let base: Vec<f64> = directions[0].iter().map(|x| f64::from(*x)).collect();
    let length = norm(&base);
    let scaled = |v: &Vec<f32>| {
        if plan.norm_matched {
            scaled_to(v, length)
        } else {
            Some(v.clone()).filter(|v| v.iter().any(|x| *x != 0.0))
        }
    };
    six_vectors(directions).iter().map(scaled).collect()
}

fn wordings(
    plan: &ShiftPlan<'_>,
    setting: Setting,
    rows: &[&Example],
) -> Result<Vec<Wording>, ShiftError> {
    let mut wordings = Vec::with_capacity(rows.len());
    for example in rows {
        wordings.extend(setting.wording(plan.model, example, plan.system, plan.sentences)?);
    }
    Ok(wordings)
}

/// The test rows that every setting can use, worded for each.
fn common_sets(plan: &ShiftPlan<'_>) -> Result<Vec<Vec<PreparedInput>>, ShiftError> {
    let (model, dataset) = (plan.model, plan.dataset);
    let most = model.config().max_positions;
    let mut sets = Vec::with_capacity(5);
    for setting in Setting::ALL {
        let wordings = wordings(plan, setting, plan.test)?;
        let set = PreparedSet::of_wordings(dataset, &wordings, model.tokenizer(), most)?;
        sets.push(set.inputs);
    }
    let rows = |inputs: &Vec<PreparedInput>| inputs.iter().map(|i| i.row).collect::<HashSet<_>>();
    let common = sets
        .iter()
        .map(rows)
        .reduce(|a, b| &a & &b)
        .unwrap_or_default();
    if common.len() < MIN_EXAMPLES {
        return Err(ShiftError::TooFew {
            dataset: dataset.name.clone(),
            n: common.len(),
            needed: MIN_EXAMPLES,
        });
    }
    for set in &mut sets {
        set.retain(|input| common.contains(&input.row));
    }
    Ok(sets)
}
