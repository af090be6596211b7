//! Propensities of a data set's first inputs over a grid of multipliers.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde::Deserialize;
use serde_json::{Value, json};
use steerscope::engine::{Cancel, Model};
use steerscope::measure::{CacheOptions, PreparedSet, PromptCache, Site, SweepCell};
use steerscope::steering::dataset::Dataset;
use steerscope::units::{BlockIndex, Mask};

#[derive(Debug, Deserialize)]
pub(crate) struct Grid {
    dataset: PathBuf,
    /// Rows from the start of the file.
    inputs: usize,
    /// v, width d.
    direction: Vec<f32>,
    /// One site after the other; none: the prompts alone.
    blocks: Vec<usize>,
    multipliers: Vec<f32>,
    /// All sites in one sweep instead.
    #[serde(default)]
    sweep: bool,
    /// Whether the prompts are to be computed from nothing (as are the reading and the tokens of the
    /// data set), or are those of the request before.
    cold: bool,
}

thread_local! {
    static CACHE: RefCell<Option<PromptCache>> = const { RefCell::new(None) };
}

pub(crate) fn measure(model: &Arc<Model>, grid: &Grid) -> Value {
    CACHE.with_borrow_mut(|cache| {
        if grid.cold {
            *cache = None;
        }
        let start = Instant::now();
        let cache = cache.get_or_insert_with(|| {
            let dataset = Dataset::load(&grid.dataset).expect("a data set");
            let rows: Vec<_> = dataset.measurable().take(grid.inputs).collect();
            let limit = model.config().max_positions;
            let set = PreparedSet::of_rows(&dataset, &rows, model.tokenizer(), limit)
                .expect("prepared inputs");
            PromptCache::new(Arc::clone(model), Arc::new(set), CacheOptions::default())
        });
        let inputs = 0..cache.len();
        let never = Cancel::never();
        cache.prefill(inputs.clone(), &never).expect("prompts");
        let sites = grid.blocks.iter().map(|block| Site {
            edit: steerscope::units::Edit::ADD,
            direction: &grid.direction,
            block: BlockIndex(*block),
            mask: Mask::FromLastPrompt,
        });
        let propensities = if grid.sweep {
            let cells: Vec<SweepCell<'_>> = sites
                .map(|site| SweepCell {
                    site,
                    multipliers: &grid.multipliers,
                })
                .collect();
            cache.sweep(&cells, inputs, &never).expect("propensities")
        } else {
            sites
                .map(|site| {
                    cache
                        .evaluate(&site, &grid.multipliers, inputs.clone(), &never)
                        .expect("propensities")
                })
                .collect()
        };
        let seconds = start.elapsed().as_secs_f64();
        let lengths: Vec<usize> = cache.set().inputs.iter().map(|i| i.prefix.len()).collect();
        let ids: Vec<usize> = cache.set().inputs.iter().map(|i| i.row).collect();
        json!({ "seconds": seconds, "propensities": propensities, "rows": ids, "prefix_lengths": lengths })
    })
}
