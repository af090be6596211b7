//! All sites in one pass against one site at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use steerscope::engine::Cancel;
use steerscope::measure::{CacheOptions, PromptCache, Site, SweepCell, SweepUnit, sweep_sites};
use steerscope::units::{BlockIndex, Mask};

use super::support::{direction, prepared, synthetic, tiny};

const SHAPES: [(usize, usize); 7] = [(1, 1), (2, 2), (9, 8), (33, 33), (34, 30), (40, 39), (5, 1)];

#[test]
fn a_sweep_gives_the_bits_of_one_site_at_a_time() {
    let model = tiny();
    let v = direction(model.hidden_size());
    let other: Vec<f32> = v.iter().rev().map(|x| 0.3 * x).collect();
    let (grid, few) = ([-1.5, -0.5, 0.0, 1.0], [2.0, 0.25]);
    for set in [prepared(&model), synthetic(&model, &SHAPES)] {
        let n = set.inputs.len();
        for mask in Mask::ALL {
            // Out of order, one block twice, the last one too.
            let cells: Vec<SweepCell<'_>> = [(3, &v), (0, &v), (2, &other), (0, &other), (1, &v)]
                .into_iter()
                .enumerate()
                .map(|(i, (block, direction))| SweepCell {
                    site: Site {
                        edit: steerscope::units::Edit::ADD,
                        direction,
                        block: BlockIndex(block),
                        mask,
                    },
                    multipliers: if i % 2 == 0 { &grid } else { &few },
                })
                .collect();
            let new = || {
                PromptCache::new(
                    Arc::clone(&model),
                    Arc::clone(&set),
                    CacheOptions::default(),
                )
            };
            let mut cache = new();
            let mut swept = vec![Vec::new(); cells.len()];
            for range in [0..2, 2..n] {
                let rows = cache
                    .sweep(&cells, range, &Cancel::never())
                    .expect("a sweep");
                for (all, rows) in swept.iter_mut().zip(rows) {
                    all.extend(rows);
                }
            }
            let mut cache = new();
            for (cell, swept) in cells.iter().zip(&swept) {
                let alone = cache
                    .evaluate(&cell.site, cell.multipliers, 0..n, &Cancel::never())
                    .expect("propensities");
                assert_eq!(*swept, alone, "{mask} block {}", cell.site.block);
            }
        }
    }
}

#[test]
fn the_last_block_alone_and_no_cell_at_all_are_sweeps_too() {
    let model = tiny();
    let set = synthetic(&model, &SHAPES);
    let v = direction(model.hidden_size());
    let mut cache = PromptCache::new(
        Arc::clone(&model),
        Arc::clone(&set),
        CacheOptions::default(),
    );
    let site = Site {
        edit: steerscope::units::Edit::ADD,
        direction: &v,
        block: BlockIndex(3),
        mask: Mask::FromLastPrompt,
    };
    let cell = SweepCell {
        site,
        multipliers: &[-1.0, 1.0],
    };
    let swept = cache
        .sweep(&[cell], 0..SHAPES.len(), &Cancel::never())
        .expect("a sweep");
    let alone = cache
        .evaluate(&site, &[-1.0, 1.0], 0..SHAPES.len(), &Cancel::never())
        .expect("propensities");
    assert_eq!(swept, [alone]);
    let none = cache.sweep(&[], 0..3, &Cancel::never()).expect("nothing");
    assert!(none.is_empty());
}

#[test]
fn a_stopped_or_senseless_sweep_says_so_and_the_cache_goes_on() {
    let model = tiny();
    let set = synthetic(&model, &SHAPES);
    let v = direction(model.hidden_size());
    let mut cache = PromptCache::new(
        Arc::clone(&model),
        Arc::clone(&set),
        CacheOptions::default(),
    );
    let cell = |block, multipliers| SweepCell {
        site: Site {
            edit: steerscope::units::Edit::ADD,
            direction: &v,
            block: BlockIndex(block),
            mask: Mask::FromAnswer,
        },
        multipliers,
    };
    let cells = [cell(0, &[1.0][..]), cell(2, &[1.0])];
    let clock = Arc::new(AtomicU64::new(1));
    let cancel = Cancel::new(Arc::clone(&clock), 1);
    clock.store(2, Ordering::Relaxed);
    let stopped = cache.sweep(&cells, 0..3, &cancel).expect_err("stopped");
    assert!(stopped.is_cancelled());
    assert!(cache.sweep(&cells, 0..3, &Cancel::never()).is_ok());
    for (cells, range) in [
        (vec![cell(9, &[1.0][..])], 0..3),
        (vec![cell(1, &[f32::NAN])], 0..3),
        (vec![cell(1, &[1.0])], 0..99),
    ] {
        assert!(cache.sweep(&cells, range, &Cancel::never()).is_err());
    }
}

#[test]
fn a_short_direction_is_measured_and_one_without_length_left_out() {
    let (short, none, plain) = ([1e-30; 4], [0.0; 4], [1.0; 4]);
    let directions = [
        (BlockIndex(0), &short[..]),
        (BlockIndex(1), &none[..]),
        (BlockIndex(2), &plain[..]),
    ];
    let units = [SweepUnit::Raw, SweepUnit::EqualKappa];
    let sites = sweep_sites(directions, &[1.0, 1.0, 0.0], BlockIndex(0), &units);
    let of = |unit: SweepUnit| -> Vec<usize> {
        let found = sites.iter().filter(|s| s.unit == unit);
        found.map(|s| s.block.0).collect()
    };
    assert_eq!(of(SweepUnit::Raw), [0, 2]);
    assert_eq!(
        of(SweepUnit::EqualKappa),
        [0],
        "no residual norm at block 2"
    );
}
