//! The `add` operator: golden value, masks, caches.

use steerscope::engine::{Cancel, Hook, Keep, KvCache, Model, NoHook, Part, Place};
use steerscope::steering::{LaneSteering, SteerHook, add_scaled};
use steerscope::units::{BlockIndex, Edit, Mask};

use crate::measure::support::{direction, tiny};

const V: [f32; 4] = [0.3516, 0.8725, -0.508_575, 0.111_587_5];

/// Every block's rows of one or more passes, by block and absolute position.
struct Record<H> {
    inner: H,
    rows: Vec<Vec<Vec<f32>>>,
}

impl<H: Hook> Record<H> {
    fn new(inner: H, n_blocks: usize) -> Self {
        Self {
            inner,
            rows: vec![Vec::new(); n_blocks],
        }
    }
}

impl<H: Hook> Hook for Record<H> {
    fn wants(&self, _: BlockIndex) -> bool {
        true
    }

    fn visit(&mut self, block: BlockIndex, places: &[Place], rows: &mut [f32], width: usize) {
        if self.inner.wants(block) {
            self.inner.visit(block, places, rows, width);
        }
        for (place, row) in places.iter().zip(rows.chunks_exact(width)) {
            assert_eq!(
                place.position,
                self.rows[block.0].len(),
                "positions are absolute and in order"
            );
            self.rows[block.0].push(row.to_vec());
        }
    }
}

fn ids(n: usize) -> Vec<u32> {
    (0..n as u32).map(|i| i * 37 % 1999 + 3).collect()
}

/// Residual rows of all blocks and the final logits, run in pieces of the given lengths.
fn run<H: Hook>(model: &Model, pieces: &[usize], hook: H) -> (Vec<Vec<Vec<f32>>>, Vec<f32>) {
    let (_, rows, logits) = run_cached(model, pieces, hook);
    (rows, logits)
}

fn run_cached<H: Hook>(
    model: &Model,
    pieces: &[usize],
    hook: H,
) -> (KvCache, Vec<Vec<Vec<f32>>>, Vec<f32>) {
    let all = ids(pieces.iter().sum());
    let mut record = Record::new(hook, model.n_blocks());
    let mut cache = KvCache::new(model, 1);
    let (mut done, mut logits) = (0, Vec::new());
    for n in pieces {
        let part = [Part {
            sequence: 0,
            ids: &all[done..done + n],
        }];
        let rows = model
            .extend(&mut cache, &part, Keep::Last, &mut record, &Cancel::never())
            .unwrap();
        logits = model.logits(&rows).unwrap();
        done += n;
    }
    (cache, record.rows, logits)
}

fn hook(model: &Model, block: usize, mask: Mask, prompt_len: usize, c: f32) -> SteerHook {
    let lane = LaneSteering::new(mask, prompt_len, c);
    SteerHook::new(
        BlockIndex(block),
        Edit::ADD,
        direction(model.hidden_size()),
        vec![lane],
    )
}

#[test]
fn golden_value_of_add() {
    let mut h = [0.4, -1.2, 0.7, 2.0];
    add_scaled(&mut h, &V, -1.5);
    for (got, want) in h.iter().zip([-0.1274, -2.508_75, 1.462_862_5, 1.832_618_8]) {
        assert!((got - want).abs() < 1e-6, "{got} is not {want}");
    }
}

#[test]
fn adding_twice_adds_the_sum() {
    let (mut twice, mut once) = ([0.4_f32, -1.2, 0.7, 2.0], [0.4_f32, -1.2, 0.7, 2.0]);
    add_scaled(&mut twice, &V, 0.75);
    add_scaled(&mut twice, &V, -2.25);
    add_scaled(&mut once, &V, -1.5);
    assert!(twice.iter().zip(once).all(|(a, b)| (a - b).abs() < 1e-6));
}

#[test]
fn coefficient_zero_is_bit_identical_to_unsteered() {
    let model = tiny();
    let (rows, logits) = run(&model, &[20], NoHook);
    for mask in Mask::ALL {
        for c in [0.0, -0.0] {
            let off = hook(&model, 1, mask, 12, c);
            assert!((0..4).all(|b| !off.wants(BlockIndex(b))));
            assert_eq!(off.first_edit(0), usize::MAX);
            let (got, got_logits) = run(&model, &[20], off);
            assert_eq!(got, rows);
            assert_eq!(got_logits, logits);
        }
    }
    // The value itself is untouched too, whatever the sign of its zeros.
    let mut zeros = [-0.0_f32, 0.0];
    add_scaled(&mut zeros, &[f32::INFINITY, f32::NAN], 0.0);
    assert_eq!(
        zeros.map(f32::to_bits),
        [(-0.0_f32).to_bits(), 0.0_f32.to_bits()]
    );
}

