//! Where an edit of the residual stream shows and where it does not.

use steerscope::engine::{Cancel, Hook, Keep, KvCache, NoHook, Part};

use super::consistency::{bits, edit, feed};
use super::support::{Record, forward};
use super::tiny::{Tiny, direction, prompt};

#[test]
fn edit_leaves_positions_outside_the_mask_and_everything_before_it_untouched() {
    let model = Tiny::default().model();
    let d = model.hidden_size();
    let ids = prompt(60, 2);
    let (block, from) = (1, 35);
    let mut plain = Record::new(NoHook);
    forward(&model, &ids, &mut plain);
    let mut steered = Record::new(edit(block, 1.5, from));
    forward(&model, &ids, &mut steered);
    for b in 0..model.n_blocks() {
        for p in 0..ids.len() {
            let same = bits(plain.row(b, 0, p, d)) == bits(steered.row(b, 0, p, d));
            assert_eq!(same, b < block || p < from, "block {b} position {p}");
        }
    }
    let moved: Vec<f32> = (0..d)
        .map(|i| plain.row(block, 0, 40, d)[i] + 1.5 * direction(1)[i])
        .collect();
    assert_eq!(
        bits(&moved),
        bits(steered.row(block, 0, 40, d)),
        "the edit itself is exact"
    );
}

#[test]
fn edit_at_a_block_leaves_keys_and_values_up_to_it_identical() {
    let model = Tiny::default().model();
    let ids = prompt(45, 4);
    let (block, from) = (2, 20);
    let run = |hook: &mut dyn Hook| {
        let mut cache = KvCache::new(&model, 1);
        feed(&model, &mut cache, 0, &ids, hook);
        cache
    };
    let (plain, steered) = (run(&mut NoHook), run(&mut edit(block, 1.0, from)));
    for b in 0..model.n_blocks() {
        for p in 0..ids.len() {
            let same = plain.keys_values(b, 0, p) == steered.keys_values(b, 0, p);
            assert_eq!(same, b <= block || p < from, "block {b} position {p}");
        }
    }
    assert!(plain.keys_values(0, 0, ids.len()).is_none());
}

#[test]
fn edit_at_the_last_block_changes_the_final_norm_input_by_exactly_the_vector() {
    let model = Tiny::default().model();
    let d = model.hidden_size();
    let ids = prompt(20, 5);
    let plain = forward(&model, &ids, &mut NoHook);
    let steered = forward(&model, &ids, &mut edit(3, 0.5, 0));
    for (i, (h, g)) in plain.as_slice().iter().zip(steered.as_slice()).enumerate() {
        assert_eq!(
            (h + 0.5 * direction(1)[i % d]).to_bits(),
            g.to_bits(),
            "value {i}"
        );
    }
    // Trimming the last block does not trim the edit away.
    let mut cache = KvCache::new(&model, 1);
    let part = [Part {
        sequence: 0,
        ids: &ids,
    }];
    let last = model
        .extend(
            &mut cache,
            &part,
            Keep::Last,
            &mut edit(3, 0.5, 0),
            &Cancel::never(),
        )
        .expect("a pass");
    assert_eq!(bits(last.as_slice()), bits(steered.row(19).expect("a row")));
}
