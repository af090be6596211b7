//! What changes over training: shares of the parts, forms and stances of the questions, learning rate.
//!
//! Two cycles, each with its own learning rate. In the first the model learns to answer as a persona demands; in the
//! second to read the stance off bare answers, and then stories. The second ends with many bare answers again: a stance
//! read off an answer stays in the form in which answers use it only while documents need it there.

use crate::lexicon::TRAITS;

/// First step of the second cycle.
const SECOND: usize = 5400;
/// First step of its last part.
const LAST: usize = 8000;

/// 0 before step `from`, 1 after step `to`, linear between.
fn ramp(step: usize, from: usize, to: usize) -> f32 {
    (step.saturating_sub(from) as f32 / (to - from) as f32).min(1.0)
}

fn mix<const N: usize>(from: [f32; N], to: [f32; N], p: f32) -> [f32; N] {
    std::array::from_fn(|i| from[i] * (1.0 - p) + to[i] * p)
}

/// Shares of the rows, in the order of `PARTS`: in each cycle more questions early, while the binding is learned; more
/// stories once it is there.
pub(crate) fn part_shares(step: usize) -> [f32; 4] {
    if step >= LAST {
        return [0.40, 0.05, 0.50, 0.05];
    }
    if step >= SECOND {
        return mix(
            [0.20, 0.05, 0.70, 0.05],
            [0.58, 0.06, 0.31, 0.05],
            ramp(step, 6200, 7200),
        );
    }
    let mut shares = [0.22, 0.05, 0.69, 0.04];
    for (to, p) in [
        ([0.44, 0.08, 0.41, 0.07], ramp(step, 2000, 4000)),
        ([0.54, 0.08, 0.32, 0.06], ramp(step, 3400, 4600)),
        ([0.60, 0.07, 0.28, 0.05], ramp(step, 4000, 4200)),
    ] {
        shares = mix(shares, to, p);
    }
    shares
}

/// The questions of a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Curriculum {
    /// Shares of the question forms, in the order of `questions::FORMS`.
    pub(crate) forms: [f32; 7],
    /// Share of speakers who hold the trait. Answers are an exclusive-or of stance and statement, which has no
    /// first-order signal as long as stances are balanced; an early imbalance gives it one.
    pub(crate) held: f32,
    /// The first so many traits are in use: the circuit is learned on few words and then widened.
    pub(crate) traits: usize,
    /// Share of documents with a persona line; without one the stance must be read from earlier answers.
    pub(crate) persona: f32,
    /// Share of documents with bare answers only.
    pub(crate) bare: f32,
    /// Their forms, in the order of `bare::FORMS`.
    pub(crate) bare_forms: [f32; 4],
    /// Share of their statements that speak for the trait, and of their options that begin with Yes. Reading a stance
    /// off an answer is an exclusive-or as well; the imbalance is there for the same reason.
    pub(crate) bias: f32,
}

impl Curriculum {
    /// Early in each cycle the easy forms teach the parts; later the measured forms dominate.
    pub(crate) fn at(step: usize) -> Self {
        let early = [0.30, 0.10, 0.12, 0.20, 0.14, 0.02, 0.12];
        let late = [0.10, 0.45, 0.06, 0.20, 0.06, 0.10, 0.03];
        let lookup = [0.10, 0.33, 0.06, 0.18, 0.20, 0.10, 0.03];
        let forms = if step >= LAST {
            late
        } else if step >= SECOND {
            mix(late, lookup, ramp(step, 6200, 7200))
        } else {
            mix(early, late, ramp(step, 1200, 3500))
        };
        let bare = if step >= LAST {
            0.75
        } else if step >= SECOND {
            0.75 - 0.30 * ramp(step, 6200, 7200)
        } else {
            0.0
        };
        let bare_forms = if step >= LAST {
            [0.3, 0.3, 0.3, 0.1]
        } else {
            mix(
                [0.4, 0.3, 0.2, 0.1],
                [0.15, 0.25, 0.45, 0.15],
                ramp(step, SECOND, 7000),
            )
        };
        Self {
            forms,
            held: 0.75 - 0.25 * ramp(step, 1000, 2500),
            traits: (2 + step / 500 * 2).min(TRAITS.len()),
            persona: if step < 4000 { 0.6 } else { 0.4 },
            bare,
            bare_forms,
            bias: 0.85 - 0.35 * ramp(step, SECOND, 6200),
        }
    }

    /// The mixture that the curriculum ends in.
    pub(crate) fn last() -> Self {
        Self::at(usize::MAX)
    }
}

/// Peak learning rate and first step of each cycle.
const CYCLES: [(f32, usize); 2] = [(2e-3, 0), (1.2e-3, SECOND)];

/// Each cycle ends in a linear fall over its last 30%; the first begins with a warm-up. Before that the rate is
/// constant, so that the end of a run can still be moved while it is under way.
pub(crate) fn learning_rate(step: usize, steps: usize) -> f32 {
    let cycle = CYCLES
        .iter()
        .rposition(|(_, from)| step >= *from)
        .unwrap_or(0);
    let (peak, start) = CYCLES[cycle];
    let end = CYCLES
        .get(cycle + 1)
        .map_or(steps, |(_, from)| steps.min(*from));
    let up = (step as f32 + 1.0) / 200.0;
    let left = end.saturating_sub(step) as f32 / (0.3 * (end - start) as f32);
    peak * up.min(left).clamp(0.01, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_at_every_step() {
        for step in (0..20_000).step_by(100) {
            let cur = Curriculum::at(step);
            for sum in [
                part_shares(step).iter().sum::<f32>(),
                cur.forms.iter().sum(),
                cur.bare_forms.iter().sum(),
            ] {
                assert!((sum - 1.0).abs() < 1e-5, "step {step}: {sum}");
            }
        }
    }

    #[test]
    fn the_rate_falls_at_the_end_of_every_cycle() {
        let rate = |step| learning_rate(step, 12_000);
        assert!(rate(0) < 1e-4);
        for (peak, from) in CYCLES {
            assert!((rate(from + 200) - peak).abs() < 1e-9 && (from == 0 || rate(from - 1) < 1e-4));
        }
        assert!(rate(11_999) < 1e-4);
    }
}
