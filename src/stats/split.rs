//! Seeded train/validation/test splits and the split-string grammar of the published scripts.

use std::ops::Range;

use super::mersenne::MersenneTwister;

/// Row indices of the three parts, each in shuffled order.
///
/// Train makes vectors, validation chooses layer and coefficient, test is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Splits {
    /// First 40 %.
    pub train: Vec<usize>,
    /// Next 10 %.
    pub validation: Vec<usize>,
    /// Last 50 %.
    pub test: Vec<usize>,
    /// Rows that are both in `train` and `test`; zero except in the published overlapping split.
    pub overlap: usize,
}

impl Splits {
    /// 40 / 10 / 50 % of `n` shuffled rows, integer division, no row in two parts.
    pub fn new(n: usize, seed: u64) -> Self {
        let order = MersenneTwister::new(seed).permutation(n);
        let (a, b) = (40 * n / 100, 50 * n / 100);
        Self {
            train: order[..a].to_vec(),
            validation: order[a..b].to_vec(),
            test: order[b..].to_vec(),
            overlap: 0,
        }
    }

    /// The split behind the published figures of Tan et al. (2407.12404): train is the first half,
    /// test starts at absolute row 50 because the released split string `50:100%` lacks a percent
    /// sign. Training rows therefore leak into the test part; [`Splits::overlap`] says how many.
    pub fn published(n: usize, seed: u64) -> Self {
        let order = MersenneTwister::new(seed).permutation(n);
        let start = n.min(50);
        Self {
            train: order[..n / 2].to_vec(),
            validation: Vec::new(),
            test: order[start..].to_vec(),
            overlap: (n / 2).saturating_sub(start),
        }
    }
}

/// Why a split string was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// Not of the form `first:second`.
    #[error("split '{spec}' is not of the form 'first:second'; write for example '0:50%'")]
    Form {
        /// The string.
        spec: String,
    },
    /// One end is neither `k`, `k%` nor (second only) `+k`, `+k%`.
    #[error(
        "'{part}' in split '{spec}' is not a row number or a percentage; write for example '50%'"
    )]
    Number {
        /// The string.
        spec: String,
        /// The part of it.
        part: String,
    },
    /// The slice lies outside the rows or is reversed.
    #[error(
        "split '{spec}' is rows {start} to {end} of {n}; both ends must lie within 0 to {n}, in order"
    )]
    Range {
        /// The string.
        spec: String,
        /// First row.
        start: usize,
        /// End row, exclusive.
        end: usize,
        /// Rows in all.
        n: usize,
    },
}

impl SplitError {
    /// Stable kebab-case id.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Form { .. } => "split-form",
            Self::Number { .. } => "split-number",
            Self::Range { .. } => "split-range",
        }
    }
}

/// Rows `[start, end)` named by a split string such as `0:50%`, `:100`, `20%:+10%`.
///
/// `k%` is k·n/100 in integer division, a plain `k` an absolute row, an empty first part 0; a
/// second part starting with `+` counts from the first.
pub fn parse_split(spec: &str, n: usize) -> Result<Range<usize>, SplitError> {
    let Some((first, second)) = spec.split_once(':') else {
        return Err(SplitError::Form {
            spec: spec.to_owned(),
        });
    };
    let place = |part: &str| -> Result<usize, SplitError> {
        let bad = || SplitError::Number {
            spec: spec.to_owned(),
            part: part.to_owned(),
        };
        let (digits, percent) = part.strip_suffix('%').map_or((part, false), |d| (d, true));
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        let number: usize = digits.parse().map_err(|_| bad())?;
        if percent {
            number.checked_mul(n).map(|x| x / 100).ok_or_else(bad)
        } else {
            Ok(number)
        }
    };
    let start = if first.trim().is_empty() {
        0
    } else {
        place(first.trim())?
    };
    let end = match second.trim().strip_prefix('+') {
        Some(offset) => start.saturating_add(place(offset)?),
        None => place(second.trim())?,
    };
    if start > end || end > n {
        return Err(SplitError::Range {
            spec: spec.to_owned(),
            start,
            end,
            n,
        });
    }
    Ok(start..end)
}
