//! `--unit`: coefficients given in another unit than multiples of the stored vector.

use std::cell::OnceCell;

use serde::Serialize;

use super::open::{self, Opened, failed, remark};
use super::output::Ending;
use crate::engine::Cancel;
use crate::measure::calibrate::{Calibrator, KlStatistic, Sign};
use crate::measure::{Asked, NEUTRAL_PROMPTS, Site};
use crate::protocol::Asset;
use crate::steering::dataset::{Dataset, Part};
use crate::steering::{PairSet, SteeringVector, pair_activations, residual_norms};
use crate::units::{BlockIndex, CoefficientUnit, UnitScale};

/// Coefficients in the unit they were given in, and what is applied.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Stated {
    pub(super) unit: &'static str,
    pub(super) given: Vec<f32>,
    pub(super) raw: Vec<f32>,
    /// Raw coefficient of 1.
    #[serde(skip)]
    pub(super) one: f32,
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
    let stated = Scales::new(unit, opened, vector, data).state(values, site)?;
    remark(&format!("coefficient {}", stated.words()));
    Ok((stated.raw.clone(), Some(stated)))
}

/// What a unit is at the blocks of a vector; what several blocks share is read once.
pub(super) struct Scales<'a> {
    unit: CoefficientUnit,
    opened: &'a Opened,
    vector: &'a SteeringVector,
    data: Option<Dataset>,
    /// `H_b` per block over the prompts of the data set, where they are known.
    norms: OnceCell<Vec<f32>>,
    neutral: OnceCell<Vec<f32>>,
    /// Vectors of the library that fit the model.
    library: OnceCell<Vec<SteeringVector>>,
}

struct Found {
    scale: UnitScale,
    means: String,
}

impl<'a> Scales<'a> {
    pub(super) fn new(
        unit: CoefficientUnit,
        opened: &'a Opened,
        vector: &'a SteeringVector,
        data: Option<&Dataset>,
    ) -> Self {
        Self {
            unit,
            opened,
            vector,
            data: data.cloned().or_else(|| open::library().dataset_of(vector)),
            norms: OnceCell::new(),
            neutral: OnceCell::new(),
            library: OnceCell::new(),
        }
    }

    /// With `H_b` per block as it was read over the prompts of the data set.
    pub(super) fn with_norms(self, norms: &[f32]) -> Self {
        Self {
            norms: OnceCell::from(norms.to_vec()),
            ..self
        }
    }

