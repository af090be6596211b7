//! A sweep over every block, in slices on the engine's thread.
//!
//! All cells come at once over a few inputs and sharpen; then the sites are finished in groups, so that
//! what is finished can be kept while the rest goes on.

use std::sync::Arc;
use std::time::Instant;

use super::Trouble;
use super::condition::Judged;
use super::slices::{Pace, Slices};
use crate::engine::Cancel;
use crate::measure::{
    SiteKey, Sweep, SweepSite, SweepUnit as Unit, check_multipliers, sweep_sites,
};
use crate::protocol::{StudyNews, SweepPart, SweepStudy, SweepUnit};
use crate::steering::SteeringVector;
use crate::units::{BlockIndex, RunId};
use crate::worker::catalog::Library;
use crate::worker::job::Desk;
use crate::worker::mailbox::Mailbox;

/// Sites whose rows are on their way up together, as far as one result is kept.
const TOGETHER: usize = 16;
/// Inputs of the first look at all cells.
const FIRST: usize = 4;

/// Some sites and how far they are.
struct Group {
    sites: Vec<SweepSite>,
    sweep: Sweep,
}

/// A running sweep.
pub(crate) struct Job {
    run: RunId,
    study: SweepStudy,
    arrived: Instant,
    cancel: Cancel,
    vector: Arc<SteeringVector>,
    groups: Vec<Group>,
    /// The condition: every input is judged before anything is told.
    judged: Judged,
    judging: Pace,
    /// Rows that were known, without the condition, to be told once it is judged.
    known: Vec<(SweepSite, Vec<Vec<f32>>)>,
    /// Inputs that every group has had before one is finished.
    first: usize,
    inputs: usize,
    pace: Pace,
    from_store: usize,
    /// Sites times inputs to measure.
    total: usize,
}

impl Job {
    /// Checks the request and reports what is known already. `None`: nothing to do, or a request for
    /// what has been replaced meanwhile.
    pub(crate) fn start(
        run: RunId,
        study: SweepStudy,
        arrived: Instant,
        desk: &mut Desk,
        library: &Library,
        mailbox: &Mailbox,
        tell: &mut dyn FnMut(StudyNews),
    ) -> Result<Option<Self>, Trouble> {
        let (Some(vector), Some(bench)) = (desk.vector.clone(), desk.bench.as_ref()) else {
            return Ok(None);
        };
        if vector.id() != study.vector || bench.id() != study.dataset {
            return Ok(None);
        }
        check_multipliers(&study.multipliers).map_err(|e| Some((e.id(), e.to_string())))?;
        let of = (study.multipliers.as_slice(), study.edit);
        let mut judged = Judged::new(study.condition.as_ref(), of, desk, library)?;
        judged.recall(desk)?;
        let Some(bench) = desk.bench.as_mut() else {
            return Ok(None);
        };
        let n = desk.model.as_ref().map_or(0, |m| m.n_blocks());
        let directions = (0..n).filter_map(|b| {
            let block = BlockIndex(b);
            Some((block, vector.direction(block).ok()?))
        });
        let units = [Unit::Raw, Unit::EqualKappa];
        let sites = sweep_sites(directions, bench.norms(), study.reference, &units);
        if sites.is_empty() {
            let words = format!("'{}' has no direction of any length to sweep", vector.name);
            return Err(Some(("no-direction", words)));
        }
        let (mut missing, mut known, mut from_store) = (Vec::new(), Vec::new(), 0);
        for site in sites {
            let key = site_key(&study, site.block);
            let grid = site.grid(&study.multipliers);
            from_store += usize::from(bench.recall(&vector, &key, &grid, &desk.archive));
            match bench.complete(&key, &grid) {
                Some(rows) => known.push((site, rows)),
                None => missing.push(site),
            }
        }
        let groups = missing
            .chunks(TOGETHER)
            .map(|sites| Group {
                sites: sites.to_vec(),
                sweep: Sweep::new(sites.to_vec(), &study.multipliers, study.mask, study.edit),
            })
            .collect();
        let inputs = bench.len();
        let mut job = Self {
            run,
            arrived,
            cancel: mailbox.study_cancel(run),
            vector,
            groups,
            judged,
            judging: Pace::default(),
            known,
            first: FIRST.min(inputs),
            inputs,
            pace: Pace::default(),
            from_store,
            total: inputs * missing.len(),
            study,
        };
        job.groups.reverse();
        Ok((!job.tell_known(tell)).then_some(job))
    }