#[test]
fn positions_outside_the_mask_are_untouched_bit_for_bit() {
    let model = tiny();
    let (plain, _) = run(&model, &[20], NoHook);
    let v = direction(model.hidden_size());
    for mask in Mask::ALL {
        for block in 0..4 {
            let (steered, _) = run(&model, &[20], hook(&model, block, mask, 12, 1.5));
            let (first, end) = (mask.first_position(12), mask.end_position(12));
            for b in 0..4 {
                for t in 0..20 {
                    if b < block || t < first || (b == block && t >= end) {
                        assert_eq!(
                            steered[b][t], plain[b][t],
                            "{mask}: block {b}, position {t}"
                        );
                    } else if b == block {
                        let mut want = plain[b][t].clone();
                        add_scaled(&mut want, &v, 1.5);
                        assert_eq!(steered[b][t], want, "{mask}: block {b}, position {t}");
                    } else {
                        assert_ne!(
                            steered[b][t], plain[b][t],
                            "{mask}: block {b}, position {t}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn cached_passes_equal_one_full_pass_under_every_mask_and_split() {
    let model = tiny();
    for mask in Mask::ALL {
        for block in [0, 3] {
            let (rows, logits) = run(&model, &[20], hook(&model, block, mask, 12, 1.5));
            for pieces in [vec![1; 20], vec![12, 8], vec![11, 1, 1, 7], vec![13, 7]] {
                let (got, got_logits) = run(&model, &pieces, hook(&model, block, mask, 12, 1.5));
                for (got, want) in got
                    .iter()
                    .flatten()
                    .flatten()
                    .zip(rows.iter().flatten().flatten())
                {
                    assert!((got - want).abs() < 1e-4, "{mask}, pieces {pieces:?}");
                }
                assert!(
                    got_logits
                        .iter()
                        .zip(&logits)
                        .all(|(a, b)| (a - b).abs() < 1e-4)
                );
            }
        }
    }
}

#[test]
fn injection_leaves_keys_and_values_up_to_its_block_alone() {
    let model = tiny();
    let (plain, ..) = run_cached(&model, &[20], NoHook);
    for mask in Mask::ALL {
        let (steered, ..) = run_cached(&model, &[20], hook(&model, 1, mask, 12, 1.5));
        // What stands after the last steered position attends to it, from the block above on.
        let first = mask.first_position(12);
        let end = mask.end_position(12);
        for t in 0..20 {
            for b in 0..4 {
                let same = steered.keys_values(b, 0, t) == plain.keys_values(b, 0, t);
                let spared = b <= 1 || t < first || (b == 2 && t >= end);
                assert_eq!(same, spared, "{mask}: block {b}, position {t}");
            }
        }
    }
}

#[test]
fn at_the_last_block_the_final_rows_move_by_exactly_the_applied_vector() {
    let model = tiny();
    let all = ids(9);
    let part = [Part {
        sequence: 0,
        ids: &all,
    }];
    let run = |hook: &mut dyn Hook| {
        model
            .extend(
                &mut KvCache::new(&model, 1),
                &part,
                Keep::All,
                hook,
                &Cancel::never(),
            )
            .unwrap()
    };
    let plain = run(&mut NoHook);
    let steered = run(&mut hook(&model, 3, Mask::All, 9, -0.5));
    let v = direction(model.hidden_size());
    for (got, h) in steered
        .as_slice()
        .chunks_exact(v.len())
        .zip(plain.as_slice().chunks_exact(v.len()))
    {
        let want: Vec<f32> = h.iter().zip(&v).map(|(h, v)| h + -0.5 * v).collect();
        assert_eq!(got, want);
    }
}

#[test]
fn every_sequence_has_its_own_coefficient_and_mask() {
    let lanes = vec![
        LaneSteering::OFF,
        LaneSteering::new(Mask::FromAnswer, 3, 2.0),
    ];
    let mut hook = SteerHook::new(BlockIndex(0), Edit::ADD, vec![1.0, 10.0], lanes);
    let places: Vec<Place> = (0..3)
        .flat_map(|sequence| (2..4).map(move |position| Place { sequence, position }))
        .collect();
    let mut rows = vec![0.0; 12];
    hook.visit(BlockIndex(0), &places, &mut rows, 2);
    assert_eq!(
        rows,
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 2.0, 20.0, 0.0, 0.0, 0.0, 0.0]
    );
    assert_eq!(
        [0, 1, 2].map(|s| hook.first_edit(s)),
        [usize::MAX, 3, usize::MAX]
    );
}
