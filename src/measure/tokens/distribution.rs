//! Next-token distributions from logits, in f64; of rows that are seen whole, or part after part.

use crate::engine::logits::{ahead, largest, largest_k, sum_apart, sum_exp};

/// Logarithm of the sum of the exponentials of `logits`: `log p(i) = logits[i] − log_normaliser`. Natural logarithm, f64
/// sum; not finite where the logits are not.
pub fn log_normaliser(logits: &[f32]) -> f64 {
    Sums::same(logits).normalisers()[0]
}

/// KL(p‖q) = Σ p (log p − log q) in nats of the distributions with these logits, which have the same length. At least 0,
/// exactly 0 for equal logits, not finite where logits are not.
pub fn kl_divergence(p: &[f32], q: &[f32]) -> f64 {
    Sums::of(p, q).kl()
}

/// Sums over a part of the vocabulary under two rows of logits p and q.
#[derive(Debug, Clone, Copy)]
struct Sums {
    /// The largest of each; −∞ where there is none.
    tops: [f64; 2],
    /// With a = p − its top and b = q − its top: Σ eᵃ, Σ eᵇ, Σ eᵃ (a − b).
    sums: [f64; 3],
}

impl Sums {
    /// Over no token.
    const NONE: Self = Self {
        tops: [f64::NEG_INFINITY; 2],
        sums: [0.0; 3],
    };

    /// Below the largest, differences stay small where the two are close. A logit of −∞ on both sides has no part in either.
    fn of(p: &[f32], q: &[f32]) -> Self {
        let tops = [p, q].map(|row| f64::from(largest(row)));
        let sums = sum_apart(p, q, tops.map(reference));
        Self { tops, sums }
    }

    /// Twice the same row.
    fn same(logits: &[f32]) -> Self {
        let top = f64::from(largest(logits));
        let sum = sum_exp(logits, reference(top));
        Self {
            tops: [top; 2],
            sums: [sum, sum, 0.0],
        }
    }

    /// Over both parts.
    fn and(self, other: Self) -> Self {
        let tops = [0, 1].map(|i| self.tops[i].max(other.tops[i]));
        let [mine, theirs] = [self, other].map(|part| part.below(tops));
        let sums = [0, 1, 2].map(|i| mine[i] + theirs[i]);
        Self { tops, sums }
    }

    /// The sums below other tops, which are not lower.
    fn below(self, tops: [f64; 2]) -> [f64; 3] {
        let [p, q, apart] = self.sums;
        // The difference of equal infinite tops is no number.
        let down = |i: usize| {
            if self.tops[i] < tops[i] {
                self.tops[i] - tops[i]
            } else {
                0.0
            }
        };
        let (a, b) = (down(0), down(1));
        let apart = if p == 0.0 { 0.0 } else { apart + (a - b) * p };
        [a.exp() * p, b.exp() * q, a.exp() * apart]
    }

    /// [`log_normaliser`] of p and q.
    fn normalisers(&self) -> [f64; 2] {
        [0, 1].map(|i| self.tops[i] + self.sums[i].ln())
    }

    /// KL(p‖q), nats.
    fn kl(&self) -> f64 {
        let [p, q, apart] = self.sums;
        let kl = apart / p + (q.ln() - p.ln());
        // Rounding may leave −1e-17 where the two hardly differ; NaN stays.
        if kl < 0.0 { 0.0 } else { kl }
    }
}

/// What a row is taken below: a part all of whose tokens are ruled out has no top, and adds nothing.
fn reference(top: f64) -> f64 {
    if top == f64::NEG_INFINITY { 0.0 } else { top }
}

/// What is said of two distributions at one place.
#[derive(Debug, Clone)]
pub(in crate::measure) struct Figures {
    /// KL(steered‖unsteered), nats.
    pub(in crate::measure) kl: f64,
    /// Unsteered and steered.
    pub(in crate::measure) sides: [Side; 2],
}

/// What is said of one of them.
#[derive(Debug, Clone)]
pub(in crate::measure) struct Side {
    /// Of the token that follows in the text.
    pub(in crate::measure) next: Option<Chance>,
    /// Most likely tokens and their probabilities.
    pub(in crate::measure) top: Vec<(u32, f64)>,
}

/// How likely one token is.
#[derive(Debug, Clone, Copy)]
pub(in crate::measure) struct Chance {
    /// ln p.
    pub(in crate::measure) log_probability: f64,
    /// 1 for the most likely.
    pub(in crate::measure) rank: usize,
}

/// What was seen of two rows of logits, unsteered and steered, part after part of the vocabulary.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// p steered, q unsteered.
    sums: Sums,
    unsteered: Ranks,
    /// `None` where both sides are the same.
    steered: Option<Ranks>,
}

/// The order of one side's tokens.
#[derive(Debug, Clone)]
pub(super) struct Ranks {
    next: Option<Next>,
    /// How many of the most likely are wanted.
    k: usize,
    top: Vec<(u32, f32)>,
}

/// The token that follows.
#[derive(Debug, Clone, Copy)]
struct Next {
    id: u32,
    logit: f32,
    ahead: usize,
}

impl Ranks {
    /// Of nothing yet. `next` is the token that follows with its logit, which may be any number where the first part that is seen
    /// has the token.
    pub(super) fn new(next: Option<(u32, f32)>, k: usize) -> Self {
        let next = next.map(|(id, logit)| Next {
            id,
            logit,
            ahead: 0,
        });
        let top = Vec::with_capacity(k + 1);
        Self { next, k, top }
    }

