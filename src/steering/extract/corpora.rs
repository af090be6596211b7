//! Two unpaired sets of texts: `corpus_mean` and `diffmean_tokens`.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::super::hex;
use super::super::pair::PairSet;
use super::error::ExtractError;
use super::family::{BlockOutcome, Family, Outcome};
use super::linear::add;
use super::method::Method;
use super::position::{Layout, PositionRead, Positions};
use super::read::{self, Passage};
use crate::engine::{Cancel, Model};

/// Texts of one side.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Texts {
    /// Name of the file or of what they stand for.
    pub name: String,
    /// The texts.
    pub texts: Vec<String>,
}

impl Texts {
    /// Identity of two sides: SHA-256 over their texts, hex.
    pub(super) fn id(sides: [&Self; 2]) -> String {
        let mut hash = Sha256::new();
        for side in sides {
            hash.update((side.texts.len() as u64).to_le_bytes());
            for text in &side.texts {
                hash.update((text.len() as u64).to_le_bytes());
                hash.update(text.as_bytes());
            }
        }
        hex(&hash.finalize())
    }
}

/// A text of one side, and where it is read.
pub(super) struct SideText {
    pub(super) side: usize,
    pub(super) ids: Vec<u32>,
    pub(super) slots: Vec<Positions>,
}

impl SideText {
    pub(super) fn passage(&self) -> Passage<'_> {
        Passage {
            ids: &self.ids,
            slots: &self.slots,
        }
    }
}

/// Takes from both sides in turn, so that the first few texts already give a difference.
pub(super) fn in_turn<T>(sides: [Vec<T>; 2]) -> Vec<(usize, T)> {
    let [a, b] = sides;
    let mut all = Vec::with_capacity(a.len() + b.len());
    let (mut a, mut b) = (a.into_iter(), b.into_iter());
    loop {
        let (x, y) = (a.next(), b.next());
        if x.is_none() && y.is_none() {
            return all;
        }
        all.extend(x.map(|x| (0, x)));
        all.extend(y.map(|y| (1, y)));
    }
}

