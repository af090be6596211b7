//! `--unit`: coefficients given in another unit than multiples of the stored vector.

use serde::Serialize;

use super::open::{self, Opened, failed, remark};
use super::output::Ending;
use crate::engine::Cancel;
use crate::measure::calibrate::{Calibrator, KlStatistic, Sign};
use crate::measure::{NEUTRAL_PROMPTS, Site};
use crate::protocol::Asset;
use crate::steering::dataset::{Dataset, Part};
use crate::steering::{PairSet, SteeringVector, pair_activations, prompt_norms, residual_norms};
use crate::units::{BlockIndex, CoefficientUnit, UnitScale};

/// Coefficients in the unit they were given in, and what is applied.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Stated {
    pub(super) unit: &'static str,
    pub(super) given: Vec<f32>,
    pub(super) raw: Vec<f32>,
    /// What one unit is here.
    pub(super) means: String,
}

impl Stated {
    /// Both figures in words, for tables.
    pub(super) fn words(&self) -> String {
        let pairs = self.given.iter().zip(&self.raw);
        let pairs: Vec<String> = pairs
            .map(|(given, raw)| format!("{given:+} {} = {raw:+.4} raw", self.unit))
            .collect();
        format!("{} ({})", pairs.join(", "), self.means)
    }
}

/// Raw coefficients of values given in a unit, with what is to be stated beside the result; `data`
/// is the data set of the command, if it has one.
pub(super) fn raw(
    unit: CoefficientUnit,
    values: &[f32],
    opened: &Opened,
    vector: &SteeringVector,
    site: &Site<'_>,
    data: Option<&Dataset>,
) -> Result<(Vec<f32>, Option<Stated>), Ending> {
    if unit == CoefficientUnit::Raw {
        return Ok((values.to_vec(), None));
    }
    if !site.edit.operator.scales_with_norm() {
        return Err(Ending::Usage(format!(
            "the coefficient of the operator {} is no length, so that --unit {} does not apply to it; leave --unit out",
            site.edit.operator,
            unit.name()
        )));
    }
    let found = scale(unit, opened, vector, site, data)?;
    let raw: Option<Vec<f32>> = (values.iter())
        .map(|value| {
            let raw = found.scale.to_raw(unit, f64::from(*value))? as f32;
            raw.is_finite().then_some(raw)
        })
        .collect();
    let raw = raw.ok_or_else(|| match unit {
        CoefficientUnit::Angle => Ending::Usage(
            "adding a vector turns by less than 90 degrees; give smaller angles".to_owned(),
        ),
        _ => failed(format!(
            "'{}' has no length at block {}; choose another block",
            vector.name, site.block
        )),
    })?;
    let stated = Stated {
        unit: unit.name(),
        given: values.to_vec(),
        raw: raw.clone(),
        means: found.means,
    };
    remark(&format!("coefficient {}", stated.words()));
    Ok((raw, Some(stated)))
}

struct Found {
    scale: UnitScale,
    means: String,
}

/// The figures that a unit needs at the site.
fn scale(
    unit: CoefficientUnit,
    opened: &Opened,
    vector: &SteeringVector,
    site: &Site<'_>,
    data: Option<&Dataset>,
) -> Result<Found, Ending> {
    let block = site.block;
    let norm = vector.norm(block).map(f64::from);
    let mut scale = UnitScale {
        norm,
        ..UnitScale::default()
    };
    let length = format!("‖v‖ {:.4} at block {block}", norm.unwrap_or(f64::NAN));
    let own = || match data {
        Some(data) => Some(data.clone()),
        None => open::library().dataset_of(vector),
    };
    let means = match unit {
        CoefficientUnit::Raw | CoefficientUnit::Unit => length,
        CoefficientUnit::Kappa | CoefficientUnit::Angle => {
            let (residual, source) = residual(opened, block, own().as_ref())?;
            scale.residual = Some(residual);
            format!("{length}, H {residual:.4} over {source}")
        }
        CoefficientUnit::Behaviour => {
            let (mean, n) = mean_norm(opened, block)?;
            scale.mean_norm = Some(mean);
            format!("{length}, mean norm of {n} vectors of the library {mean:.4}")
        }
        CoefficientUnit::Range => {
            let Some(data) = own() else {
                return Err(Ending::Usage(format!(
                    "activation-range needs the pairs that '{}' was made of, and its file names no bundled data set; use another unit",
                    vector.name
                )));
            };
            let most = largest_projection(opened, &data, site)?;
            scale.max_projection = Some(most);
            format!(
                "largest projection of the training texts of '{}' {most:.4}",
                data.name
            )
        }
        CoefficientUnit::Kl => {
            let one = one_nat(opened, site, own().as_ref())?;
            scale.one_nat = Some(one);
            format!("1 nat at {one:+.4} raw, 95th percentile over the neutral prompts")
        }
    };
    Ok(Found { scale, means })
}

