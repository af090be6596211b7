//! The coefficient whose effect on the next token has a given size, the usable band around it, and what
//! it costs on a neutral text.

use super::condition::CLOSED;
use super::{Room, Trouble, tax};
use crate::measure::calibrate::{Calibrator, KlStatistic, Reason, Sign, Solved, Verdict};
use crate::measure::{Applied, CalibrationAsked, NEUTRAL_TEXT, Site, text_ids};
use crate::protocol::{CalibrateStudy, Calibration, StudyNews};

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
    let prompts = prompts(room, study)?;
    let stop = model.stop_ids().to_vec();
    let norm = room.norms.get(study.block.0).copied().unwrap_or(0.0);
    let sign = if study.negative {
        Sign::Negative
    } else {
        Sign::Positive
    };
    let neutral = text_ids(model, NEUTRAL_TEXT).map_err(|e| room.trouble(e.id(), &e))?;
    let place = Applied {
        model,
        model_name: room.model_name,
        vector: &vector,
        block: study.block,
        mask: study.mask,
        edit: study.edit,
    };
    let question = place.calibration_question(&CalibrationAsked {
        target: study.target,
        sign,
        texts: &prompts,
        fixed: false,
        stop_ids: &stop,
        residual_norm: f64::from(norm),
        neutral: &neutral,
    });
    if let Some(known) = room.archive.answer(&question) {
        room.news(StudyNews::Calibrated(Box::new(report(&known))));
        return Ok(1);
    }
    let statistic =
        KlStatistic::rollouts(model, &site, prompts, stop, room.cancel).map_err(|e| told(&e))?;
    let calibrator = Calibrator::new(model, statistic, f64::from(norm)).map_err(|e| told(&e))?;
    let mut done = 0;
    let mut progress = |_: &_| {
        done += 1;
        room.progress(done.min(EXPECTED), EXPECTED);
    };
    let solved = calibrator
        .all(study.target, sign, &neutral, &mut progress, room.cancel)
        .map_err(|e| told(&e))?;
    room.news(StudyNews::Calibrated(Box::new(report(&solved))));
    room.archive.put_answer(question, &solved);
    Ok(0)
}

/// The first prompts of the data set that are steered: one that is not keeps its distribution at every
/// coefficient.
fn prompts(room: &Room<'_>, study: &CalibrateStudy) -> Result<Vec<Vec<u32>>, Trouble> {
    let Some(loaded) = &room.loaded else {
        return Ok(Vec::new());
    };
    let open = room.open(study.condition.as_ref(), &loaded.id, &loaded.set)?;
    let is_open = |i: &usize| {
        open.as_ref()
            .is_none_or(|o| o.get(*i).copied().unwrap_or(false))
    };
    let prompts: Vec<Vec<u32>> = (room.prompts.iter().enumerate())
        .filter(|(i, _)| is_open(i))
        .take(PROMPTS)
        .map(|(_, ids)| ids.clone())
        .collect();
    if prompts.is_empty() && open.is_some() {
        return Err(Some(("condition-closed", CLOSED.to_owned())));
    }
    Ok(prompts)
}

fn report(solved: &Solved) -> Calibration {
    let (found, band) = (&solved.calibration, &solved.band);
    // An end that the search never came to is no end.
    let edge = |edge: &crate::measure::calibrate::Edge| {
        (edge.reason != Reason::Bracket).then_some(edge.coefficient.raw as f32)
    };
    Calibration {
        coefficient: found.best.coefficient.raw as f32,
        achieved: found.best.stat,
        target: found.target,
        evaluations: found.history.len(),
        reached: matches!(found.verdict, Verdict::Reached),
        band: (edge(&band.low), edge(&band.high)),
        tax: solved.tax.iter().map(tax::row).collect(),
    }
}
