//! The coefficients worth a slider: from where steering hardly does anything to where texts fall apart.

use serde::{Deserialize, Serialize};

use super::solver::{BRACKET, Evaluation, Search, Verdict};
use super::{Calibration, Calibrator, Coefficient, Step};
use crate::engine::Cancel;
use crate::measure::error::MeasureError;
use crate::measure::tax::tax;

/// Statistic in nats at which steering hardly has an effect.
pub const HARDLY: f64 = 0.1;
/// Statistic in nats from which texts count as incoherent.
pub const INCOHERENT: f64 = 5.0;
/// The same for the perplexity of the neutral text, over its unsteered one.
pub const PERPLEXITY_RATIO: f64 = 2.0;

/// The ends of a track need no more than this relative tolerance of the statistic.
const TOLERANCE: f64 = 0.15;
/// Evaluations beyond the calibration's, for each end.
const EXTRA: usize = 4;
/// Coefficients of one look at the neutral text.
const LANES: usize = 8;

/// What ends a band.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The statistic meets [`HARDLY`] or [`INCOHERENT`] there.
    Statistic,
    /// The neutral text's perplexity is [`PERPLEXITY_RATIO`] times the unsteered one there.
    Perplexity,
    /// Neither happens before the end of the searched interval.
    Bracket,
}

/// One end of a band.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// Coefficient.
    pub coefficient: Coefficient,
    /// What ends the band here.
    pub reason: Reason,
    /// Statistic in nats, where it was evaluated.
    pub stat: Option<f64>,
}

/// The usable band of a vector at a site, one sign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Below it steering hardly does anything: the statistic is [`HARDLY`] here.
    pub low: Edge,
    /// Beyond it texts are incoherent: the smallest |c| at which the statistic exceeds [`INCOHERENT`]
    /// or the perplexity of the neutral text is [`PERPLEXITY_RATIO`] times the unsteered one.
    pub high: Edge,
    /// Evaluations of the statistic beyond the calibration's.
    pub evaluations: usize,
    /// Batches of eight coefficients over the neutral text.
    pub batches: usize,
}

impl Calibrator {
    /// The band around a calibration of the same sign, from its evaluations and a few more. `neutral`
    /// is the neutral text's tokens, at least two.
    ///
    /// # Errors
    /// [`MeasureError::ShortText`] and those of the engine.
    pub fn band(
        &self,
        calibration: &Calibration,
        neutral: &[u32],
        progress: &mut dyn FnMut(&Step),
        cancel: &Cancel,
    ) -> Result<Band, MeasureError> {
        let sign = calibration.sign;
        let mut known: Vec<Evaluation> = (calibration.history.iter())
            .map(|step| Evaluation {
                kappa: step.coefficient.kappa.abs(),
                stat: step.stat,
            })
            .collect();
        let given = known.len();
        let mut edge = |target: f64| -> Result<Edge, MeasureError> {
            let search = Search {
                tolerance: TOLERANCE,
                evaluations: EXTRA,
                ..Search::new(target)
            };
            let solution = self.search(&search, &known, sign, progress, cancel)?;
            known.extend(&solution.history);
            let [first, last] = BRACKET;
            let (kappa, reason) = match (solution.verdict, solution.best) {
                (Verdict::Unreachable, _) => (last, Reason::Bracket),
                (Verdict::AlwaysAbove, _) | (_, None) => (first, Reason::Bracket),
                (_, Some(best)) => (best.kappa, Reason::Statistic),
            };
            let there = known.iter().find(|e| (e.kappa / kappa - 1.0).abs() < 1e-6);
            Ok(Edge {
                coefficient: self.coefficient(kappa, sign),
                reason,
                stat: there.map(|e| e.stat),
            })
        };
        let low = edge(HARDLY)?;
        let by_stat = edge(INCOHERENT)?;
        let evaluations = known.len() - given;
        let (from, to) = (low.coefficient.kappa.abs(), by_stat.coefficient.kappa.abs());
        let (doubled, batches) = self.doubled(calibration, neutral, [from, to], cancel)?;
        let high = match doubled {
            Some(kappa) => Edge {
                coefficient: self.coefficient(kappa, sign),
                reason: Reason::Perplexity,
                stat: None,
            },
            None => by_stat,
        };
        Ok(Band {
            low,
            high,
            evaluations,
            batches,
        })
    }

    /// |κ| within an interval at which the neutral text's perplexity is first [`PERPLEXITY_RATIO`] times
    /// the unsteered one, interpolated on logarithms; `None` where it is not. With the batches it took.
    fn doubled(
        &self,
        calibration: &Calibration,
        neutral: &[u32],
        [mut from, mut to]: [f64; 2],
        cancel: &Cancel,
    ) -> Result<(Option<f64>, usize), MeasureError> {
        let site = self.statistic.site();
        let mut batches = 0;
        let mut crossing = None;
        // The second look is between the two coefficients that the first one found.
        for _ in 0..2 {
            if to <= from {
                break;
            }
            let step = (to / from).ln() / (LANES - 1) as f64;
            let kappas: Vec<f64> = (0..LANES).map(|i| from * (step * i as f64).exp()).collect();
            let mut coefficients = vec![0.0];
            let raw = |kappa: &f64| self.coefficient(*kappa, calibration.sign).raw as f32;
            coefficients.extend(kappas.iter().map(raw));
            let rows = tax(&self.model, &site, neutral, &coefficients, cancel)?;
            batches += 1;
            let Some((base, steered)) = rows.split_first() else {
                break;
            };
            let excess = |i: usize| {
                let row: &crate::measure::TaxRow = &steered[i];
                (row.perplexity / base.perplexity / PERPLEXITY_RATIO).ln()
            };
            let Some(i) = (0..LANES).find(|i| excess(*i) >= 0.0) else {
                break;
            };
            let Some(before) = i.checked_sub(1) else {
                crossing = Some(kappas[0]);
                break;
            };
            (from, to) = (kappas[before], kappas[i]);
            let (below, above) = (excess(before), excess(i));
            let share = if above.is_finite() {
                -below / (above - below)
            } else {
                0.5
            };
            crossing = Some(from * (to / from).powf(share));
        }
        Ok((crossing, batches))
    }
}
