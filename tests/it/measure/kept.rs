//! The store of finished results.

use steerscope::measure::{KeptResults, SiteKey};
use steerscope::units::{BlockIndex, Mask};

fn key(block: usize) -> SiteKey {
    SiteKey {
        edit: steerscope::units::Edit::ADD,
        vector: "v".into(),
        dataset: "d".into(),
        block: BlockIndex(block),
        mask: Mask::All,
    }
}

#[test]
fn complete_results_return_and_others_do_not() {
    let mut kept = KeptResults::default();
    let grid = [-1.0, 0.0, 1.0];
    kept.put(
        &key(3),
        &grid,
        0,
        &[vec![1.0, 2.0, 3.0], vec![4.0, 5.0, 6.0]],
    );
    assert_eq!(
        kept.complete(&key(3), &grid, 2),
        Some(vec![vec![1.0, 2.0, 3.0], vec![4.0, 5.0, 6.0]])
    );
    assert_eq!(
        kept.complete(&key(3), &grid, 3),
        None,
        "the third input was not measured"
    );
    assert_eq!(kept.complete(&key(2), &grid, 2), None, "another block");
    assert_eq!(
        kept.row(&key(3), &[1.0, -0.0], 1),
        Some(vec![6.0, 5.0]),
        "any part of the grid, in any order"
    );
    assert_eq!(kept.missing(&key(3), &[0.5, 1.0], 2), [0.5]);
}

#[test]
fn a_stopped_run_is_continued() {
    let mut kept = KeptResults::default();
    kept.put(&key(0), &[1.0], 2, &[vec![7.0]]);
    assert_eq!(kept.row(&key(0), &[1.0], 2), Some(vec![7.0]));
    assert_eq!(kept.row(&key(0), &[1.0], 0), None);
    kept.put(&key(0), &[1.0], 0, &[vec![5.0], vec![6.0]]);
    assert_eq!(
        kept.complete(&key(0), &[1.0], 3),
        Some(vec![vec![5.0], vec![6.0], vec![7.0]])
    );
}

#[test]
fn the_longest_unused_go_first() {
    let mut kept = KeptResults::new(4);
    kept.put(&key(0), &[1.0], 0, &[vec![1.0], vec![1.0]]);
    kept.put(&key(1), &[1.0], 0, &[vec![2.0], vec![2.0]]);
    assert!(kept.complete(&key(0), &[1.0], 2).is_some());
    kept.put(&key(2), &[1.0], 0, &[vec![3.0], vec![3.0]]);
    assert!(kept.complete(&key(0), &[1.0], 2).is_some());
    assert!(kept.complete(&key(1), &[1.0], 2).is_none());
    kept.clear();
    assert!(kept.complete(&key(0), &[1.0], 2).is_none());
}