    /// Tells what was known, once every input is judged; `true` where that is all.
    fn tell_known(&mut self, tell: &mut dyn FnMut(StudyNews)) -> bool {
        if !self.judged.is_complete(self.inputs) {
            return false;
        }
        for (site, rows) in std::mem::take(&mut self.known) {
            let rows = self.judged.close(0, rows);
            tell(StudyNews::Sweep(vec![part(&site, 0, rows)]));
        }
        if self.groups.is_empty() {
            self.finish(tell);
        }
        self.groups.is_empty()
    }

    fn finish(&self, tell: &mut dyn FnMut(StudyNews)) {
        tell(StudyNews::Finished {
            elapsed: self.arrived.elapsed(),
            from_store: self.from_store,
        });
    }
}

impl Slices for Job {
    fn run(&self) -> RunId {
        self.run
    }

    fn is_stale(&self) -> bool {
        self.cancel.is_cancelled()
    }

    fn step(
        &mut self,
        desk: &mut Desk,
        gives_way: &Cancel,
        tell: &mut dyn FnMut(StudyNews),
    ) -> Result<bool, Trouble> {
        // Rows of another data set must not get under this one's name.
        let is_here = |desk: &Desk| {
            let bench = desk.bench.as_ref();
            bench.is_some_and(|b| b.id() == self.study.dataset)
        };
        if !is_here(desk) {
            return Ok(false);
        }
        if !self.judged.is_complete(self.inputs) {
            let begin = Instant::now();
            let most = self.judging.inputs();
            let new = self.judged.advance(desk, most, gives_way)?;
            self.judging.took(new, begin.elapsed());
            return Ok(!self.tell_known(tell));
        }
        let Some(bench) = desk.bench.as_mut() else {
            return Ok(false);
        };
        // First all groups get a few inputs, then the last of the list is finished.
        let coarse = (self
            .groups
            .iter()
            .rposition(|g| g.sweep.done() < self.first))
        .unwrap_or(self.groups.len().saturating_sub(1));
        let Some(group) = self.groups.get_mut(coarse) else {
            return Ok(false);
        };
        let begin = Instant::now();
        let from = group.sweep.done();
        let to = match group
            .sweep
            .advance_by(bench.cache(), self.pace.inputs(), gives_way)
        {
            Ok(to) => to,
            // What was asked for in between comes first; the slice is made again after it.
            Err(error) if error.is_cancelled() => return Ok(true),
            Err(error) => return Err(Some((error.id(), error.to_string()))),
        };
        self.pace.took(to - from, begin.elapsed());
        let parts = (group.sites.iter().enumerate())
            .map(|(i, site)| {
                let rows = group.sweep.rows(i).get(from..).unwrap_or(&[]).to_vec();
                part(site, from, self.judged.close(from, rows))
            })
            .collect();
        tell(StudyNews::Sweep(parts));
        if to < self.inputs {
            return Ok(true);
        }
        let group = self.groups.remove(coarse);
        for (site, rows) in group.sweep.into_rows() {
            let key = site_key(&self.study, site.block);
            let grid = site.grid(&self.study.multipliers);
            bench.keep(
                &self.vector,
                &key,
                &grid,
                &rows,
                &desk.archive,
                &desk.model_name,
            );
        }
        if self.groups.is_empty() {
            self.finish(tell);
            return Ok(false);
        }
        Ok(true)
    }

    /// Sites times inputs.
    fn progress(&self) -> (usize, usize) {
        let left: usize = (self.groups.iter())
            .map(|g| g.sites.len() * (self.inputs - g.sweep.done()))
            .sum();
        (self.total - left, self.total)
    }
}

fn site_key(study: &SweepStudy, block: BlockIndex) -> SiteKey {
    SiteKey {
        vector: study.vector.clone(),
        dataset: study.dataset.clone(),
        block,
        mask: study.mask,
        edit: study.edit,
    }
}

fn part(site: &SweepSite, first: usize, rows: Vec<Vec<f32>>) -> SweepPart {
    SweepPart {
        block: site.block,
        unit: match site.unit {
            Unit::Raw | Unit::Given => SweepUnit::Raw,
            Unit::EqualKappa => SweepUnit::EqualKappa,
        },
        scale: site.scale,
        first,
        rows,
    }
}
