//! A vector against its controls, in slices on the engine's thread; the pairs behind the shuffled labels
//! and the prompted baseline are read on the study's thread before.

use std::time::Instant;

use super::slices::{Pace, Slices};
use super::{Room, Trouble, datasets, rows};
use crate::engine::Cancel;
use crate::measure::controls::{
    self, Control, ControlDirection, Controls, RANDOM, drawn, other, shuffled,
};
use crate::measure::shift::{SentenceFile, Sentences};
use crate::measure::{Asked, system_text_changes};
use crate::protocol::{ControlGroup, ControlReport, ControlsStudy, ControlsTable, StudyNews};
use crate::steering::dataset::Dataset;
use crate::steering::pair_activations;
use crate::units::RunId;
use crate::worker::job::Desk;
use crate::worker::mailbox::Mailbox;

/// Shuffled-label vectors drawn.
const SHUFFLED: usize = 8;
/// Seed of all directions.
const SEED: u64 = 0;

/// What is read before the slices.
#[derive(Debug)]
pub(crate) struct Prepared {
    study: ControlsStudy,
    directions: Vec<ControlDirection>,
    /// What the sentence as system text changes in each input's propensity.
    prompt: Vec<f32>,
}

/// Draws and reads the directions; `None` while the vector is another one by now.
pub(super) fn prepare(room: &Room<'_>, study: &ControlsStudy) -> Result<Prepared, Trouble> {
    let vector = room.vector.clone().filter(|v| v.id() == study.vector);
    let vector = vector.ok_or(None)?;
    let direction = vector
        .direction(study.block)
        .map_err(|e| room.trouble(e.id(), &e))?;
    let length = controls::length(direction);
    let mut directions = vec![ControlDirection {
        control: Control::Vector,
        direction: direction.to_vec(),
    }];
    directions.extend(drawn(direction, RANDOM, SEED));
    let asked = room.asked(&study.asking)?;
    let dataset = datasets::load(room, &study.pairs, &asked)?;
    let key = (study.dataset.clone(), study.block.0);
    let pairs = room
        .shelf
        .differences
        .get(key, || differences(room, study, &dataset, &asked));
    match pairs {
        Ok(pairs) => directions.extend(shuffled(&pairs, length, SHUFFLED, SEED)),
        Err(None) => return Err(None),
        Err(Some((_, words))) => room.remark(format!("no shuffled labels: {words}")),
    }
    for asset in &study.others {
        match room.library.load_vector(asset) {
            Ok(v) if v.id() == study.vector => {}
            Ok(v) => directions.extend(
                v.direction(study.block)
                    .ok()
                    .and_then(|w| other(&v.name, w, direction)),
            ),
            Err(error) => room.remark(format!("'{}' left out: {error}", asset.label())),
        }
    }
    let key = study.dataset.clone();
    let prompt = match (room.shelf.prompted).get(key, || prompted(room, &dataset, &asked)) {
        Ok(changes) => changes.to_vec(),
        Err(None) => return Err(None),
        Err(Some((_, words))) => {
            room.remark(format!("no prompted baseline: {words}"));
            Vec::new()
        }
    };
    Ok(Prepared {
        study: study.clone(),
        directions,
        prompt,
    })
}

/// Differences of the training pairs at the block.
fn differences(
    room: &Room<'_>,
    study: &ControlsStudy,
    dataset: &Dataset,
    asked: &Asked,
) -> Result<Vec<Vec<f32>>, Trouble> {
    let model = room.model;
    let pairs = rows::training(room, dataset, asked)?;
    let mut told = |i: usize, n: usize| room.progress(60 * i / n.max(1), 100);
    let read = pair_activations(model, &pairs, study.block, &mut told, room.cancel)
        .map_err(|e| room.trouble(e.id(), &e))?;
    Ok(read.differences())
}

/// Change of the unsteered propensity when the positive sentence is the system text.
fn prompted(room: &Room<'_>, dataset: &Dataset, asked: &Asked) -> Result<Vec<f32>, Trouble> {
    let bundled = SentenceFile::bundled().map_err(|e| room.trouble(e.id(), &e))?;
    let sentences = match bundled.get(&dataset.name) {
        Some(known) => known.clone(),
        None => Sentences::from_name(&dataset.name),
    };
    // The settings of the baseline word the rows themselves.
    let part = rows::part(asked, dataset, room.inputs).map_err(|e| room.trouble(e.id(), &e))?;
    let mut told = |i: usize, n: usize| room.progress(60 + 40 * i / n.max(1), 100);
    let options = room.memory.study(room.model);
    system_text_changes(
        room.model,
        dataset,
        &part.0,
        &sentences,
        options,
        &mut told,
        room.cancel,
    )
    .map_err(|e| room.trouble(e.id(), &e))
}

