//! Functions of a row of logits, in f64 where sums are made. A vocabulary has up to a quarter of a million
//! tokens: plain loops over it took a third of a token strip.

#![expect(
    clippy::inline_always,
    reason = "a body must be inlined to be compiled for the features of its caller"
)]

use super::Isa;
use super::row::{LANES, per_isa};

per_isa! {
    /// Whether all values are finite.
    fn all_finite(x: &[f32]) -> bool = all_finite_body
}
per_isa! {
    /// The largest value; −∞ for none. Values that are not numbers are passed over.
    fn largest(x: &[f32]) -> f32 = largest_body
}
per_isa! {
    /// Σ exp(x − top), not finite where a value is not a number or above a finite top without bound.
    fn sum_exp(x: &[f32], top: f64) -> f64 = sum_exp_body
}
per_isa! {
    /// With a = p − top of p and b = q − top of q: Σ eᵃ, Σ eᵇ, Σ eᵃ (a − b). Where eᵃ is 0 it adds nothing.
    fn sum_apart(p: &[f32], q: &[f32], tops: [f64; 2]) -> [f64; 3] = sum_apart_body
}
per_isa! {
    /// How many values stand before `own`: larger ones, and equal ones before index `at`.
    fn ahead(x: &[f32], at: usize, own: f32) -> usize = ahead_body
}
per_isa! {
    /// Makes of `top`, index and value of the `k` largest so far, those that are the largest with `x`, whose first index
    /// is `first`: largest first, of equal ones the first.
    fn largest_k(x: &[f32], first: u32, k: usize, top: &mut Vec<(u32, f32)>) = largest_k_body
}

#[inline(always)]
fn all_finite_body<const F: bool>(x: &[f32]) -> bool {
    // Exponent bits all ones: infinite or no number. A sum of flags vectorises, an early end does not.
    let odd = |v: &f32| u32::from(v.to_bits() & 0x7F80_0000 == 0x7F80_0000);
    x.chunks(1 << 12)
        .all(|part| part.iter().map(odd).sum::<u32>() == 0)
}

#[inline(always)]
fn largest_body<const F: bool>(x: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for (top, v) in lanes.iter_mut().zip(chunk) {
            *top = if *v > *top { *v } else { *top };
        }
    }
    let all = lanes.iter().chain(rest);
    all.copied().fold(f32::NEG_INFINITY, f32::max)
}

#[inline(always)]
fn sum_exp_body<const F: bool>(x: &[f32], top: f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += exp::<F>(f64::from(*v) - top);
        }
    }
    let rest = rest.iter().map(|v| exp::<F>(f64::from(*v) - top));
    lanes.iter().sum::<f64>() + rest.sum::<f64>()
}

#[inline(always)]
fn sum_apart_body<const F: bool>(p: &[f32], q: &[f32], tops: [f64; 2]) -> [f64; 3] {
    let mut lanes = [[0.0; LANES]; 3];
    let [sum_p, sum_q, apart] = &mut lanes;
    let one = |p: f32, q: f32| {
        let (a, b) = (f64::from(p) - tops[0], f64::from(q) - tops[1]);
        let weight = exp::<F>(a);
        let apart = weight * (a - b);
        (weight, exp::<F>(b), if weight == 0.0 { 0.0 } else { apart })
    };
    let ((ps, p_rest), (qs, q_rest)) = (p.as_chunks::<LANES>(), q.as_chunks::<LANES>());
    for (p, q) in ps.iter().zip(qs) {
        for i in 0..LANES {
            let (a, b, between) = one(p[i], q[i]);
            sum_p[i] += a;
            sum_q[i] += b;
            apart[i] += between;
        }
    }
    for (p, q) in p_rest.iter().zip(q_rest) {
        let (a, b, between) = one(*p, *q);
        sum_p[0] += a;
        sum_q[0] += b;
        apart[0] += between;
    }
    lanes.map(|lanes| lanes.iter().sum())
}

