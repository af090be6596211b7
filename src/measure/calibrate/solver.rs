//! Finding the coefficient at which a rising statistic meets a target, in (log κ, log statistic).

use serde::{Deserialize, Serialize};

/// Interval of |κ| that is searched. κ is the length of what is added over the typical length of a
/// residual vector at the block.
pub const BRACKET: [f64; 2] = [0.005, 8.0];
/// Most evaluations of one solution.
pub const EVALUATIONS: usize = 12;
/// |statistic / target − 1| below which a solution counts as found.
pub const TOLERANCE: f64 = 0.05;

/// A statistic below this counts as this, so that it has a logarithm.
const LEAST: f64 = 1e-12;

/// The statistic at one coefficient.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// |κ|.
    pub kappa: f64,
    /// The statistic; infinite where the model's numbers overflowed.
    pub stat: f64,
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Within the tolerance.
    Reached,
    /// Even the upper end of the bracket stays below the target: the statistic saturates.
    Unreachable,
    /// Even the lower end of the bracket is above it.
    AlwaysAbove,
    /// The evaluations were used up; the statistic may jump over the target.
    Inexact,
}

/// What was asked of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Search {
    /// Value that the statistic should have, above 0.
    pub target: f64,
    /// Relative tolerance.
    pub tolerance: f64,
    /// Most new evaluations.
    pub evaluations: usize,
    /// Interval of κ, rising, above 0.
    pub bracket: [f64; 2],
}

impl Search {
    /// A search for `target` with the usual bracket, tolerance and number of evaluations.
    pub fn new(target: f64) -> Self {
        Self {
            target,
            tolerance: TOLERANCE,
            evaluations: EVALUATIONS,
            bracket: BRACKET,
        }
    }

    /// log(statistic / target).
    fn excess(&self, stat: f64) -> f64 {
        (stat.max(LEAST) / self.target).ln()
    }

    fn is_met(&self, stat: f64) -> bool {
        (stat / self.target - 1.0).abs() < self.tolerance
    }
}

/// A search's result.
#[derive(Debug, Clone, PartialEq)]
pub struct Solution {
    /// How it ended.
    pub verdict: Verdict,
    /// The evaluation nearest the target on the log scale, known ones included; `None` where
    /// nothing was evaluated.
    pub best: Option<Evaluation>,
    /// New evaluations, in their order.
    pub history: Vec<Evaluation>,
}

/// An end of the bracketing interval: log κ, log(statistic / target) as Illinois weighs it.
#[derive(Debug, Clone, Copy)]
struct End {
    at: f64,
    weight: f64,
}

/// Solves `statistic(κ) = target`.
///
/// Starts at the geometric middle of the bracket, doubles or halves κ until the target lies between
/// two evaluations, then takes Illinois steps (regula falsi that halves the weight of an end kept
/// twice) on logarithms, and bisects where such a step leaves the interval. `known` evaluations of
/// the same statistic narrow the interval beforehand and cost nothing.
///
/// # Errors
/// What `evaluate` returns.
pub fn solve<E>(
    search: &Search,
    known: &[Evaluation],
    evaluate: &mut dyn FnMut(f64) -> Result<f64, E>,
) -> Result<Solution, E> {
    let (mut low, mut high) = ends(search, known);
    let mut kept: Option<bool> = None;
    let mut solution = Solution {
        verdict: Verdict::Inexact,
        best: nearest(search, known),
        history: Vec::new(),
    };
    if solution.best.is_some_and(|b| search.is_met(b.stat)) {
        solution.verdict = Verdict::Reached;
        return Ok(solution);
    }
    let [first, last] = search.bracket.map(f64::ln);
    while solution.history.len() < search.evaluations {
        let at = match (low, high) {
            (None, None) => f64::midpoint(first, last),
            (Some(l), None) if l.at >= last => {
                solution.verdict = Verdict::Unreachable;
                break;
            }
            (None, Some(h)) if h.at <= first => {
                solution.verdict = Verdict::AlwaysAbove;
                break;
            }
            (Some(l), None) => (l.at + std::f64::consts::LN_2).min(last),
            (None, Some(h)) => (h.at - std::f64::consts::LN_2).max(first),
            (Some(l), Some(h)) => between(l, h),
        };
        // The ends of the bracket are hit exactly, whatever logarithm and back make of them.
        let kappa = match at {
            at if at <= first => search.bracket[0],
            at if at >= last => search.bracket[1],
            at => at.exp(),
        };
        let stat = evaluate(kappa)?;
        solution.history.push(Evaluation { kappa, stat });
        if search.is_met(stat) {
            solution.verdict = Verdict::Reached;
            break;
        }
        let weight = search.excess(stat);
        let (above, end) = (weight > 0.0 || weight.is_nan(), Some(End { at, weight }));
        if above {
            high = end;
        } else {
            low = end;
        }
        if kept == Some(above) {
            // The other end is kept for the second time.
            let other = if above { &mut low } else { &mut high };
            if let Some(other) = other {
                other.weight /= 2.0;
            }
        }
        // Steps before the target is bracketed keep no end.
        kept = (low.is_some() && high.is_some()).then_some(above);
    }
    let all: Vec<Evaluation> = known.iter().chain(&solution.history).copied().collect();
    solution.best = nearest(search, &all);
    if solution.verdict == Verdict::Inexact {
        // The last evaluation may have been an end of the bracket.
        match (low, high) {
            (Some(l), None) if l.at >= last => solution.verdict = Verdict::Unreachable,
            (None, Some(h)) if h.at <= first => solution.verdict = Verdict::AlwaysAbove,
            _ => {}
        }
    }
    Ok(solution)
}

/// The Illinois step; the middle where it is no number strictly between the ends.
fn between(low: End, high: End) -> f64 {
    let step = (low.at * high.weight - high.at * low.weight) / (high.weight - low.weight);
    if step > low.at && step < high.at {
        step
    } else {
        f64::midpoint(low.at, high.at)
    }
}

/// The interval that known evaluations leave: up to the first one above the target, from the last one
/// below it before that.
fn ends(search: &Search, known: &[Evaluation]) -> (Option<End>, Option<End>) {
    let mut known = known.to_vec();
    known.sort_by(|a, b| a.kappa.total_cmp(&b.kappa));
    let end = |e: &Evaluation| End {
        at: e.kappa.ln(),
        weight: search.excess(e.stat),
    };
    let above = known.iter().position(|e| search.excess(e.stat) > 0.0);
    let below = above.unwrap_or(known.len()).checked_sub(1);
    (
        below.and_then(|i| known.get(i)).map(end),
        above.and_then(|i| known.get(i)).map(end),
    )
}

fn nearest(search: &Search, all: &[Evaluation]) -> Option<Evaluation> {
    let distance = |e: &Evaluation| search.excess(e.stat).abs();
    let nearer = |a: &&Evaluation, b: &&Evaluation| distance(a).total_cmp(&distance(b));
    all.iter().min_by(nearer).copied()
}
