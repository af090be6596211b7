//! 32 steps of 32 columns from integers to f32.

use half::f16;

use super::Quant;
use super::panel::{Layout, RUN};
use crate::engine::kernel::{Isa, PANEL};

/// Run `run` of a panel block, `(32 steps, 32 columns)`.
pub(super) fn run(isa: Isa, kind: Quant, block: &[u8], run: usize, out: &mut [f32; RUN * PANEL]) {
    let layout = Layout::of(kind);
    assert!(
        block.len() == layout.bytes() && run < layout.runs,
        "a block of a panel"
    );
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => {
            #[expect(unsafe_code, reason = "the length was checked just above")]
            // SAFETY: the block is whole; the instruction set was detected.
            unsafe {
                super::x86::run_512(kind, block.as_ptr(), run, out.as_mut_ptr());
            }
        }
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => {
            #[expect(unsafe_code, reason = "the instruction set was detected")]
            // SAFETY: the instruction set was detected.
            unsafe {
                super::x86::run_256(kind, block, run, out);
            }
        }
        Isa::Portable => plain(kind, block, run, out),
    }
}

/// The same in plain Rust, to be compiled for several instruction sets.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "a call would not be compiled for the caller's instruction set"
)]
pub(super) fn plain(kind: Quant, block: &[u8], run: usize, out: &mut [f32; RUN * PANEL]) {
    let layout = Layout::of(kind);
    let (header, runs) = block.split_at(layout.header);
    let (scales, rest) = runs[run * layout.run()..][..layout.run()].split_at(layout.scales);
    let (low, high) = rest.split_at(layout.low);
    let affine = affine(kind, header, scales);
    for (step, out) in out.as_chunks_mut::<PANEL>().0.iter_mut().enumerate() {
        let (s, m) = &affine[step / 16];
        let q = integers(kind, low, high, step);
        for (((v, q), s), m) in out.iter_mut().zip(q).zip(s).zip(m) {
            // The product is exact: at most 24 bits.
            *v = q * s - m;
        }
    }
}

type Columns = [f32; PANEL];

/// Scales and offsets of the two halves of a run.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as above")]
fn affine(kind: Quant, header: &[u8], scales: &[u8]) -> [(Columns, Columns); 2] {
    let halves = |from: usize| {
        let mut values = [0.0; PANEL];
        let bytes = header[from..].as_chunks::<2>().0;
        for (v, b) in values.iter_mut().zip(bytes) {
            *v = f16::from_le_bytes(*b).to_f32();
        }
        values
    };
    let d = halves(0);
    match kind {
        Quant::Q8_0 => [(d, [0.0; PANEL]); 2],
        Quant::Q4_0 => [(d, d.map(|d| 8.0 * d)); 2],
        Quant::Q5_0 => [(d, d.map(|d| 16.0 * d)); 2],
        Quant::Q4_1 | Quant::Q5_1 => [(d, halves(64).map(|m| -m)); 2],
        Quant::Q4K | Quant::Q5K => {
            let (mut s, mut m) = (d, halves(64));
            for (c, (s, m)) in s.iter_mut().zip(&mut m).enumerate() {
                *s *= f32::from(scales[c]);
                *m *= f32::from(scales[PANEL + c]);
            }
            [(s, m); 2]
        }
        Quant::Q6K => [0, 1].map(|half| {
            let mut s = d;
            for (c, s) in s.iter_mut().enumerate() {
                *s *= f32::from(scales[half * PANEL + c].cast_signed());
            }
            (s, s.map(|s| 32.0 * s))
        }),
    }
}

/// The integers of one step.
#[inline(always)]
#[allow(clippy::inline_always, reason = "as above")]
fn integers(kind: Quant, low: &[u8], high: &[u8], step: usize) -> Columns {
    let mut q = [0.0; PANEL];
    if kind == Quant::Q8_0 {
        for (q, b) in q.iter_mut().zip(&low[step * PANEL..][..PANEL]) {
            *q = f32::from(b.cast_signed());
        }
        return q;
    }
    let words = |bytes: &[u8], from: usize| {
        let mut words = [0; PANEL];
        let bytes = bytes[4 * from..].as_chunks::<4>().0;
        for (w, b) in words.iter_mut().zip(bytes) {
            *w = u32::from_le_bytes(*b);
        }
        words
    };
    let mut all = words(low, step / 8 * PANEL).map(|w| w >> (step % 8 * 4) & 15);
    match kind {
        Quant::Q5K | Quant::Q5_0 | Quant::Q5_1 => {
            let bits = words(high, 0);
            for (v, w) in all.iter_mut().zip(bits) {
                *v |= (w >> step & 1) << 4;
            }
        }
        Quant::Q6K => {
            let bits = words(high, step / 16 * PANEL);
            for (v, w) in all.iter_mut().zip(bits) {
                *v |= (w >> (step % 16 * 2) & 3) << 4;
            }
        }
        _ => {}
    }
    for (q, v) in q.iter_mut().zip(all) {
        // At most 6 bits.
        *q = v as f32;
    }
    q
}
