use half::{bf16, f16};

use super::{Element, Isa, Left, PANEL, Panel, Store, Target, product, row, widen};

fn values(n: usize, seed: u32) -> Vec<f32> {
    let mut s = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    (0..n)
        .map(|_| {
            s ^= s << 13;
            s ^= s >> 17;
            s ^= s << 5;
            (s >> 8) as f32 / 8_388_608.0 - 1.0
        })
        .collect()
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

#[test]
fn tile_product_equals_a_sum_in_f64_on_every_instruction_set() {
    for isa in isas() {
        for (m, k) in [
            (1, 1),
            (2, 7),
            (3, 64),
            (5, 33),
            (12, 192),
            (13, 8),
            (31, 100),
        ] {
            let (x, p) = (values(m * (k + 3), 1), values(k * 40, 2));
            let before = values(m * 50, 3);
            for store in [Store::Set, Store::Continue, Store::Add] {
                let mut y = before.clone();
                let left = Left {
                    data: &x,
                    stride: k + 3,
                    m,
                    k,
                };
                product(
                    isa,
                    left,
                    Panel::rows(&p, 40),
                    Target {
                        data: &mut y,
                        stride: 50,
                    },
                    store,
                );
                for i in 0..m {
                    for j in 0..50 {
                        let old = before[i * 50 + j];
                        let sum: f64 = (0..k)
                            .map(|t| {
                                f64::from(x[i * (k + 3) + t]) * f64::from(p[t * 40 + j.min(39)])
                            })
                            .sum();
                        let want = match store {
                            _ if j >= PANEL => f64::from(old),
                            Store::Set => sum,
                            _ => sum + f64::from(old),
                        };
                        let got = f64::from(y[i * 50 + j]);
                        assert!(
                            (got - want).abs() < 1e-4,
                            "{isa:?} {store:?} {m}x{k} ({i}, {j}): {got} {want}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn rows_of_a_product_do_not_depend_on_how_many_there_are() {
    let k = 77;
    let (x, p) = (values(29 * k, 5), values(k * PANEL, 6));
    for isa in isas() {
        let run = |from: usize, m: usize| {
            let mut y = vec![0.0; m * PANEL];
            let left = Left {
                data: &x[from * k..],
                stride: k,
                m,
                k,
            };
            product(
                isa,
                left,
                Panel::rows(&p, PANEL),
                Target {
                    data: &mut y,
                    stride: PANEL,
                },
                Store::Set,
            );
            y
        };
        let all = run(0, 29);
        for (from, m) in [(0, 1), (3, 2), (7, 5), (10, 12), (28, 1)] {
            assert_eq!(
                run(from, m),
                all[from * PANEL..(from + m) * PANEL],
                "{isa:?}"
            );
        }
    }
}

#[test]
fn row_functions_equal_f64_on_every_instruction_set() {
    for isa in isas() {
        for n in [1, 15, 16, 17, 100] {
            let (x, w): (Vec<f32>, Vec<f32>) =
                (values(n, 7).iter().map(|v| v * 9.0).collect(), values(n, 8));
            let mut y = vec![0.0; n];
            row::rms_norm(isa, &x, &w, 1e-5, &mut y);
            let mean = x.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / n as f64;
            for i in 0..n {
                let want = f64::from(x[i]) / (mean + 1e-5).sqrt() * f64::from(w[i]);
                assert!((f64::from(y[i]) - want).abs() < 1e-5, "{isa:?} norm");
            }
            let mut p = x.clone();
            row::softmax(isa, &mut p, 0.7);
            let total: f64 = x.iter().map(|v| (f64::from(*v) * 0.7).exp()).sum();
            for i in 0..n {
                assert!(
                    (f64::from(p[i]) - (f64::from(x[i]) * 0.7).exp() / total).abs() < 1e-6,
                    "{isa:?} softmax"
                );
            }
            row::swiglu(isa, &x, &w, &mut y);
            for i in 0..n {
                let g = f64::from(x[i]);
                assert!(
                    (f64::from(y[i]) - g / (1.0 + (-g).exp()) * f64::from(w[i])).abs() < 1e-5,
                    "{isa:?} swiglu"
                );
            }
        }
    }
}

#[test]
fn softmax_hands_nan_on_instead_of_hiding_it() {
    for isa in isas() {
        let mut p = values(40, 9);
        p[20] = f32::NAN;
        row::softmax(isa, &mut p, 1.0);
        assert!(p.iter().all(|v| v.is_nan()), "{isa:?}");
    }
}

fn narrow_equals_wide<T: Element>(narrow: impl Fn(f32) -> T) {
    let k = 67;
    let x = values(29 * k, 11);
    let mut panel: Vec<T> = values(k * PANEL, 12).into_iter().map(&narrow).collect();
    // Smallest and largest numbers come through unchanged.
    for (v, extreme) in panel.iter_mut().zip([6e-8, -6e-5, 65_000.0, -0.0]) {
        *v = narrow(extreme);
    }
    let wide: Vec<f32> = panel.iter().map(|v| v.widen()).collect();
    for isa in isas() {
        let mut widened = vec![0.0; k * PANEL];
        let stored = Panel::rows(panel.as_slice(), PANEL);
        widen(isa, stored, k, &mut widened);
        assert_eq!(widened, wide, "{isa:?}");
        for m in [1, 2, 5, 12, 29] {
            let left = Left {
                data: &x,
                stride: k,
                m,
                k,
            };
            let (mut a, mut b) = (vec![0.0; m * PANEL], vec![0.0; m * PANEL]);
            let target = |data| Target {
                data,
                stride: PANEL,
            };
            product(isa, left, stored, target(&mut a), Store::Set);
            let data = wide.as_slice();
            let panel = Panel::rows(data, PANEL);
            product(isa, left, panel, target(&mut b), Store::Set);
            assert_eq!(a, b, "{isa:?} {m} rows");
        }
    }
}

#[test]
fn half_precision_panels_give_what_their_widened_values_give() {
    narrow_equals_wide(f16::from_f32);
    narrow_equals_wide(bf16::from_f32);
}

#[test]
fn several_panels_at_once_give_the_bits_of_one_at_a_time() {
    use super::{Right, multiply};
    const K: usize = 70;
    let x = values(20 * K, 5);
    let w = values(4 * K * PANEL, 6);
    let (half, brain): (Vec<f16>, Vec<bf16>) = w
        .iter()
        .map(|v| (f16::from_f32(*v), bf16::from_f32(*v)))
        .unzip();
    for isa in isas() {
        for (name, right) in [("f32", 0), ("f16", 1), ("bf16", 2)].map(|(name, kind)| {
            let (w, half, brain) = (&w, &half, &brain);
            let from = move |panel: usize| match kind {
                0 => Right::F32(&w[panel * K * PANEL..]),
                1 => Right::F16(&half[panel * K * PANEL..]),
                _ => Right::Bf16(&brain[panel * K * PANEL..]),
            };
            (name, from)
        }) {
            for m in [1, 2, 3, 4, 6, 7] {
                let run = |rows: usize, from: usize, right: Right<'_>, panels: usize, add: bool| {
                    let mut y = vec![0.25; rows * panels * PANEL];
                    let left = Left {
                        data: &x[from * K..],
                        stride: K,
                        m: rows,
                        k: K,
                    };
                    #[expect(unsafe_code, reason = "the target is as long as it should be")]
                    // SAFETY: `y` has `rows` rows of the panels' width.
                    unsafe {
                        multiply(
                            isa,
                            left,
                            right,
                            panels,
                            y.as_mut_ptr(),
                            panels * PANEL,
                            add,
                        );
                    }
                    y
                };
                for add in [false, true] {
                    let panels = right(0).together(m);
                    let together = run(m, 0, right(0), panels, add);
                    for (i, got) in together.chunks_exact(PANEL).enumerate() {
                        // One panel and one row: the plain kernel.
                        let (row, panel) = (i / panels, i % panels);
                        let alone = run(1, row, right(panel), 1, add);
                        assert_eq!(got, alone, "{name} {isa:?} row {row} of {m}");
                    }
                }
            }
        }
    }
}
