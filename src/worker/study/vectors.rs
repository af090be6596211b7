//! Several vectors on the loaded data set, in slices on the engine's thread, beside the histogram whose
//! prompts they use; the files are read on the study's thread before.

use std::sync::Arc;
use std::time::Instant;

use super::slices::{Pace, Slices};
use super::{Room, Trouble};
use crate::engine::Cancel;
use crate::measure::{Placed, PlacedVector, SiteKey, Sweep, SweepUnit, check_multipliers};
use crate::protocol::{Asset, StudyNews, VectorResponse, VectorsStudy, VectorsTable};
use crate::stats::{Bootstrap, steerability};
use crate::steering::SteeringVector;
use crate::steering::format::{ImportOptions, ModelShape};
use crate::units::RunId;
use crate::worker::bench::Bench;
use crate::worker::job::Desk;
use crate::worker::mailbox::Mailbox;

/// Vectors and where each is applied.
#[derive(Debug)]
pub(crate) struct Prepared {
    study: VectorsStudy,
    vectors: Vec<(Asset, PlacedVector)>,
    reference: Option<(String, f32)>,
    /// Which of the loaded inputs are steered, where there is a condition.
    open: Option<Vec<bool>>,
}

/// Reads the vectors. One that cannot be applied is a remark, unless none can.
pub(super) fn prepare(room: &Room<'_>, study: &VectorsStudy) -> Result<Prepared, Trouble> {
    check_multipliers(&study.multipliers).map_err(|e| room.trouble(e.id(), &e))?;
    let mut vectors = Vec::new();
    for (i, asset) in study.vectors.iter().enumerate() {
        room.check()?;
        room.progress(i, study.vectors.len());
        match place(room, study, asset) {
            Ok(placed) => vectors.push((asset.clone(), placed)),
            Err(words) => room.remark(format!("'{}' left out: {words}", asset.label())),
        }
    }
    let mut reference = None;
    if let Some(asset) = &study.equal_kappa {
        // Operators that read angles or subspaces do not see the length.
        let named = vectors
            .iter()
            .find(|(a, v)| a == asset && v.kappa.is_some());
        let any = || vectors.iter().find(|(_, v)| v.kappa.is_some());
        let of = (named.or_else(any)).filter(|_| study.edit.operator.scales_with_norm());
        reference = of.and_then(|(_, v)| Some((v.vector.name.clone(), v.kappa?)));
        let Some((_, kappa)) = &reference else {
            let words = if study.edit.operator.scales_with_norm() {
                "no vector's κ is known: compare them as they are".to_owned()
            } else {
                format!(
                    "{} does not depend on the length: compare vectors as they are",
                    study.edit.operator
                )
            };
            return Err(Some(("no-kappa", words)));
        };
        let mut scaled = Vec::new();
        for (asset, placed) in vectors {
            let name = placed.vector.name.clone();
            match placed.at_kappa(*kappa) {
                Some(placed) => scaled.push((asset, placed)),
                None => room.remark(format!("'{name}' left out: its κ is not known")),
            }
        }
        vectors = scaled;
    }
    if vectors.is_empty() {
        let words = "none of the vectors can be applied here; F2 says why for each".to_owned();
        return Err(Some(("no-vectors", words)));
    }
    let open = match (&room.loaded, &study.condition) {
        (Some(loaded), Some(condition)) => room.open(Some(condition), &loaded.id, &loaded.set)?,
        _ => None,
    };
    Ok(Prepared {
        study: study.clone(),
        vectors,
        reference,
        open,
    })
}

fn place(room: &Room<'_>, study: &VectorsStudy, asset: &Asset) -> Result<PlacedVector, String> {
    let model = room.model;
    let (n_blocks, hidden_size) = (model.n_blocks(), model.hidden_size());
    let options = ImportOptions {
        model: Some(ModelShape {
            n_blocks,
            hidden_size,
        }),
        ..ImportOptions::default()
    };
    let vector = (room.library)
        .import_vector(asset, &options)
        .map_err(|e| e.to_string())?
        .vector;
    vector
        .fit(room.model_name, model.hash(), n_blocks, hidden_size)
        .map_err(|e| e.to_string())?;
    PlacedVector::new(
        Arc::new(vector),
        study.block,
        study.own_blocks,
        study.edit,
        &room.norms,
    )
    .map_err(|e| e.to_string())
}

/// One vector's part of the table.
struct Line {
    /// Its place among the sites that are being measured; `None`: it was known.
    measured: Option<usize>,
    report: VectorResponse,
}

/// The slices over the loaded inputs.
pub(crate) struct Job {
    run: RunId,
    arrived: Instant,
    cancel: Cancel,
    prepared: Prepared,
    lines: Vec<Line>,
    sweep: Sweep,
    from_store: usize,
    total: usize,
    pace: Pace,
}

