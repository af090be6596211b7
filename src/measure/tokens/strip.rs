//! The comparison position by position.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::distribution::{Figures, Side};
use super::passage::{Candidate, candidates};
use super::side_by_side::{rows_at_once, side_by_side};
use super::{SteeredRun, TextToken, TokensError, UnsteeredRun};
use crate::engine::{Cancel, TextTokenizer};
use crate::stats::{mean, quantile};
use crate::units::{BlockIndex, Mask};

/// What is shown of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StripOptions {
    /// Most likely tokens named per side, at least 1.
    pub top: usize,
}

impl Default for StripOptions {
    fn default() -> Self {
        Self { top: 5 }
    }
}

/// A text, token by token, unsteered and steered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenStrip {
    /// Steered block (its output).
    pub block: BlockIndex,
    /// c.
    pub coefficient: f32,
    /// Steered positions.
    pub mask: Mask,
    /// Whether steered positions attend to the unsteered run's keys and values.
    pub frozen: bool,
    /// P: tokens of the prompt, BOS included.
    pub prompt_len: usize,
    /// First edited position; the number of tokens where none is.
    pub first_edited: usize,
    /// All tokens of the text.
    pub tokens: Vec<TextToken>,
    /// Positions in order, from the last prompt token (or the first token) to the last.
    pub rows: Vec<TokenRow>,
    /// First of these positions whose most likely next token differs between the two.
    pub first_difference: Option<usize>,
    /// KL over the positions that predict a token of the text (the last predicts none).
    pub kl: Option<KlSummary>,
}

/// One position: what it makes of the token after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenRow {
    /// Absolute position.
    pub position: usize,
    /// KL(steered‖unsteered) of the next-token distributions, nats.
    pub kl: f64,
    /// The token that follows in the text.
    pub next: Option<TextToken>,
    /// Without the vector.
    pub unsteered: Reading,
    /// With it.
    pub steered: Reading,
}

/// One side of a position.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// h·v̂ after the site's block; of the steered side after the edit.
    pub projection: f64,
    /// ln p of the token that follows.
    pub log_probability: Option<f64>,
    /// Its place among all tokens by probability, 1 for the most likely.
    pub rank: Option<usize>,
    /// Most likely next tokens, most likely first.
    pub top: Vec<Candidate>,
}

/// KL of several positions, nats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KlSummary {
    /// Number of positions.
    pub n: usize,
    /// Sum.
    pub sum: f64,
    /// Mean.
    pub mean: f64,
    /// 95th percentile, linear between neighbours.
    pub p95: f64,
    /// Largest.
    pub max: f64,
}

impl KlSummary {
    /// Of these figures; `None` for none.
    pub fn of(kl: &[f64]) -> Option<Self> {
        Some(Self {
            n: kl.len(),
            sum: kl.iter().sum(),
            mean: mean(kl)?,
            p95: quantile(kl, 0.95)?,
            max: kl.iter().copied().reduce(f64::max)?,
        })
    }
}

impl UnsteeredRun {
    /// Compares position by position. Logits are computed for some rows at a time; positions before the
    /// first edited one are the same on both sides and computed once.
    ///
    /// # Errors
    /// [`TokensError::OtherRun`], [`TokensError::NotFinite`], cancellation.
    pub fn strip(
        &self,
        steered: &SteeredRun,
        options: StripOptions,
        cancel: &Cancel,
    ) -> Result<TokenStrip, TokensError> {
        self.check(steered)?;
        let (shown, prompt_len) = (self.passage.shown(), self.passage.prompt_len());
        let tokenizer = self.model.tokenizer();
        let tokens = &self.tokens;
        let chunk = rows_at_once(&self.model);
        let mut rows = Vec::with_capacity(shown.len());
        for begin in shown.clone().step_by(chunk) {
            let positions = begin..shown.end.min(begin + chunk);
            for (position, figures) in self.figures(steered, positions, options.top, cancel)? {
                let [ours, theirs] = figures.sides;
                let [projection, edited] = self.projections(steered, position);
                rows.push(TokenRow {
                    position,
                    kl: figures.kl,
                    next: tokens.get(position + 1).cloned(),
                    unsteered: reading(ours, projection, tokenizer)?,
                    steered: reading(theirs, edited, tokenizer)?,
                });
            }
        }
        let predicting: Vec<f64> = rows
            .iter()
            .filter(|row| row.next.is_some())
            .map(|row| row.kl)
            .collect();
        Ok(TokenStrip {
            block: self.block,
            coefficient: steered.coefficient,
            mask: steered.mask,
            frozen: steered.frozen,
            prompt_len,
            first_edited: steered.first,
            tokens: tokens.clone(),
            first_difference: rows
                .iter()
                .find(|row| row.unsteered.best() != row.steered.best())
                .map(|row| row.position),
            kl: KlSummary::of(&predicting),
            rows,
        })
    }

    /// The distributions of some positions, side by side.
    fn figures(
        &self,
        steered: &SteeredRun,
        positions: Range<usize>,
        top: usize,
        cancel: &Cancel,
    ) -> Result<Vec<(usize, Figures)>, TokensError> {
        let (d, begin) = (self.model.hidden_size(), positions.start);
        let edited = begin.max(steered.first).min(positions.end);
        let shown = self.passage.shown().start;
        let ours = &self.last.as_slice()[(begin - shown) * d..(positions.end - shown) * d];
        let theirs = if edited == positions.end {
            &[]
        } else {
            let first = steered.first;
            &steered.last.as_slice()[(edited - first) * d..(positions.end - first) * d]
        };
        let next: Vec<_> = positions.clone().map(|p| self.passage.next(p)).collect();
        let figures = side_by_side(&self.model, ours, theirs, &next, top.max(1), cancel)?;
        let named = |(position, figures): (usize, Option<Figures>)| {
            figures
                .map(|figures| (position, figures))
                .ok_or(TokensError::NotFinite {
                    position,
                    coefficient: steered.coefficient,
                })
        };
        positions.zip(figures).map(named).collect()
    }

    /// h·v̂ after the site's block: unsteered, and steered after the edit.
    fn projections(&self, steered: &SteeredRun, position: usize) -> [f64; 2] {
        let v = &steered.direction[..self.model.hidden_size()];
        let dot = |h: &[f32]| -> f64 {
            let products = h.iter().zip(v).map(|(h, v)| f64::from(*h) * f64::from(*v));
            let norm: f64 = v.iter().map(|v| f64::from(*v).powi(2)).sum();
            products.sum::<f64>() / norm.sqrt()
        };
        let before = self.site.row(position).map_or(0.0, dot);
        [
            before,
            steered.row(&steered.site, position).map_or(before, dot),
        ]
    }
}

impl Reading {
    fn best(&self) -> Option<u32> {
        self.top.first().map(|candidate| candidate.id)
    }
}

fn reading(side: Side, projection: f64, tokenizer: &TextTokenizer) -> Result<Reading, TokensError> {
    Ok(Reading {
        projection,
        log_probability: side.next.map(|next| next.log_probability),
        rank: side.next.map(|next| next.rank),
        top: candidates(tokenizer, side.top)?,
    })
}
