//! Calibration: the coefficient at which steering moves the model's next-token distribution by a given
//! amount, so that vectors, blocks and models can be compared at the same coefficient.
//!
//! The statistic (as in the program steering-lite) is the 95th percentile of KL(steered‖unsteered) in
//! nats over prompts and positions of greedy steered continuations. Their texts change with the
//! coefficient, so that it rises with small jumps; a fixed text gives a smooth curve of its own.

mod band;
mod solved;
mod solver;
mod statistic;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use band::{Band, Edge, HARDLY, INCOHERENT, PERPLEXITY_RATIO, Reason};
pub use solved::Solved;
pub use solver::{BRACKET, EVALUATIONS, Evaluation, Search, Solution, TOLERANCE, Verdict, solve};
pub use statistic::{KlStatistic, QUANTILE, ROLLOUT};

use super::controls::length;
use super::error::MeasureError;
use crate::engine::{Cancel, Model};
use crate::units::{BlockIndex, Mask};

/// Which way the vector is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sign {
    /// c > 0: towards the behaviour.
    #[default]
    Positive,
    /// c < 0: away from it.
    Negative,
}

impl Sign {
    /// +1 or −1.
    pub fn factor(self) -> f64 {
        match self {
            Self::Positive => 1.0,
            Self::Negative => -1.0,
        }
    }
}

/// One coefficient in three units, with its sign.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coefficient {
    /// c: multiple of the vector as it is.
    pub raw: f64,
    /// c·‖v‖: length of what is added.
    pub unit: f64,
    /// c·‖v‖/H: the same over the typical length of a residual vector at the block.
    pub kappa: f64,
}

/// A step of a calibration.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Coefficient.
    pub coefficient: Coefficient,
    /// Statistic there, in nats; infinite where the model's numbers overflowed.
    pub stat: f64,
}

/// A solved coefficient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Block whose output is steered.
    pub block: BlockIndex,
    /// Steered positions.
    pub mask: Mask,
    /// Statistic asked for, in nats.
    pub target: f64,
    /// Which way.
    pub sign: Sign,
    /// Prompts continued; `None` for a fixed text.
    pub prompts: Option<usize>,
    /// ‖v‖.
    pub vector_norm: f64,
    /// H: typical length of a residual vector at the block.
    pub residual_norm: f64,
    /// How the search ended. Unless reached, `best` is the nearest that was found.
    pub verdict: Verdict,
    /// The coefficient and the statistic achieved there.
    pub best: Step,
    /// All evaluations in their order.
    pub history: Vec<Step>,
}

/// A vector at a site with what it takes to calibrate it.
#[derive(Debug)]
pub struct Calibrator {
    model: Arc<Model>,
    statistic: KlStatistic,
    vector_norm: f64,
    residual_norm: f64,
}

impl Calibrator {
    /// Reads a statistic in units of `residual_norm`, the typical length of a residual vector at
    /// the block ([`residual_norms`](crate::steering::residual_norms) of prompts).
    ///
    /// # Errors
    /// [`MeasureError::NoLength`] where either length is not above 0.
    pub fn new(
        model: &Arc<Model>,
        statistic: KlStatistic,
        residual_norm: f64,
    ) -> Result<Self, MeasureError> {
        let site = statistic.site();
        let vector_norm = length(site.direction);
        let lengths = [
            ("direction", vector_norm),
            ("residual stream", residual_norm),
        ];
        for (what, length) in lengths {
            if !(length.is_finite() && length > 0.0) {
                let block = site.block;
                return Err(MeasureError::NoLength {
                    what,
                    block,
                    length,
                });
            }
        }
        Ok(Self {
            model: Arc::clone(model),
            statistic,
            vector_norm,
            residual_norm,
        })
    }

    /// The statistic.
    pub fn statistic(&self) -> &KlStatistic {
        &self.statistic
    }

    /// A coefficient of |κ| with a sign, in all units. Raw coefficients are rounded to f32, in which
    /// they are applied.
    pub fn coefficient(&self, kappa: f64, sign: Sign) -> Coefficient {
        let raw = (sign.factor() * kappa * self.residual_norm / self.vector_norm) as f32;
        let unit = f64::from(raw) * self.vector_norm;
        Coefficient {
            raw: f64::from(raw),
            unit,
            kappa: unit / self.residual_norm,
        }
    }

    /// Solves statistic(c) = `target` nats by [`solve`]; `progress` is told every evaluation.
    ///
    /// The same model, site, texts and target give the same answer.
    ///
    /// # Errors
    /// [`MeasureError::Target`], and those of the engine, cancellation included.
    pub fn solve(
        &self,
        target: f64,
        sign: Sign,
        progress: &mut dyn FnMut(&Step),
        cancel: &Cancel,
    ) -> Result<Calibration, MeasureError> {
        if !(target.is_finite() && target > 0.0) {
            return Err(MeasureError::Target { target });
        }
        let solution = self.search(&Search::new(target), &[], sign, progress, cancel)?;
        let step = |e: &Evaluation| Step {
            coefficient: self.coefficient(e.kappa, sign),
            stat: e.stat,
        };
        let site = self.statistic.site();
        // A search without known evaluations makes one at least.
        let best = solution.best.unwrap_or(Evaluation {
            kappa: 0.0,
            stat: 0.0,
        });
        Ok(Calibration {
            block: site.block,
            mask: site.mask,
            target,
            sign,
            prompts: self.statistic.prompts(),
            vector_norm: self.vector_norm,
            residual_norm: self.residual_norm,
            verdict: solution.verdict,
            best: step(&best),
            history: solution.history.iter().map(step).collect(),
        })
    }

    fn search(
        &self,
        search: &Search,
        known: &[Evaluation],
        sign: Sign,
        progress: &mut dyn FnMut(&Step),
        cancel: &Cancel,
    ) -> Result<Solution, MeasureError> {
        solve(search, known, &mut |kappa| {
            let coefficient = self.coefficient(kappa, sign);
            let stat = self.statistic.at(coefficient.raw as f32, cancel)?;
            progress(&Step { coefficient, stat });
            Ok(stat)
        })
    }
}
