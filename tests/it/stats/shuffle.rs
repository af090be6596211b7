//! The shuffle of Python's `random`, splits and split strings.

use proptest::prelude::*;
use steerscope::stats::{MersenneTwister, Splits, parse_split};

#[test]
fn first_outputs_of_seed_zero() {
    let mut random = MersenneTwister::new(0);
    let outputs: Vec<u32> = (0..5).map(|_| random.next_u32()).collect();
    assert_eq!(
        outputs,
        [
            3_626_764_237,
            1_654_615_998,
            3_255_389_356,
            3_823_568_514,
            1_806_341_205
        ]
    );
}

#[test]
fn golden_permutations() {
    let order = |n, seed| MersenneTwister::new(seed).permutation(n);
    assert_eq!(order(10, 0), [7, 8, 1, 5, 3, 4, 2, 0, 9, 6]);
    let golden = [
        (
            468,
            [103, 206, 353, 348, 157, 425, 93, 310, 292, 448],
            [215, 455, 388, 197, 432],
            25_716_097_usize,
        ),
        (
            934,
            [858, 710, 590, 527, 448, 854, 740, 674, 81, 48],
            [430, 911, 776, 394, 864],
            203_083_140,
        ),
        (
            1000,
            [439, 621, 160, 549, 237, 389, 658, 507, 124, 290],
            [430, 911, 776, 394, 864],
            251_292_570,
        ),
    ];
    for (n, first, last, checksum) in golden {
        let order = order(n, 0);
        assert_eq!(order[..10], first);
        assert_eq!(order[n - 5..], last);
        assert_eq!(
            order.iter().enumerate().map(|(i, v)| i * v).sum::<usize>(),
            checksum
        );
    }
    assert_eq!(order(50, 1)[..8], [2, 15, 47, 9, 21, 29, 48, 5]);
    assert_eq!(order(50, 13)[..8], [32, 24, 12, 44, 17, 3, 28, 20]);
    assert_eq!(
        order(50, (1 << 40) + 7)[..8],
        [20, 6, 21, 10, 12, 32, 3, 44]
    );
}

#[test]
fn split_strings_of_the_published_scripts() {
    assert_eq!(parse_split("0:50%", 1000), Ok(0..500));
    assert_eq!(parse_split("50:100%", 1000), Ok(50..1000));
    assert_eq!(parse_split("50%:100%", 1000), Ok(500..1000));
    assert_eq!(parse_split("20%:+10%", 1000), Ok(200..300));
    assert_eq!(parse_split(":7", 10), Ok(0..7));
    for (spec, id) in [
        ("0:101%", "split-range"),
        ("60%:50%", "split-range"),
        ("50%", "split-form"),
        ("a:b", "split-number"),
        ("-1:5", "split-number"),
        ("0:+", "split-number"),
        ("0:99999999999999999999%", "split-number"),
    ] {
        assert_eq!(parse_split(spec, 1000).unwrap_err().id(), id, "{spec}");
    }
}

#[test]
fn published_split_overlaps_as_published() {
    let splits = Splits::published(1000, 0);
    assert_eq!(
        (splits.train.len(), splits.test.len(), splits.overlap),
        (500, 950, 450)
    );
    let shared = splits
        .train
        .iter()
        .filter(|i| splits.test.contains(i))
        .count();
    assert_eq!(shared, splits.overlap);
    assert_eq!(Splits::published(30, 0).overlap, 0);
}

proptest! {
    #[test]
    fn a_shuffle_is_a_permutation_and_repeats(n in 0_usize..400, seed: u64) {
        let order = MersenneTwister::new(seed).permutation(n);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        prop_assert_eq!(sorted, (0..n).collect::<Vec<_>>());
        prop_assert_eq!(order, MersenneTwister::new(seed).permutation(n));
    }

    #[test]
    fn default_parts_are_disjoint_and_cover_everything(n in 0_usize..500, seed: u64) {
        let splits = Splits::new(n, seed);
        let mut all = [splits.train, splits.validation, splits.test].concat();
        all.sort_unstable();
        prop_assert_eq!(all, (0..n).collect::<Vec<_>>());
    }

    #[test]
    fn split_strings_never_panic_and_stay_inside(spec in "[0-9%+:a ]{0,8}", n in 0_usize..2000) {
        if let Ok(rows) = parse_split(&spec, n) {
            prop_assert!(rows.start <= rows.end && rows.end <= n);
        }
    }
}
