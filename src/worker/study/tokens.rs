//! A text read token by token with and without the vector, and the blocks at one of them.

use std::sync::{Arc, Mutex, PoisonError};

use super::{Room, Trouble};
use crate::measure::tokens::{
    Candidate, LogitLens, Passage, SteeredRun, StripOptions, UnsteeredRun,
};
use crate::measure::{Site, under};
use crate::protocol::{Lens, Likely, StudyNews, TokenRow, TokenStrip, TokensStudy};

/// Candidates named per side.
const TOP: usize = 5;

/// Both runs of the last text, so that a moved cursor costs one token's pass.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastText(Arc<Mutex<Option<Kept>>>);

#[derive(Debug)]
struct Kept {
    study: TokensStudy,
    unsteered: Arc<UnsteeredRun>,
    steered: Arc<SteeredRun>,
    strip: TokenStrip,
}

pub(super) fn run(room: &Room<'_>, study: &TokensStudy) -> Result<usize, Trouble> {
    let kept = recall(room, study);
    let (unsteered, steered, strip) = match kept {
        Some(kept) => kept,
        None => read(room, study)?,
    };
    let position = prompt_len(&unsteered) + study.lens.min(strip.rows.len().saturating_sub(1));
    // What chose token t is the position before it.
    let lens = unsteered
        .lens(&steered, position - 1, TOP, room.cancel)
        .map_err(|e| room.trouble(e.id(), &e))?;
    let strip = TokenStrip {
        lens: Some(blocks(&lens, study.lens)),
        ..strip
    };
    room.news(StudyNews::Tokens(Box::new(strip)));
    Ok(0)
}

fn prompt_len(run: &UnsteeredRun) -> usize {
    run.passage().prompt_len()
}

type Runs = (Arc<UnsteeredRun>, Arc<SteeredRun>, TokenStrip);

/// The runs of the same text, if only the cursor moved.
fn recall(room: &Room<'_>, study: &TokensStudy) -> Option<Runs> {
    let kept = room.text.0.lock().unwrap_or_else(PoisonError::into_inner);
    let kept = kept.as_ref()?;
    let same = TokensStudy {
        lens: kept.study.lens,
        ..study.clone()
    } == kept.study;
    same.then(|| {
        (
            Arc::clone(&kept.unsteered),
            Arc::clone(&kept.steered),
            kept.strip.clone(),
        )
    })
}

fn read(room: &Room<'_>, study: &TokensStudy) -> Result<Runs, Trouble> {
    let vector = room.vector_of(&study.vector)?;
    let model = room.model;
    let (prompt, _) = room.prompt(&study.prompt, study.chat.as_ref())?;
    let told = |e: &crate::measure::tokens::TokensError| room.trouble(e.id(), e);
    // Every token of the text is shown as what the position before it makes of it.
    let passage = Passage::new(model, &prompt, &study.tokens).map_err(|e| told(&e))?;
    let passage = passage.without_what_follows();
    let unsteered = UnsteeredRun::new(Arc::clone(model), passage, study.block, room.cancel)
        .map_err(|e| told(&e))?;
    let direction = vector
        .direction(study.block)
        .map_err(|e| room.trouble(e.id(), &e))?;
    let site = Site {
        direction,
        block: study.block,
        mask: study.mask,
        edit: study.edit,
    };
    let gate = room.judge(study.condition.as_ref(), &prompt)?;
    let (site, coefficient) = under(site, study.coefficient, gate.is_none_or(|gate| gate.open));
    let steered = unsteered
        .steer(&site, coefficient, study.frozen, room.cancel)
        .map_err(|e| told(&e))?;
    let options = StripOptions { top: TOP };
    let strip = unsteered
        .strip(&steered, options, room.cancel)
        .map_err(|e| told(&e))?;
    // A row is a position; what is shown is the token after it.
    let rows: Vec<TokenRow> = strip
        .rows
        .iter()
        .filter_map(|row| {
            let next = row.next.as_ref()?;
            let log = |p: Option<f64>| p.unwrap_or(f64::NEG_INFINITY) as f32;
            Some(TokenRow {
                id: next.id,
                text: next.text.clone(),
                kl: row.kl,
                log_probability: (
                    log(row.unsteered.log_probability),
                    log(row.steered.log_probability),
                ),
                projection: (
                    row.unsteered.projection as f32,
                    row.steered.projection as f32,
                ),
                top: (likely(&row.unsteered.top), likely(&row.steered.top)),
            })
        })
        .collect();
    let first = unsteered.passage().prompt_len() - 1;
    let strip = TokenStrip {
        diverges: strip
            .first_difference
            .and_then(|p| p.checked_sub(first))
            .filter(|i| *i < rows.len()),
        rows,
        frozen: study.frozen,
        gate,
        lens: None,
    };
    let (unsteered, steered) = (Arc::new(unsteered), Arc::new(steered));
    *room.text.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Kept {
        study: study.clone(),
        unsteered: Arc::clone(&unsteered),
        steered: Arc::clone(&steered),
        strip: strip.clone(),
    });
    Ok((unsteered, steered, strip))
}

fn likely(top: &[Candidate]) -> Likely {
    top.iter()
        .map(|c| (c.text.clone(), c.probability as f32))
        .collect()
}

fn blocks(lens: &LogitLens, token: usize) -> Lens {
    Lens {
        token,
        blocks: lens
            .rows
            .iter()
            .map(|row| (likely(&row.unsteered.top), likely(&row.steered.top)))
            .collect(),
    }
}
