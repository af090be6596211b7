//! The coefficient whose effect on the next token has a given size, the usable band around it, and what
//! it costs on a neutral text.

use super::{Room, Trouble};
use crate::measure::calibrate::{Calibrator, KlStatistic, Reason, Sign, Verdict};
use crate::measure::{NEUTRAL_TEXT, Site, tax, text_ids};
use crate::protocol::{CalibrateStudy, Calibration, StudyNews, Tax};

/// Prompts that are continued (§ of the method: four to eight).
const PROMPTS: usize = 6;
/// Evaluations that the progress line counts on: those of the search and of the band's ends.
const EXPECTED: usize = 20;

pub(super) fn run(room: &Room<'_>, study: &CalibrateStudy) -> Result<usize, Trouble> {
    let vector = room.vector_of(&study.vector)?;
    let model = room.model;
    let direction = vector
        .direction(study.block)
        .map_err(|e| room.trouble(e.id(), &e))?;
    let site = Site {
        direction,
        block: study.block,
        mask: study.mask,
        edit: study.edit,
    };
    let told = |e: &crate::measure::MeasureError| room.trouble(e.id(), e);
    let prompts: Vec<Vec<u32>> = room.prompts.iter().take(PROMPTS).cloned().collect();
    let stop = model.stop_ids().to_vec();
    let statistic =
        KlStatistic::rollouts(model, &site, prompts, stop, room.cancel).map_err(|e| told(&e))?;
    let norm = room.norms.get(study.block.0).copied().unwrap_or(0.0);
    let calibrator = Calibrator::new(model, statistic, f64::from(norm)).map_err(|e| told(&e))?;
    let sign = if study.negative {
        Sign::Negative
    } else {
        Sign::Positive
    };
    let mut done = 0;
    let mut progress = |_: &_| {
        done += 1;
        room.progress(done.min(EXPECTED), EXPECTED);
    };
    let found = calibrator
        .solve(study.target, sign, &mut progress, room.cancel)
        .map_err(|e| told(&e))?;
    let neutral = text_ids(model, NEUTRAL_TEXT).map_err(|e| room.trouble(e.id(), &e))?;
    let band = calibrator
        .band(&found, &neutral, &mut progress, room.cancel)
        .map_err(|e| told(&e))?;
    let best = found.best.coefficient.raw as f32;
    let coefficients = [0.0, 0.5 * best, best, 2.0 * best];
    let rows = tax(model, &site, &neutral, &coefficients, room.cancel).map_err(|e| told(&e))?;
    // An end that the search never came to is no end.
    let edge = |edge: &crate::measure::calibrate::Edge| {
        (edge.reason != Reason::Bracket).then_some(edge.coefficient.raw as f32)
    };
    room.news(StudyNews::Calibrated(Box::new(Calibration {
        coefficient: best,
        achieved: found.best.stat,
        target: found.target,
        evaluations: found.history.len(),
        reached: matches!(found.verdict, Verdict::Reached),
        band: (edge(&band.low), edge(&band.high)),
        tax: rows
            .iter()
            .map(|row| Tax {
                coefficient: row.coefficient,
                top1: row.top1,
                perplexity: row.perplexity,
            })
            .collect(),
    })));
    Ok(0)
}
