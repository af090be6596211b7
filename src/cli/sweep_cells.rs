//! The cells of a sweep: found in the store, or measured together and kept.

use std::sync::Arc;

use super::condition::SetGate;
use super::lab::names;
use super::open::{Opened, failed};
use super::output::{Ending, Progress};
use super::study::{Rows, Study, repeated};
use crate::engine::Cancel;
use crate::measure::{
    CacheOptions, PreparedSet, PromptCache, Propensity, Protocol, Site, Sweep, SweepRow, SweepSite,
    store_cell, store_key,
};
use crate::steering::SteeringVector;
use crate::store::Keeping;
use crate::units::{Edit, Mask};

/// Sites that go up together: when they are through, they are in the store.
const TOGETHER: usize = 16;

/// What all cells of a sweep have in common.
pub(super) struct CellRun<'a> {
    pub(super) study: &'a Study<'a>,
    pub(super) opened: &'a Opened,
    pub(super) vector: &'a SteeringVector,
    pub(super) rows: &'a Rows,
    pub(super) set: &'a Arc<PreparedSet>,
    pub(super) grid: &'a [f32],
    pub(super) mask: Mask,
    pub(super) edit: Edit,
    /// The condition on prompts, and the place of the unsteered figure in the grid. What is kept is
    /// measured without it.
    pub(super) closed: Option<(&'a SetGate, usize)>,
    pub(super) options: CacheOptions,
}

/// Figures of the cells, in the order they were got.
pub(super) struct Cells {
    pub(super) figures: Vec<SweepRow>,
    /// How many of them were in the store.
    pub(super) found: usize,
}

impl CellRun<'_> {
    /// Every site: looked up, else measured and kept.
    pub(super) fn all(&self, sites: &[SweepSite], keeping: &mut Keeping) -> Result<Cells, Ending> {
        let model = &self.opened.model;
        let mut cache = PromptCache::new(Arc::clone(model), Arc::clone(self.set), self.options);
        let mut progress = Progress::start("sweeping");
        let mut cells = Cells {
            figures: Vec::with_capacity(sites.len()),
            found: 0,
        };
        let n = self.set.inputs.len();
        let total = sites.len() * n;
        for sites in sites.chunks(TOGETHER) {
            let mut missing = Vec::new();
            for site in sites {
                let key = store_key(model, self.vector, self.set, &self.protocol(site));
                if let Some(cell) = keeping.find(&key) {
                    let rows: Vec<Vec<f32>> = cell.rows().map(<[f32]>::to_vec).collect();
                    cells.figures.push(self.figures(site, &rows));
                    cells.found += 1;
                } else {
                    missing.push(site.clone());
                }
            }
            let before = cells.figures.len() * n;
            let mut keep = |site: &SweepSite, measured: &[Vec<f32>]| {
                let protocol = self.protocol(site);
                let names = names(self.opened, self.vector, &self.study.dataset);
                let cell = store_cell(names, &protocol, self.set, &self.rows.refs(), measured);
                keeping.put(&store_key(model, self.vector, self.set, &protocol), &cell);
                cells.figures.push(self.figures(site, measured));
            };
            let Some(first) = missing.first() else {
                continue;
            };
            if self.protocol(first).propensity == Propensity::SumLogits {
                // Whole answers are computed site by site.
                for site in missing {
                    let measured = self.alone(&site)?;
                    keep(&site, &measured);
                }
                continue;
            }
            let together = missing.len();
            let mut sweep = Sweep::new(missing, self.grid, self.mask, self.edit);
            while sweep.done() < cache.len() {
                let done = sweep.advance(&mut cache, &Cancel::never());
                progress.update(before + together * done.map_err(failed)?, total);
            }
            for (site, measured) in sweep.into_rows() {
                keep(&site, &measured);
            }
        }
        progress.finish();
        repeated(&cache.facts());
        Ok(cells)
    }

    fn figures(&self, site: &SweepSite, rows: &[Vec<f32>]) -> SweepRow {
        match self.closed {
            Some((gate, unsteered)) => SweepRow::new(site, self.grid, &gate.close(rows, unsteered)),
            None => SweepRow::new(site, self.grid, rows),
        }
    }

    fn alone(&self, site: &SweepSite) -> Result<Vec<Vec<f32>>, Ending> {
        let at = Site {
            direction: &site.direction,
            block: site.block,
            mask: self.mask,
            edit: self.edit,
        };
        let grid = site.grid(self.grid);
        self.study.propensities(self.set, &at, &grid, self.options)
    }

    fn protocol(&self, site: &SweepSite) -> Protocol {
        let grid = site.grid(self.grid);
        (self.study)
            .protocol(site.block, self.mask, &grid, self.rows)
            .with_edit(self.edit)
    }
}