#[inline(always)]
fn ahead_body<const F: bool>(x: &[f32], at: usize, own: f32) -> usize {
    let (before, after) = x.split_at(at.min(x.len()));
    let count = |x: &[f32], counts: fn(f32, f32) -> bool| -> usize {
        let part = |part: &[f32]| part.iter().map(|v| u32::from(counts(*v, own))).sum::<u32>();
        x.chunks(1 << 16).map(|x| part(x) as usize).sum()
    };
    count(before, |v, own| v >= own) + count(after, |v, own| v > own)
}

#[inline(always)]
fn largest_k_body<const F: bool>(x: &[f32], first: u32, k: usize, top: &mut Vec<(u32, f32)>) {
    /// Values that are looked at together before any is by itself, at first and then within them.
    const PARTS: [usize; 2] = [128, LANES];
    // A sum of flags vectorises, an early end does not.
    let none_above = |part: &[f32], least: Option<f32>| {
        let above = |least| part.iter().map(|v| u32::from(*v > least)).sum::<u32>();
        least.is_some_and(|least| above(least) == 0)
    };
    let least = |top: &[(u32, f32)]| top.get(k.wrapping_sub(1)).map(|(_, value)| *value);
    if k == 0 {
        return;
    }
    for (c, part) in x.chunks(PARTS[0]).enumerate() {
        if none_above(part, least(top)) {
            continue;
        }
        for (f, few) in part.chunks(PARTS[1]).enumerate() {
            if none_above(few, least(top)) {
                continue;
            }
            let begin = first + (c * PARTS[0] + f * PARTS[1]) as u32;
            for (id, value) in (begin..).zip(few) {
                if least(top).is_some_and(|least| *value <= least) {
                    continue;
                }
                let at = top.partition_point(|(_, other)| other >= value);
                top.insert(at, (id, *value));
                top.truncate(k);
            }
        }
    }
}

#[inline(always)]
fn fma<const F: bool>(a: f64, b: f64, c: f64) -> f64 {
    if F { a.mul_add(b, c) } else { a * b + c }
}