/// `H_b` over the prompts of a data set, of the neutral prompts without one.
fn residual(
    opened: &Opened,
    block: BlockIndex,
    data: Option<&Dataset>,
) -> Result<(f64, String), Ending> {
    let (model, never) = (&opened.model, Cancel::never());
    let mut read = None;
    if let Some(data) = data {
        let norms = prompt_norms(model, data, &never).map_err(failed)?;
        read = norms
            .get(block.0)
            .copied()
            .filter(|h| *h > 0.0)
            .map(|h| (h, format!("the prompts of '{}'", data.name)));
    }
    let (h, source) = if let Some(found) = read {
        found
    } else {
        let prompts = neutral(opened)?;
        let refs: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
        let norms = residual_norms(model, &refs, &never).map_err(failed)?;
        let h = norms.get(block.0).copied().unwrap_or_default();
        (h, "the neutral prompts".to_owned())
    };
    Ok((f64::from(h), source))
}

fn neutral(opened: &Opened) -> Result<Vec<Vec<u32>>, Ending> {
    let tokenizer = opened.model.tokenizer();
    let ids = NEUTRAL_PROMPTS.iter().map(|text| tokenizer.encode(text));
    ids.collect::<Result<_, _>>().map_err(failed)
}

/// Mean norm at a block of the library's vectors that fit the model, and their number.
fn mean_norm(opened: &Opened, block: BlockIndex) -> Result<(f64, usize), Ending> {
    let (library, model) = (open::library(), &opened.model);
    let assets: Vec<Asset> = library.vectors().into_iter().map(|e| e.asset).collect();
    let norms: Vec<f64> = (assets.iter())
        .filter_map(|asset| library.load_vector(asset).ok())
        .filter(|v| {
            let (n, d) = (model.n_blocks(), model.hidden_size());
            v.fit(&opened.name, model.hash(), n, d).is_ok()
        })
        .filter_map(|v| v.norm(block))
        .map(f64::from)
        .collect();
    if norms.is_empty() {
        return Err(Ending::Usage(format!(
            "behaviour-normalised needs vectors for '{}' in the library, and there is none with block {block}; use another unit",
            opened.name
        )));
    }
    Ok((norms.iter().sum::<f64>() / norms.len() as f64, norms.len()))
}

/// Largest projection on v̂ of the positive training texts (`AxBench`; 50 where it is not above 0).
fn largest_projection(opened: &Opened, data: &Dataset, site: &Site<'_>) -> Result<f64, Ending> {
    let (model, never) = (&opened.model, Cancel::never());
    let rows = data.part(Part::Train, 0);
    let most = model.config().max_positions;
    let pairs = PairSet::of_rows(data, &rows, model.tokenizer(), most).map_err(failed)?;
    let read = pair_activations(model, &pairs, site.block, &mut |_, _| (), &never);
    let read = read.map_err(failed)?;
    let v = site.direction.get(..read.width).unwrap_or_default();
    let dot = |a: &[f32]| -> f64 {
        (a.iter().zip(v))
            .map(|(a, v)| f64::from(*a) * f64::from(*v))
            .sum()
    };
    let norm = dot(v).sqrt();
    let all = read.positive.chunks_exact(read.width.max(1));
    let most = all.map(|row| dot(row) / norm).fold(f64::MIN, f64::max);
    Ok(if most > 0.0 { most } else { 50.0 })
}

/// The raw coefficient whose KL statistic is 1 nat.
fn one_nat(opened: &Opened, site: &Site<'_>, data: Option<&Dataset>) -> Result<f64, Ending> {
    let (model, never) = (&opened.model, Cancel::never());
    let (residual, _) = residual(opened, site.block, data)?;
    let stop = model.stop_ids().to_vec();
    let statistic =
        KlStatistic::rollouts(model, site, neutral(opened)?, stop, &never).map_err(failed)?;
    let calibrator = Calibrator::new(model, statistic, residual).map_err(failed)?;
    let found = calibrator
        .solve(1.0, Sign::Positive, &mut |_| (), &never)
        .map_err(failed)?;
    Ok(found.best.coefficient.raw)
}
