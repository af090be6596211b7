//! Computed prompts within a memory budget: the same numbers, computed again where they did not fit.

use std::sync::Arc;

use steerscope::engine::Cancel;
use steerscope::measure::{CacheOptions, PreparedSet, PromptCache, Site, SweepCell};
use steerscope::units::{BlockIndex, DEFAULT_MULTIPLIERS, Mask};

use super::support::{direction, synthetic, tiny};

fn shapes(n: usize) -> Vec<(usize, usize)> {
    (0..n).map(|i| (40, 39 + i % 2)).collect()
}

#[test]
fn any_budget_gives_the_same_numbers_and_its_peak_stays_within_a_group_of_it() {
    let model = tiny();
    let set: Arc<PreparedSet> = synthetic(&model, &shapes(24));
    let v = direction(model.hidden_size());
    let never = Cancel::never();
    let mut single = PromptCache::new(
        Arc::clone(&model),
        synthetic(&model, &shapes(2)),
        CacheOptions::default(),
    );
    single.prefill(0..1, &never).unwrap();
    let one = single.facts().bytes;
    for mask in Mask::ALL {
        let at = |block| Site {
            edit: steerscope::units::Edit::ADD,
            direction: &v,
            block: BlockIndex(block),
            mask,
        };
        let cells = [0, 2, 3].map(|block| SweepCell {
            site: at(block),
            multipliers: &DEFAULT_MULTIPLIERS,
        });
        let run = |options| {
            let mut cache = PromptCache::new(Arc::clone(&model), Arc::clone(&set), options);
            let alone = cache.evaluate(&at(1), &DEFAULT_MULTIPLIERS, 0..24, &never);
            let swept = cache.sweep(&cells, 0..24, &never).unwrap();
            (alone.unwrap(), swept, cache.facts())
        };
        let (alone, swept, ample) = run(CacheOptions::default());
        assert_eq!((ample.recomputed, ample.repeats), (0, 0), "{mask}");
        assert_eq!((ample.prompts, ample.in_memory), (24, 24));
        assert_eq!(ample.budget, 5 << 29);
        assert!(ample.bytes <= ample.peak && ample.peak < ample.budget);
        for budget in [1, 6 * one, 12 * one] {
            let (a, s, facts) = run(CacheOptions::within(budget));
            assert_eq!((&a, &s), (&alone, &swept), "{mask}, {budget} bytes");
            assert_eq!(facts.budget, budget);
            // A group takes a quarter of what there is for keys and values, one prompt at least, and the
            // first one is always kept.
            let group = one.max(budget / 5);
            // Whole-prompt rows of a group under masks that steer the prompt: at most three blocks of each.
            let whole = if mask.spares_prompt() {
                0
            } else {
                group.div_ceil(one) * 3 * 40 * 48 * 4
            };
            assert!(
                facts.peak <= budget.max(one) + group + whole,
                "{mask}: peak {} of {budget}, one {one}",
                facts.peak
            );
            assert!(facts.in_memory < 24 && facts.recomputed > 0, "{facts:?}");
            assert!(facts.repeats >= facts.recomputed);
        }
    }
}

#[test]
fn forgetting_everything_starts_the_count_anew() {
    let model = tiny();
    let set = synthetic(&model, &shapes(4));
    let options = CacheOptions::within(1);
    let mut cache = PromptCache::new(Arc::clone(&model), Arc::clone(&set), options);
    for _ in 0..3 {
        cache.prefill(0..4, &Cancel::never()).unwrap();
    }
    let facts = cache.facts();
    // The first prompt is always kept; each of the others was computed three times.
    assert_eq!(
        (facts.in_memory, facts.recomputed, facts.repeats),
        (1, 3, 6)
    );
    cache.clear();
    let facts = cache.facts();
    assert_eq!((facts.bytes, facts.peak, facts.recomputed), (0, 0, 0));
}
