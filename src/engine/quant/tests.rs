use super::panel::RUN;
use super::{Blocks, Quant, decode_column, dequantise, pack};
use crate::engine::kernel::{Isa, Left, PANEL, Right, multiply};

const ALL: [Quant; 8] = [
    Quant::Q8_0,
    Quant::Q5_0,
    Quant::Q5_1,
    Quant::Q4_0,
    Quant::Q4_1,
    Quant::Q4K,
    Quant::Q5K,
    Quant::Q6K,
];
const K: usize = 512;

/// Random bytes; every block's scales are plain numbers.
fn row(kind: Quant, seed: u32) -> Vec<u8> {
    let mut s = seed.wrapping_mul(2_654_435_761).wrapping_add(99);
    let mut bytes: Vec<u8> = (0..K / kind.steps() * kind.bytes())
        .map(|_| {
            s ^= s << 13;
            s ^= s >> 17;
            s ^= s << 5;
            (s >> 11) as u8
        })
        .collect();
    for (i, block) in bytes.chunks_exact_mut(kind.bytes()).enumerate() {
        kind.rescale(block, 0.02 + 0.001 * (seed as f32 + i as f32));
    }
    bytes
}

fn isas() -> Vec<Isa> {
    let mut all = vec![Isa::Portable];
    #[cfg(target_arch = "x86_64")]
    {
        if Isa::best() != Isa::Portable {
            all.push(Isa::Avx2);
        }
        if Isa::best() == Isa::Avx512 {
            all.push(Isa::Avx512);
        }
    }
    all
}

/// 30 columns of one panel: what the file defines, and the packed bytes.
fn panel(kind: Quant) -> (Vec<Vec<f32>>, Vec<u8>) {
    let rows: Vec<Vec<u8>> = (0..30).map(|i| row(kind, i)).collect();
    let dense = rows.iter().map(|bytes| {
        let mut values = vec![0.0; K];
        dequantise(kind, bytes, &mut values);
        values
    });
    let mut packed = vec![7; Blocks::panel_bytes(kind, K)];
    let slices: Vec<_> = rows.iter().map(|r| Some(r.as_slice())).collect();
    assert!(pack(kind, &slices, &mut packed));
    (dense.collect(), packed)
}

#[test]
fn every_decoder_gives_the_values_of_the_file_bit_for_bit() {
    for kind in ALL {
        let (dense, packed) = panel(kind);
        let blocks = Blocks {
            kind,
            data: &packed,
            k: K,
        };
        for isa in isas() {
            let mut out = [0.0; RUN * PANEL];
            for run in 0..blocks.runs() {
                blocks.decode(isa, run, &mut out);
                for (i, row) in out.chunks_exact(PANEL).enumerate() {
                    for (c, v) in row.iter().enumerate() {
                        let want = dense.get(c).map_or(0.0, |d| d[run * RUN + i]);
                        assert!(
                            v.total_cmp(&want).is_eq() || (*v - want).abs() <= 0.0,
                            "{kind:?} {isa:?} step {i} column {c}: {v} {want}"
                        );
                    }
                }
            }
        }
        for (c, dense) in dense.iter().enumerate() {
            let mut column = vec![0.0; K];
            decode_column(blocks, c, &mut column);
            assert_eq!(&column, dense, "{kind:?}");
        }
    }
}

#[test]
fn a_product_with_blocks_equals_the_one_with_their_values_for_any_number_of_rows() {
    for kind in ALL {
        let (dense, packed) = panel(kind);
        let mut wide = vec![0.0; K * PANEL];
        for (c, dense) in dense.iter().enumerate() {
            for (i, v) in dense.iter().enumerate() {
                wide[i * PANEL + c] = *v;
            }
        }
        let x: Vec<f32> = (0..20 * K).map(|i| (i as f32 * 0.37).sin()).collect();
        for isa in isas() {
            for m in [1, 2, 5, 16, 20] {
                let run = |w: Right<'_>, add: bool| {
                    let mut y = vec![0.5; m * PANEL];
                    let left = Left {
                        data: &x,
                        stride: K,
                        m,
                        k: K,
                    };
                    #[expect(unsafe_code, reason = "the target is as long as it should be")]
                    // SAFETY: `y` has m rows of PANEL values.
                    unsafe {
                        multiply(isa, left, w, 1, y.as_mut_ptr(), PANEL, add);
                    }
                    y
                };
                let blocks = Right::Blocks(Blocks {
                    kind,
                    data: &packed,
                    k: K,
                });
                for add in [false, true] {
                    assert_eq!(
                        run(blocks, add),
                        run(Right::F32(&wide), add),
                        "{kind:?} {isa:?} {m} rows"
                    );
                }
            }
        }
    }
}

#[test]
fn scales_that_are_not_finite_are_noticed() {
    for kind in ALL {
        let mut bytes = row(kind, 3);
        let at = if kind == Quant::Q6K { 208 } else { 0 };
        bytes[at..at + 2].copy_from_slice(&half::f16::NAN.to_le_bytes());
        let mut packed = vec![0; Blocks::panel_bytes(kind, K)];
        assert!(!pack(kind, &[Some(&bytes)], &mut packed), "{kind:?}");
    }
}