    fn see(&mut self, first: usize, logits: &[f32]) {
        largest_k(logits, first as u32, self.k, &mut self.top);
        if let Some(next) = &mut self.next {
            let at = (next.id as usize).saturating_sub(first);
            if next.id as usize >= first
                && let Some(own) = logits.get(at)
            {
                next.logit = *own;
            }
            next.ahead += ahead(logits, at, next.logit);
        }
    }

    fn side(&self, normaliser: f64) -> Side {
        let log = |logit: f32| f64::from(logit) - normaliser;
        Side {
            next: self.next.map(|next| Chance {
                log_probability: log(next.logit),
                rank: 1 + next.ahead,
            }),
            top: (self.top.iter())
                .map(|(id, logit)| (*id, log(*logit).exp()))
                .collect(),
        }
    }
}

impl Seen {
    /// Of nothing yet.
    pub(super) fn new(unsteered: Ranks, steered: Option<Ranks>) -> Self {
        Self {
            sums: Sums::NONE,
            unsteered,
            steered,
        }
    }

    /// Logits of the tokens from id `first` on.
    pub(super) fn see(&mut self, first: usize, unsteered: &[f32], steered: Option<&[f32]>) {
        self.unsteered.see(first, unsteered);
        let sums = match (steered, &mut self.steered) {
            (Some(logits), Some(ranks)) => {
                ranks.see(first, logits);
                Sums::of(logits, unsteered)
            }
            _ => Sums::same(unsteered),
        };
        self.sums = self.sums.and(sums);
    }

    /// Of all that was seen; `None` where logits are not all finite.
    pub(super) fn figures(&self) -> Option<Figures> {
        let (kl, [after, before]) = (self.sums.kl(), self.sums.normalisers());
        if ![kl, after, before].iter().all(|v| v.is_finite()) {
            return None;
        }
        let ours = self.unsteered.side(before);
        let theirs = match &self.steered {
            Some(ranks) => ranks.side(after),
            None => ours.clone(),
        };
        Some(Figures {
            kl,
            sides: [ours, theirs],
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_of_two_tokens_is_the_textbook_figure() {
        // p = (1/2, 1/2), q = (1/4, 3/4): ½ ln 2 + ½ ln(2/3) = 0.14384103622589042.
        let kl = kl_divergence(&[3.0, 3.0], &[0.0, 3.0_f32.ln()]);
        assert!((kl - 0.143_841_036_225_890_42).abs() < 1e-8, "{kl}");
        assert_eq!(
            kl_divergence(&[1.0, 2.0, -5.0], &[1.0, 2.0, -5.0]).to_bits(),
            0
        );
        assert!(!kl_divergence(&[f32::NAN, 1.0], &[0.0, 1.0]).is_finite());
        assert!(!kl_divergence(&[f32::INFINITY, 1.0], &[0.0, 1.0]).is_finite());
    }

    /// As many rows as wanted, none with a pattern.
    fn row(n: usize, seed: u32) -> Vec<f32> {
        let next = |state: &mut u32| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some((*state >> 8) as f32 / (1 << 24) as f32 * 30.0 - 15.0)
        };
        std::iter::repeat_n((), n)
            .scan(seed, |state, ()| next(state))
            .collect()
    }

    fn seen(parts: &[std::ops::Range<usize>], p: &[f32], q: &[f32], next: u32) -> Option<Figures> {
        let ranks = |x: &[f32]| Ranks::new(Some((next, x[next as usize])), 5);
        let mut seen = Seen::new(ranks(q), Some(ranks(p)));
        for part in parts {
            seen.see(part.start, &q[part.clone()], Some(&p[part.clone()]));
        }
        seen.figures()
    }

    #[test]
    fn parts_say_what_the_whole_says() {
        let (mut p, mut q) = (row(1000, 1), row(1000, 2));
        // A part whose tokens are all ruled out, on one side and on both; equal logits across a border.
        p[300..600].fill(f32::NEG_INFINITY);
        q[500..600].fill(f32::NEG_INFINITY);
        (p[299], p[700], p[701]) = (9.0, 9.0, 9.0);
        for next in [0, 299, 700, 701, 999] {
            let whole = seen(std::slice::from_ref(&(0..1000)), &p, &q, next).unwrap();
            let parts = seen(
                &[0..300, 300..550, 550..600, 600..701, 701..1000],
                &p,
                &q,
                next,
            );
            let parts = parts.unwrap();
            assert!(
                (whole.kl - parts.kl).abs() < 1e-12 * whole.kl,
                "{} {}",
                whole.kl,
                parts.kl
            );
            for (whole, parts) in whole.sides.iter().zip(&parts.sides) {
                let (a, b) = (whole.next.unwrap(), parts.next.unwrap());
                assert!((a.log_probability - b.log_probability).abs() < 1e-12);
                assert_eq!(a.rank, b.rank);
                let ids = |side: &Side| side.top.iter().map(|(id, _)| *id).collect::<Vec<_>>();
                assert_eq!(ids(whole), ids(parts));
            }
        }
        let halves = [0..500, 500..1000];
        assert_eq!(seen(&halves, &q, &q, 3).unwrap().kl.to_bits(), 0);
        // A token that only the steered side may say is infinitely surprising; so is no number.
        assert!(seen(&halves, &q, &p, 3).is_none());
        q[10] = f32::NAN;
        assert!(seen(&halves, &p, &q, 3).is_none());
    }
}
