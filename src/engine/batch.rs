//! Packing of a call's rows, and the checks that its arguments fit together.

use std::ops::Range;

use super::cache::Span;
use super::{Branch, EngineError, Keep, KvCache, Model, Part, Place, Rows};
use crate::units::BlockIndex;

/// A packed batch on its way through the blocks.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) places: Vec<Place>,
    pub(super) positions: Vec<usize>,
    /// Rows that take the frequencies of long texts; empty where none does.
    pub(super) long: Vec<bool>,
    /// Rows returned, in order; of every part or branch those at its end.
    pub(super) kept: Vec<usize>,
}

impl Batch {
    /// Those of a part's or branch's `rows` that are returned.
    pub(super) fn kept_of(&self, rows: Range<usize>) -> Range<usize> {
        let before = self.kept.partition_point(|row| *row < rows.start);
        let first = self.kept.get(before).copied().unwrap_or(rows.end);
        first.min(rows.end)..rows.end
    }
}

impl Model {
    pub(super) fn pack(
        &self,
        cache: &KvCache,
        parts: &[Part<'_>],
        keep: Keep,
    ) -> Result<(Vec<Span>, Batch), EngineError> {
        cache.check(self)?;
        let mut seen = vec![false; cache.n_sequences()];
        let mut spans = Vec::new();
        let mut places = Vec::new();
        for part in parts {
            match seen.get_mut(part.sequence) {
                Some(seen) if !*seen && !part.ids.is_empty() => *seen = true,
                _ => {
                    return Err(EngineError::Request(format!(
                        "an empty, repeated or unknown part of sequence {}",
                        part.sequence
                    )));
                }
            }
            self.check_ids(part.ids)?;
            let start = cache.len(part.sequence);
            self.check_length(start + part.ids.len())?;
            spans.push(Span {
                sequence: part.sequence,
                start,
                len: part.ids.len(),
                row: places.len(),
                long: self.is_long(start + part.ids.len()),
            });
            places.extend((start..start + part.ids.len()).map(|position| Place {
                sequence: part.sequence,
                position,
            }));
        }
        let kept = match keep {
            Keep::Last => spans.iter().map(|s| s.row + s.len - 1).collect(),
            Keep::From(first) => (spans.iter())
                .flat_map(|s| (s.row + s.len.min(first))..(s.row + s.len))
                .collect(),
            Keep::All => (0..places.len()).collect(),
            Keep::Nothing => Vec::new(),
        };
        let positions = places.iter().map(|p| p.position).collect();
        let long = long_rows(spans.iter().map(|s| (s.long, s.len)));
        Ok((
            spans,
            Batch {
                places,
                positions,
                long,
                kept,
            },
        ))
    }

    /// `rows` is the number of rows there are for the branches.
    pub(super) fn pack_branches(
        &self,
        cache: &KvCache,
        after: Option<BlockIndex>,
        branches: &[Branch],
        rows: usize,
    ) -> Result<Batch, EngineError> {
        cache.check(self)?;
        if after.is_some_and(|b| b.0 >= self.n_blocks()) {
            return Err(EngineError::Request(format!(
                "a checkpoint after block {after:?} of {}",
                self.n_blocks()
            )));
        }
        let mut places = Vec::new();
        let mut kept = Vec::new();
        for (i, b) in branches.iter().enumerate() {
            if b.len == 0 || b.start > cache.len(b.sequence) {
                return Err(EngineError::Request(format!(
                    "a branch {b:?} of a sequence with {} tokens",
                    cache.len(b.sequence)
                )));
            }
            self.check_length(b.start + b.len)?;
            self.check_branch(cache, b)?;
            places.extend((b.start..b.start + b.len).map(|position| Place {
                sequence: i,
                position,
            }));
            kept.push(places.len() - 1);
        }
        if places.len() != rows {
            return Err(EngineError::Request(format!(
                "{rows} rows for branches of {}",
                places.len()
            )));
        }
        let positions = places.iter().map(|p| p.position).collect();
        let long = branches.iter().map(|b| (cache.is_long(b.sequence), b.len));
        Ok(Batch {
            places,
            positions,
            long: long_rows(long),
            kept,
        })
    }

    pub(super) fn check_ids(&self, ids: &[u32]) -> Result<(), EngineError> {
        let vocab = self.config.vocab_size;
        match ids.iter().find(|id| **id as usize >= vocab) {
            Some(id) => Err(EngineError::TokenId { id: *id, vocab }),
            None => Ok(()),
        }
    }

    pub(super) fn check_length(&self, needed: usize) -> Result<(), EngineError> {
        let max = self.config.max_positions;
        if needed > max {
            Err(EngineError::Context { needed, max })
        } else {
            Ok(())
        }
    }

    pub(super) fn check_width(&self, rows: &Rows) -> Result<(), EngineError> {
        if rows.width() == self.hidden_size() {
            Ok(())
        } else {
            Err(EngineError::Request(format!(
                "rows of width {} for a model of {}",
                rows.width(),
                self.hidden_size()
            )))
        }
    }
}

/// Whether each row takes the frequencies of long texts; empty where none does.
fn long_rows(parts: impl Iterator<Item = (bool, usize)> + Clone) -> Vec<bool> {
    if !parts.clone().any(|(long, _)| long) {
        return Vec::new();
    }
    parts
        .flat_map(|(long, n)| std::iter::repeat_n(long, n))
        .collect()
}