    /// Raw coefficients of values at one site.
    pub(super) fn state(&self, values: &[f32], site: &Site<'_>) -> Result<Stated, Ending> {
        let unit = self.unit;
        if !site.edit.operator.scales_with_norm() {
            return Err(Ending::Usage(format!(
                "the coefficient of the operator {} is no length, so that --unit {} does not apply to it; leave --unit out",
                site.edit.operator,
                unit.name()
            )));
        }
        let found = self.scale(site)?;
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
                self.vector.name, site.block
            )),
        })?;
        let one = found.scale.to_raw(unit, 1.0).unwrap_or(f64::NAN) as f32;
        Ok(Stated {
            unit: unit.name(),
            given: values.to_vec(),
            raw,
            one,
            means: found.means,
        })
    }

    /// The figures that the unit needs at the site.
    fn scale(&self, site: &Site<'_>) -> Result<Found, Ending> {
        let (block, unit) = (site.block, self.unit);
        let norm = self.vector.norm(block).map(f64::from);
        let mut scale = UnitScale {
            norm,
            ..UnitScale::default()
        };
        let length = format!("‖v‖ {:.4} at block {block}", norm.unwrap_or(f64::NAN));
        let means = match unit {
            CoefficientUnit::Raw | CoefficientUnit::Unit => length,
            CoefficientUnit::Kappa | CoefficientUnit::Angle => {
                let (residual, source) = self.residual(block)?;
                scale.residual = Some(residual);
                format!("{length}, H {residual:.4} over {source}")
            }
            CoefficientUnit::Behaviour => {
                let (mean, n) = self.mean_norm(block)?;
                scale.mean_norm = Some(mean);
                format!("{length}, mean norm of {n} vectors of the library {mean:.4}")
            }
            CoefficientUnit::Range => {
                let Some(data) = &self.data else {
                    return Err(Ending::Usage(format!(
                        "activation-range needs the pairs that '{}' was made of, and its file names no bundled data set; use another unit",
                        self.vector.name
                    )));
                };
                let most = largest_projection(self.opened, data, site)?;
                scale.max_projection = Some(most);
                format!(
                    "largest projection of the training texts of '{}' {most:.4}",
                    data.name
                )
            }
            CoefficientUnit::Kl => {
                let one = self.one_nat(site)?;
                scale.one_nat = Some(one);
                format!("1 nat at {one:+.4} raw, 95th percentile over the neutral prompts")
            }
        };
        Ok(Found { scale, means })
    }

    /// `H_b` over the prompts of the data set, of the neutral prompts without one.
    fn residual(&self, block: BlockIndex) -> Result<(f64, String), Ending> {
        let (model, never) = (&self.opened.model, Cancel::never());
        let at = |norms: &[f32]| norms.get(block.0).copied().filter(|h| *h > 0.0);
        if let Some(data) = &self.data {
            let norms = known(&self.norms, || {
                Asked::default().norms(model, data, &never).map_err(failed)
            })?;
            if let Some(h) = at(norms) {
                return Ok((f64::from(h), format!("the prompts of '{}'", data.name)));
            }
        }
        let norms = known(&self.neutral, || {
            let prompts = neutral(self.opened)?;
            let refs: Vec<&[u32]> = prompts.iter().map(Vec::as_slice).collect();
            residual_norms(model, &refs, &never).map_err(failed)
        })?;
        let h = at(norms).unwrap_or_default();
        Ok((f64::from(h), "the neutral prompts".to_owned()))
    }

    /// Mean norm at a block of the library's vectors that fit the model, and their number.
    fn mean_norm(&self, block: BlockIndex) -> Result<(f64, usize), Ending> {
        let (library, model) = (open::library(), &self.opened.model);
        let fitting = known(&self.library, || {
            let (n, d) = (model.n_blocks(), model.hidden_size());
            let assets: Vec<Asset> = library.vectors().into_iter().map(|e| e.asset).collect();
            Ok((assets.iter())
                .filter_map(|asset| library.load_vector(asset).ok())
                .filter(|v| v.fit(&self.opened.name, model.hash(), n, d).is_ok())
                .collect())
        })?;
        let norms: Vec<f64> = (fitting.iter())
            .filter_map(|v| v.norm(block))
            .map(f64::from)
            .collect();
        if norms.is_empty() {
            return Err(Ending::Usage(format!(
                "behaviour-normalised needs vectors for '{}' in the library, and there is none with block {block}; use another unit",
                self.opened.name
            )));
        }
        Ok((norms.iter().sum::<f64>() / norms.len() as f64, norms.len()))
    }

    /// The raw coefficient whose KL statistic is 1 nat.
    fn one_nat(&self, site: &Site<'_>) -> Result<f64, Ending> {
        let (model, never) = (&self.opened.model, Cancel::never());
        let (residual, _) = self.residual(site.block)?;
        let stop = model.stop_ids().to_vec();
        let prompts = neutral(self.opened)?;
        let statistic = KlStatistic::rollouts(model, site, prompts, stop, &never);
        let statistic = statistic.map_err(failed)?;
        let calibrator = Calibrator::new(model, statistic, residual).map_err(failed)?;
        let found = calibrator
            .solve(1.0, Sign::Positive, &mut |_| (), &never)
            .map_err(failed)?;
        Ok(found.best.coefficient.raw)
    }
}

/// What a cell holds, computed at the first question.
fn known<T>(cell: &OnceCell<T>, compute: impl FnOnce() -> Result<T, Ending>) -> Result<&T, Ending> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = compute()?;
    Ok(cell.get_or_init(|| value))
}

fn neutral(opened: &Opened) -> Result<Vec<Vec<u32>>, Ending> {
    let tokenizer = opened.model.tokenizer();
    let ids = NEUTRAL_PROMPTS.iter().map(|text| tokenizer.encode(text));
    ids.collect::<Result<_, _>>().map_err(failed)
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
