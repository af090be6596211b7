//! Cached evaluation against full forward passes in every model family.

use std::sync::Arc;

use steerscope::engine::{Cancel, Model};
use steerscope::measure::{CacheOptions, PromptCache, Site, naive_propensity};
use steerscope::units::{BlockIndex, Mask};

use super::support::{direction, synthetic};
use crate::engine::family_directories;

#[test]
fn cached_evaluation_equals_full_forward_passes_in_every_family() {
    let mut worst: f32 = 0.0;
    for dir in family_directories() {
        let model = Arc::new(Model::from_dir(dir.path()).expect("loads"));
        let set = synthetic(&model, &[(1, 1), (9, 8), (33, 33), (40, 30), (5, 1)]);
        let v = direction(model.hidden_size());
        let options = CacheOptions::default();
        let mut cache = PromptCache::new(Arc::clone(&model), Arc::clone(&set), options);
        for mask in Mask::ALL {
            for block in (0..model.n_blocks()).map(BlockIndex) {
                let site = Site {
                    edit: steerscope::units::Edit::ADD,
                    direction: &v,
                    block,
                    mask,
                };
                let grid = [-2.0, 0.0, 0.7];
                let n = cache.len();
                let rows = cache
                    .evaluate(&site, &grid, 0..n, &Cancel::never())
                    .expect("propensities");
                for (input, row) in set.inputs.iter().zip(&rows) {
                    let naive = naive_propensity(&model, input, &site, &grid, &Cancel::never());
                    for (got, want) in row.iter().zip(naive.expect("a pass")) {
                        worst = worst.max((got - want).abs());
                        assert!(
                            (got - want).abs() < 1e-5 * (1.0 + want.abs()),
                            "{} {mask} block {block} row {}: {got} {want}",
                            model.config().architecture,
                            input.row
                        );
                    }
                }
            }
        }
    }
    println!("largest difference between cached and full passes: {worst:e}");
}
