//! Rows that are added position by position, against whole passes under their hook.

use steerscope::engine::{Cancel, Keep, KvCache, Part};
use steerscope::measure::propensities_per_position;
use steerscope::steering::extract_positions;
use steerscope::units::BlockIndex;

use super::support::{prepared, tiny};

#[test]
fn every_input_is_what_a_whole_pass_under_the_hook_gives() {
    let (model, never) = (tiny(), Cancel::never());
    // Longer than the shortest prompt: what is behind it stays as it is.
    let pair = ["Tom was very happy in the garden", "Tom was sad"];
    let rows = extract_positions(&model, "v", "tiny", pair, &never).unwrap();
    let set = prepared(&model);
    assert!(set.inputs.iter().any(|i| i.prompt_len < rows.positions()));
    let grid = [-3.0, 0.0, 2.0];
    for block in [0, 2, 3].map(BlockIndex) {
        let mut done = 0;
        let mut told = |n| done = n;
        let found = propensities_per_position(&model, &set, &rows, block, &grid, &mut told, &never);
        let found = found.unwrap();
        assert_eq!(done, set.inputs.len());
        for (input, found) in set.inputs.iter().zip(&found) {
            for (multiplier, found) in grid.iter().zip(found) {
                let mut hook = rows.hook(block, *multiplier, 0, input.prompt_len).unwrap();
                let mut cache = KvCache::new(&model, 1);
                let part = Part {
                    sequence: 0,
                    ids: &input.prefix,
                };
                let last = model.extend(&mut cache, &[part], Keep::Last, &mut hook, &never);
                let logits = model
                    .answer_logits(&last.unwrap(), &[input.answers])
                    .unwrap();
                let want = logits[0][0] - logits[0][1];
                assert!(
                    (found - want).abs() < 1e-4,
                    "{block} {multiplier}: {found} {want}"
                );
            }
        }
        let moved = found.iter().any(|row| (row[0] - row[1]).abs() > 1e-3);
        // After the last block a row reaches its own position alone.
        assert!(moved || block.0 == 3);
    }
    let mut told = |_| ();
    let block = BlockIndex(9);
    let missing = propensities_per_position(&model, &set, &rows, block, &grid, &mut told, &never);
    assert_eq!(missing.unwrap_err().id(), "layer-missing");
}