/// e^x without branches, so that it vectorises; relative error below 1e-15. 0 below −700, NaN stays NaN.
#[inline(always)]
fn exp<const F: bool>(x: f64) -> f64 {
    /// 1.5 · 2^52: adding it rounds to the nearest integer, which then stands in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// ln 2 in two parts, the first with room for a product by an integer.
    const LN_2: [f64; 2] = [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10];
    /// 1/12! … 1/1!
    const TERMS: [f64; 12] = [
        2.087_675_698_786_81e-9,
        2.505_210_838_544_172e-8,
        2.755_731_922_398_589_3e-7,
        2.755_731_922_398_589_4e-6,
        2.480_158_730_158_73e-5,
        1.984_126_984_126_984e-4,
        1.388_888_888_888_889e-3,
        8.333_333_333_333_333e-3,
        4.166_666_666_666_666_4e-2,
        1.666_666_666_666_666_6e-1,
        0.5,
        1.0,
    ];
    let tiny = x < -700.0;
    let x = if tiny { -700.0 } else { x };
    let x = if x > 700.0 { 700.0 } else { x };
    let shifted = fma::<F>(x, std::f64::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fma::<F>(n, -LN_2[0], x);
    let r = fma::<F>(n, -LN_2[1], r);
    let mut p = TERMS[0];
    for term in &TERMS[1..] {
        p = fma::<F>(p, r, *term);
    }
    let p = fma::<F>(p, r, 1.0);
    let e = p * f64::from_bits((shifted.to_bits() << 52).wrapping_add(0x3FF0_0000_0000_0000));
    if tiny { 0.0 } else { e }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets() -> Vec<Isa> {
        let mut all = vec![Isa::Portable];
        if Isa::best() != Isa::Portable {
            all.push(Isa::best());
        }
        all
    }

    fn row(n: usize, seed: u32) -> Vec<f32> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        (0..n).map(|_| 30.0 * next() - 15.0).collect()
    }

    #[test]
    fn exponentials_are_those_of_the_standard_library() {
        for i in -70_000..=1000 {
            let x = f64::from(i) / 100.0;
            for e in [exp::<false>(x), exp::<true>(x)] {
                assert!((e / x.exp() - 1.0).abs() < 1e-15, "{x}: {e}");
            }
        }
        assert_eq!(
            (exp::<true>(0.0), exp::<true>(f64::NEG_INFINITY)),
            (1.0, 0.0)
        );
        assert!(exp::<true>(f64::NAN).is_nan());
    }

    #[test]
    fn sums_equal_plain_loops() {
        for (isa, n) in sets()
            .into_iter()
            .flat_map(|isa| [1, 15, 16, 1003].map(|n| (isa, n)))
        {
            let (p, q) = (row(n, 1), row(n, 2));
            let tops = [largest(isa, &p), largest(isa, &q)].map(f64::from);
            let plain = |x: &[f32], top: f64| -> f64 {
                x.iter().map(|v| (f64::from(*v) - top).exp()).sum()
            };
            let [sum_p, sum_q, apart] = sum_apart(isa, &p, &q, tops);
            let close = |a: f64, b: f64| assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} {b}");
            close(sum_p, plain(&p, tops[0]));
            close(sum_q, plain(&q, tops[1]));
            close(sum_exp(isa, &p, tops[0]), sum_p);
            let pairs = p.iter().zip(&q);
            let between = pairs.map(|(p, q)| {
                let (a, b) = (f64::from(*p) - tops[0], f64::from(*q) - tops[1]);
                a.exp() * (a - b)
            });
            close(apart, between.sum());
        }
    }

    #[test]
    fn values_that_are_no_numbers_show() {
        for isa in sets() {
            for odd in [f32::NAN, f32::INFINITY] {
                let mut x = row(100, 3);
                x[77] = odd;
                assert!(!all_finite(isa, &x));
                let top = f64::from(largest(isa, &x));
                assert!(!sum_exp(isa, &x, top).is_finite());
            }
            // A token that a file rules out is allowed: it has no part in the distribution.
            let mut x = row(100, 3);
            x[5] = f32::NEG_INFINITY;
            let top = f64::from(largest(isa, &x));
            assert!(
                sum_apart(isa, &x, &x, [top; 2])
                    .iter()
                    .all(|v| v.is_finite())
            );
            assert!(all_finite(isa, &row(5000, 4)));
        }
    }

    #[test]
    fn order_is_that_of_a_stable_sort() {
        for isa in sets() {
            // Few different values, so that many are equal.
            let x: Vec<f32> = row(1003, 5).iter().map(|v| v.round()).collect();
            let mut order: Vec<usize> = (0..x.len()).collect();
            order.sort_by(|a, b| x[*b].partial_cmp(&x[*a]).unwrap());
            let mut top = Vec::new();
            largest_k(isa, &x, 0, 40, &mut top);
            let ids: Vec<usize> = top.iter().map(|(id, _)| *id as usize).collect();
            assert_eq!(ids, order[..40]);
            // The same in two parts that no vector divides.
            let mut apart = Vec::new();
            largest_k(isa, &x[..301], 0, 40, &mut apart);
            largest_k(isa, &x[301..], 301, 40, &mut apart);
            assert_eq!(top, apart);
            for (place, i) in order.iter().enumerate().step_by(97) {
                assert_eq!(ahead(isa, &x, *i, x[*i]), place);
                let [before, after] = [&x[..301], &x[301..]];
                let apart = ahead(isa, before, *i, x[*i]);
                let apart = apart + ahead(isa, after, i.saturating_sub(301), x[*i]);
                assert_eq!(apart, place);
            }
            let (mut few, mut none) = (Vec::new(), Vec::new());
            largest_k(isa, &x[..3], 0, 9, &mut few);
            largest_k(isa, &x, 0, 0, &mut none);
            assert_eq!((few.len(), none.len()), (3, 0));
        }
    }
}