/// The slices over the loaded inputs.
pub(crate) struct Job {
    run: RunId,
    arrived: Instant,
    cancel: Cancel,
    prepared: Prepared,
    /// Per direction, a slope for each input so far.
    slopes: Vec<Vec<f64>>,
    total: usize,
    pace: Pace,
}

impl Job {
    /// `None` where the data set is another one by now.
    pub(crate) fn start(
        run: RunId,
        prepared: Prepared,
        arrived: Instant,
        desk: &Desk,
        mailbox: &Mailbox,
    ) -> Option<Self> {
        let bench = desk.bench.as_ref()?;
        (bench.id() == prepared.study.dataset).then(|| Self {
            run,
            arrived,
            cancel: mailbox.study_cancel(run),
            slopes: vec![Vec::new(); prepared.directions.len()],
            prepared,
            total: bench.len(),
            pace: Pace::default(),
        })
    }

    fn table(&self, total: usize) -> ControlsTable {
        let controls = Controls::of(&self.prepared.directions, &self.slopes);
        let mut groups: Vec<ControlReport> = Vec::new();
        for ((direction, slopes), row) in
            (self.prepared.directions.iter().zip(&self.slopes)).zip(&controls.rows)
        {
            let (group, name) = group(&direction.control);
            let same = groups
                .last()
                .is_some_and(|g| g.group == group && g.name == name);
            if !same {
                groups.push(ControlReport {
                    group,
                    name,
                    means: Vec::new(),
                    slopes: Vec::new(),
                });
            }
            if let Some(report) = groups.last_mut() {
                report.means.extend(row.summary.mean);
                report.slopes.extend(slopes.iter().map(|s| *s as f32));
            }
        }
        let prompt = &self.prepared.prompt;
        if !prompt.is_empty() {
            let wide: Vec<f64> = prompt.iter().map(|x| f64::from(*x)).collect();
            groups.push(ControlReport {
                group: ControlGroup::Prompt,
                name: String::new(),
                means: crate::stats::mean(&wide).into_iter().collect(),
                slopes: prompt.clone(),
            });
        }
        ControlsTable {
            groups,
            z_random: controls.z_random,
            z_shuffled: controls.z_shuffled,
            inputs: (self.done(), total),
        }
    }

    fn done(&self) -> usize {
        self.slopes.first().map_or(0, Vec::len)
    }
}

fn group(control: &Control) -> (ControlGroup, String) {
    let none = String::new();
    match control {
        Control::Vector => (ControlGroup::Vector, none),
        Control::Reversed => (ControlGroup::Reversed, none),
        Control::Random(_) => (ControlGroup::Random, none),
        Control::Orthogonal(_) => (ControlGroup::Orthogonal, none),
        Control::Permuted => (ControlGroup::Permuted, none),
        Control::Shuffled(_) => (ControlGroup::Shuffled, none),
        Control::Other(name) => (ControlGroup::Other, name.clone()),
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
        let (from, total) = (self.done(), bench.len());
        let to = total.min(from + self.pace.inputs());
        let study = &self.prepared.study;
        let begin = Instant::now();
        let new = controls::slopes(
            bench.cache(),
            &self.prepared.directions,
            (study.block, study.mask, study.edit),
            &study.multipliers,
            from..to,
            gives_way,
        );
        let new = match new {
            Ok(new) => new,
            Err(error) if error.is_cancelled() => return Ok(true),
            Err(error) => return Err(Some((error.id(), error.to_string()))),
        };
        self.pace.took(to - from, begin.elapsed());
        for (all, new) in self.slopes.iter_mut().zip(new) {
            all.extend(new);
        }
        tell(StudyNews::Controls(Box::new(self.table(total))));
        if to < total {
            return Ok(true);
        }
        tell(StudyNews::Finished {
            elapsed: self.arrived.elapsed(),
            from_store: 0,
        });
        Ok(false)
    }

    fn progress(&self) -> (usize, usize) {
        (self.done(), self.total)
    }
}