impl Job {
    /// Reports what is known already. `None`: that is all, or the data set is another one by now.
    pub(crate) fn start(
        run: RunId,
        prepared: Prepared,
        arrived: Instant,
        desk: &mut Desk,
        mailbox: &Mailbox,
        tell: &mut dyn FnMut(StudyNews),
    ) -> Result<Option<Self>, Trouble> {
        let study = &prepared.study;
        let Some(bench) = (desk.bench.as_mut()).filter(|b| b.id() == study.dataset) else {
            return Ok(None);
        };
        let unit = match prepared.reference {
            Some(_) => SweepUnit::EqualKappa,
            None => SweepUnit::Raw,
        };
        let (mut sites, mut lines, mut from_store) = (Vec::new(), Vec::new(), 0);
        for (asset, placed) in &prepared.vectors {
            let (key, grid) = (key(study, placed), placed.grid(&study.multipliers));
            let found = bench.recall(&placed.vector, &key, &grid, &desk.archive);
            let mut report = report(asset, placed, found);
            let measured = if let Some(rows) = bench.complete(&key, &grid) {
                from_store += usize::from(found);
                let open = prepared.open.as_deref();
                fill(&mut report, &study.multipliers, &rows, open, true);
                None
            } else {
                let site = placed.site(unit);
                sites.push(site.map_err(|e| Some((e.id(), e.to_string())))?);
                Some(sites.len() - 1)
            };
            lines.push(Line { measured, report });
        }
        let left = sites.len();
        let job = Self {
            run,
            arrived,
            cancel: mailbox.study_cancel(run),
            sweep: Sweep::new(sites, &study.multipliers, study.mask, study.edit),
            prepared,
            lines,
            from_store,
            total: bench.len(),
            pace: Pace::default(),
        };
        tell(job.table());
        if left == 0 {
            tell(job.finished());
            return Ok(None);
        }
        Ok(Some(job))
    }

    fn finished(&self) -> StudyNews {
        StudyNews::Finished {
            elapsed: self.arrived.elapsed(),
            from_store: self.from_store,
        }
    }

    fn done(&self) -> usize {
        let fewest = self.lines.iter().map(|l| l.report.slopes.len()).min();
        fewest.unwrap_or(self.total)
    }

    fn table(&self) -> StudyNews {
        StudyNews::Vectors(Box::new(VectorsTable {
            rows: self.lines.iter().map(|l| l.report.clone()).collect(),
            reference: self.prepared.reference.clone(),
            inputs: (self.done(), self.total),
        }))
    }

    fn keep(&self, bench: &mut Bench, desk: &Kept<'_>) {
        let study = &self.prepared.study;
        for (line, (_, placed)) in self.lines.iter().zip(&self.prepared.vectors) {
            let Some(site) = line.measured else { continue };
            let (key, grid) = (key(study, placed), placed.grid(&study.multipliers));
            let rows = self.sweep.rows(site);
            let vector: &SteeringVector = &placed.vector;
            bench.keep(vector, &key, &grid, rows, desk.archive, desk.model_name);
        }
    }
}

/// What a finished grid is kept with.
struct Kept<'a> {
    archive: &'a crate::worker::archive::Archive,
    model_name: &'a str,
}

fn key(study: &VectorsStudy, placed: &PlacedVector) -> SiteKey {
    SiteKey {
        vector: placed.vector.id(),
        dataset: study.dataset.clone(),
        block: placed.block,
        mask: study.mask,
        edit: study.edit,
    }
}

fn report(asset: &Asset, placed: &PlacedVector, from_store: bool) -> VectorResponse {
    VectorResponse {
        asset: asset.clone(),
        name: placed.vector.name.clone(),
        block: placed.block.0,
        recommended: placed.placed == Placed::Recommended,
        norm: placed.vector.norm(placed.block).unwrap_or(f32::NAN),
        kappa: placed.kappa.map(|k| k * placed.scale),
        scale: placed.scale,
        slopes: Vec::new(),
        interval: None,
        from_store,
    }
}

/// Slopes are per unit of the common multiplier, whatever that is in units of the vector.
/// An input that is not steered has slope 0 under every vector.
fn fill(
    report: &mut VectorResponse,
    multipliers: &[f32],
    rows: &[Vec<f32>],
    open: Option<&[bool]>,
    all: bool,
) {
    let closed = |i: usize| open.is_some_and(|open| open.get(i) == Some(&false));
    let slope = |(i, row): (usize, &Vec<f32>)| match steerability(multipliers, row) {
        _ if closed(i) => 0.0,
        slope => slope.map_or(f32::NAN, |s| s as f32),
    };
    let known = report.slopes.len();
    let new = rows.iter().enumerate().skip(known).map(slope);
    report.slopes.extend(new);
    if all {
        let finite = report.slopes.iter().map(|s| f64::from(*s));
        let finite: Vec<f64> = finite.filter(|s| s.is_finite()).collect();
        let interval = Bootstrap::default().mean(&finite);
        report.interval = interval.map(|i| (i.low, i.high));
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
        let dataset = &self.prepared.study.dataset;
        let Some(bench) = (desk.bench.as_mut()).filter(|b| b.id() == dataset) else {
            return Ok(false);
        };
        let (begin, from) = (Instant::now(), self.sweep.done());
        let inputs = self.pace.inputs();
        let to = match self.sweep.advance_by(bench.cache(), inputs, gives_way) {
            Ok(to) => to,
            // What was asked for in between comes first; the slice is made again after it.
            Err(error) if error.is_cancelled() => return Ok(true),
            Err(error) => return Err(Some((error.id(), error.to_string()))),
        };
        self.pace.took(to - from, begin.elapsed());
        let ended = to >= self.total;
        for line in &mut self.lines {
            if let Some(site) = line.measured {
                let multipliers = &self.prepared.study.multipliers;
                let (rows, open) = (self.sweep.rows(site), self.prepared.open.as_deref());
                fill(&mut line.report, multipliers, rows, open, ended);
            }
        }
        tell(self.table());
        if !ended {
            return Ok(true);
        }
        let kept = Kept {
            archive: &desk.archive,
            model_name: &desk.model_name,
        };
        self.keep(bench, &kept);
        tell(self.finished());
        Ok(false)
    }

    fn progress(&self) -> (usize, usize) {
        (self.sweep.done(), self.total)
    }
}