/// One pass over as many leading texts as fill it; returns their number.
pub(super) fn read_texts(
    model: &Model,
    texts: &[SideText],
    blocks: Range<usize>,
    take: &mut dyn FnMut(read::SlotSum<'_>),
    cancel: &Cancel,
) -> Result<usize, ExtractError> {
    let sizes = texts.iter().map(|text| (text.ids.len(), text.slots.len()));
    let n = read::batch_len(model, blocks.len(), sizes).min(texts.len());
    let passages: Vec<Passage<'_>> = texts[..n].iter().map(SideText::passage).collect();
    if n > 0 {
        read::read(model, &passages, &[], blocks, take, cancel)?;
    }
    Ok(n)
}

/// Running sums of one side after every block.
#[derive(Clone)]
pub(super) struct Side {
    sums: Vec<Vec<f64>>,
    /// Rows summed.
    rows: usize,
    /// Texts.
    pub(super) texts: usize,
}

impl Side {
    pub(super) fn new(n_blocks: usize, width: usize) -> Self {
        Self {
            sums: vec![vec![0.0; width]; n_blocks],
            rows: 0,
            texts: 0,
        }
    }

    /// Adds a sum of rows. Each text's rows come for every block; they are counted with block 0.
    pub(super) fn add(&mut self, block: usize, sum: &[f64], rows: usize) {
        if let Some(total) = self.sums.get_mut(block) {
            add(total, sum, 1.0);
        }
        if block == 0 {
            self.rows += rows;
            self.texts += 1;
        }
    }

    pub(super) fn mean(&self, block: usize) -> Option<Vec<f64>> {
        let sum = self.sums.get(block).filter(|_| self.rows > 0)?;
        Some(sum.iter().map(|x| x / self.rows as f64).collect())
    }
}

/// Difference of two sides' means after a block.
pub(super) fn difference(sides: &[Side; 2], block: usize) -> Option<Vec<f64>> {
    let [positive, negative] = sides;
    let (mut mean, other) = (positive.mean(block)?, negative.mean(block)?);
    add(&mut mean, &other, -1.0);
    Some(mean)
}

/// Two sets of texts under way. The mean of a side is over its rows: with one position per text over
/// documents, with several over all tokens of all texts.
pub(super) struct Corpora {
    method: Method,
    texts: Vec<SideText>,
    next: usize,
    sides: [Side; 2],
    blocks: usize,
    read: PositionRead,
    dataset_id: String,
    truncated: usize,
}

impl Corpora {
    /// Tokenises both sides; texts longer than `most` tokens are cut there.
    pub(super) fn new(
        method: Method,
        model: &Model,
        sides: [&Texts; 2],
        read: PositionRead,
        most: usize,
    ) -> Result<Self, ExtractError> {
        let mut truncated = 0;
        let mut both = Vec::with_capacity(2);
        for (side, corpus) in sides.into_iter().enumerate() {
            let mut texts = Vec::with_capacity(corpus.texts.len());
            for text in &corpus.texts {
                let mut ids = model.tokenizer().encode(text)?;
                truncated += usize::from(ids.len() > most);
                ids.truncate(most);
                let layout = Layout {
                    len: ids.len(),
                    ..Layout::default()
                };
                if let Ok(positions) = read.of(&layout) {
                    ids.truncate(positions.end());
                    let slots = vec![positions];
                    texts.push(SideText { side, ids, slots });
                }
            }
            if texts.is_empty() {
                return Err(ExtractError::NoTexts {
                    what: "text",
                    file: corpus.name.clone(),
                    why: format!("none of {} has a token at '{read}'", corpus.texts.len()),
                    needed: 1,
                });
            }
            both.push(texts);
        }
        let [a, b] = <[_; 2]>::try_from(both).unwrap_or_default();
        let texts = in_turn([a, b]).into_iter().map(|(_, text)| text).collect();
        Ok(Self::of(
            method,
            model,
            texts,
            read,
            Texts::id(sides),
            truncated,
        ))
    }

    /// Both sides of a set of pairs.
    pub(super) fn of_pairs(method: Method, model: &Model, set: PairSet) -> Self {
        let texts = set.pairs.into_iter().flat_map(|pair| {
            [pair.positive, pair.negative]
                .into_iter()
                .enumerate()
                .map(|(side, text)| SideText {
                    side,
                    ids: text.ids,
                    slots: vec![text.positions],
                })
        });
        Self::of(method, model, texts.collect(), set.read, set.dataset_id, 0)
    }

    fn of(
        method: Method,
        model: &Model,
        texts: Vec<SideText>,
        read: PositionRead,
        dataset_id: String,
        truncated: usize,
    ) -> Self {
        let blocks = model.n_blocks();
        let side = Side::new(blocks, model.hidden_size());
        Self {
            method,
            texts,
            next: 0,
            sides: [side.clone(), side],
            blocks,
            read,
            dataset_id,
            truncated,
        }
    }
}

impl Family for Corpora {
    fn total(&self) -> usize {
        self.texts.len()
    }

    fn step(&mut self, model: &Model, cancel: &Cancel) -> Result<usize, ExtractError> {
        let rest = self.texts.get(self.next..).unwrap_or_default();
        let sides = &mut self.sides;
        let mut take = |read: read::SlotSum<'_>| {
            if let Some(side) = rest.get(read.text).and_then(|t| sides.get_mut(t.side)) {
                side.add(read.block, read.sum, read.tokens);
            }
        };
        self.next += read_texts(model, rest, 0..self.blocks, &mut take, cancel)?;
        Ok(self.next)
    }

    fn outcome(&self) -> Result<Outcome, ExtractError> {
        let counts = [self.sides[0].texts, self.sides[1].texts];
        let n = counts[0].min(counts[1]);
        let block = |block| {
            let mean = difference(&self.sides, block).ok_or(ExtractError::NothingRead)?;
            Ok((block, BlockOutcome::of_mean(self.method, block, mean, n)?))
        };
        let mut outcome = Outcome {
            blocks: (0..self.blocks)
                .map(block)
                .collect::<Result<_, ExtractError>>()?,
            counts,
            read: self.read.to_string(),
            dataset_id: self.dataset_id.clone(),
            ..Outcome::default()
        };
        if self.truncated > 0 {
            let truncated = self.truncated.to_string();
            outcome
                .facts
                .insert("texts_truncated".to_owned(), truncated);
        }
        Ok(outcome)
    }
}
