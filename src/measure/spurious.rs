//! Spurious factors: what share of the spread of steerability is the option letter or the word Yes.
//!
//! A large A/B share means that the vector moves the model toward a letter, a large Yes/No share
//! toward a word, instead of toward the behaviour. That is a bias of steering: balanced data and
//! calibrated logits do not remove it (Tan et al. 2407.12404, variance decomposition).

use serde::{Deserialize, Serialize};

use crate::stats::{Decomposition, FiveNumbers, decompose, mean};
use crate::steering::dataset::{Dataset, Example};

/// Largest share of rows with an unknown Yes/No for which that factor is used.
const UNKNOWN_AT_MOST: f64 = 0.05;

/// One input: its steerability and what its positive answer looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FactorRow {
    /// Slope of propensity against multiplier, in logits per multiplier.
    pub steerability: f64,
    /// Whether the positive answer is option (A); `None` where answers are no option letters.
    pub positive_is_a: Option<bool>,
    /// Whether the positive answer says Yes; `None` where it says neither Yes nor No.
    pub positive_is_yes: Option<bool>,
}

impl FactorRow {
    /// An input of a data set with its slope.
    pub fn new(example: &Example, steerability: f64) -> Self {
        Self {
            steerability,
            positive_is_a: example.positive_is_a,
            positive_is_yes: example.positive_is_yes,
        }
    }

    /// Joins slopes with the rows of a data set by row number; rows that the data set lacks are
    /// left out.
    pub fn of_dataset(
        dataset: &Dataset,
        slopes: impl IntoIterator<Item = (usize, f64)>,
    ) -> Vec<Self> {
        let examples: Vec<&Example> = dataset.examples.iter().collect();
        Self::of_examples(&examples, slopes)
    }

    /// The same for some rows, such as those of a part.
    pub fn of_examples(
        examples: &[&Example],
        slopes: impl IntoIterator<Item = (usize, f64)>,
    ) -> Vec<Self> {
        let by_row: std::collections::HashMap<usize, &Example> =
            examples.iter().map(|e| (e.row, *e)).collect();
        slopes
            .into_iter()
            .filter_map(|(row, slope)| Some(Self::new(by_row.get(&row)?, slope)))
            .collect()
    }
}

/// One box of the companion plot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// `A/Yes`, `A/No`, `B/Yes`, `B/No`; `A` and `B`, or `Yes` and `No`, where the other factor is
    /// not known.
    pub name: String,
    /// Inputs in it.
    pub n: usize,
    /// Their slopes; `None` for an empty cell.
    pub numbers: Option<FiveNumbers>,
    /// Mean slope.
    pub mean: Option<f64>,
}

/// What a factor does to the mean slope, with its sign.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FactorEffect {
    /// Half the difference of mean steerability between inputs that have the factor (the positive
    /// answer is A, or says Yes) and those that do not: what the vector does for the letter or
    /// word whatever the question.
    pub half_difference: f64,
    /// The same over |mean steerability|. From 1 on the letter or word outweighs the behaviour;
    /// `None` where the mean is 0.
    pub relative: Option<f64>,
}

impl FactorEffect {
    fn of(rows: &[&FactorRow], has: impl Fn(&FactorRow) -> Option<bool>) -> Option<Self> {
        let of = |wanted: bool| {
            let inside = rows.iter().filter(|r| has(r) == Some(wanted));
            mean(&inside.map(|r| r.steerability).collect::<Vec<_>>())
        };
        let half_difference = (of(true)? - of(false)?) / 2.0;
        let overall = mean(&rows.iter().map(|r| r.steerability).collect::<Vec<_>>())?;
        Some(Self {
            half_difference,
            relative: (overall != 0.0).then(|| half_difference / overall.abs()),
        })
    }
}

/// Variance of the steerability of one data set by the letter and the word of the positive answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpuriousFactors {
    /// Inputs with a finite slope.
    pub n: usize,
    /// Inputs whose slope was not finite; they enter nothing.
    pub non_finite: usize,
    /// Inputs whose positive answer says neither Yes nor No.
    pub yes_unknown: usize,
    /// The Yes/No factor entered; it does not where more than 5 % of the inputs lack it.
    pub yes_used: bool,
    /// First factor: positive is (A); second: positive says Yes. `None` below four inputs and
    /// where all slopes are equal.
    pub variance: Option<Decomposition>,
    /// Shares of letter, word and the rest.
    pub shares: Option<[f64; 3]>,
    /// Push toward the letter (A); `None` where answers are no letters or all the same one.
    pub letter: Option<FactorEffect>,
    /// Push toward the word Yes; `None` where it is not known or always the same.
    pub word: Option<FactorEffect>,
    /// Boxes; each input is in at most one.
    pub cells: Vec<Cell>,
}

impl SpuriousFactors {
    /// Decomposes the slopes of one data set.
    pub fn of_rows(rows: &[FactorRow]) -> Self {
        let finite: Vec<&FactorRow> = rows.iter().filter(|r| r.steerability.is_finite()).collect();
        let n = finite.len();
        let yes_unknown = finite
            .iter()
            .filter(|r| r.positive_is_yes.is_none())
            .count();
        let yes_used = n > 0 && yes_unknown as f64 <= UNKNOWN_AT_MOST * n as f64;
        let letters = finite.iter().any(|r| r.positive_is_a.is_some());
        let slopes: Vec<f64> = finite.iter().map(|r| r.steerability).collect();
        let indicator = |x: Option<bool>| if x == Some(true) { 1.0 } else { 0.0 };
        let a: Vec<f64> = finite.iter().map(|r| indicator(r.positive_is_a)).collect();
        let word = |r: &&FactorRow| {
            if yes_used {
                indicator(r.positive_is_yes)
            } else {
                0.0
            }
        };
        let yes: Vec<f64> = finite.iter().map(word).collect();
        let variance = decompose(&slopes, &a, &yes);
        Self {
            n,
            non_finite: rows.len() - n,
            yes_unknown,
            yes_used,
            shares: variance.map(|v| v.shares()),
            variance,
            letter: FactorEffect::of(&finite, |r| r.positive_is_a),
            word: yes_used
                .then(|| FactorEffect::of(&finite, |r| r.positive_is_yes))
                .flatten(),
            cells: cells(&finite, letters, yes_used),
        }
    }
}

fn cells(rows: &[&FactorRow], letters: bool, words: bool) -> Vec<Cell> {
    const LETTERS: [(&str, bool); 2] = [("A", true), ("B", false)];
    const WORDS: [(&str, bool); 2] = [("Yes", true), ("No", false)];
    let cell = |name: String, a: Option<bool>, yes: Option<bool>| {
        let inside = |r: &&&FactorRow| {
            a.is_none_or(|a| r.positive_is_a == Some(a))
                && yes.is_none_or(|y| r.positive_is_yes == Some(y))
        };
        let slopes: Vec<f64> = rows.iter().filter(inside).map(|r| r.steerability).collect();
        Cell {
            name,
            n: slopes.len(),
            numbers: FiveNumbers::of(&slopes),
            mean: mean(&slopes),
        }
    };
    match (letters, words) {
        (true, true) => LETTERS
            .iter()
            .flat_map(|l| WORDS.iter().map(move |w| (l, w)))
            .map(|((l, a), (w, yes))| cell(format!("{l}/{w}"), Some(*a), Some(*yes)))
            .collect(),
        (true, false) => LETTERS
            .map(|(l, a)| cell(l.to_owned(), Some(a), None))
            .into(),
        (false, true) => WORDS.map(|(w, y)| cell(w.to_owned(), None, Some(y))).into(),
        (false, false) => Vec::new(),
    }
}
