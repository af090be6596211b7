//! A vector against its controls, in slices on the engine's thread; the pairs behind the shuffled labels
//! and the prompted baseline are read on the study's thread before.

use std::time::Instant;

use super::slices::{Pace, Slices};
use super::{Room, Trouble, datasets, rows};
use crate::engine::{Cancel, Model};
use crate::measure::controls::{
    self, Control, ControlDirection, ControlSlopes, RANDOM, drawn, other, shuffled,
};
use crate::measure::shift::{SentenceFile, Sentences};
use crate::measure::{Asked, ControlsAsked, Protocol, controls_question, system_text_changes};
use crate::protocol::{ControlGroup, ControlReport, ControlsStudy, ControlsTable, StudyNews};
use crate::steering::dataset::Dataset;
use crate::steering::{SteeringVector, pair_activations};
use crate::store::{Names, Question};
use crate::units::{BlockIndex, RunId};
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
    question: Question,
    directions: Vec<ControlDirection>,
    /// Which of the loaded inputs are steered, where there is a condition.
    open: Option<Vec<bool>>,
    /// What is known, and grows with the slices.
    slopes: ControlSlopes,
}

/// Draws and reads the directions. `None`: the run store had the answer, which was told.
pub(super) fn prepare(room: &Room<'_>, study: &ControlsStudy) -> Result<Option<Prepared>, Trouble> {
    let vector = room.vector.clone().filter(|v| v.id() == study.vector);
    let vector = vector.ok_or(None)?;
    let direction = vector
        .direction(study.block)
        .map_err(|e| room.trouble(e.id(), &e))?;
    let asked = room.asked(&study.asking)?;
    let dataset = datasets::load(room, &study.pairs, &asked)?;
    let (others, mut remarks) = others(room, study);
    let sentences = sentences(room, &dataset)?;
    let question = question(room, study, &vector, &dataset, &others, &sentences)?;
    let open = match (&room.loaded, &study.condition) {
        (Some(loaded), Some(condition)) => room.open(Some(condition), &loaded.id, &loaded.set)?,
        _ => None,
    };
    if let Some(known) = room.archive.answer::<ControlSlopes>(&question) {
        for words in &known.remarks {
            room.remark(words.clone());
        }
        let total = known.inputs();
        let report = table(&known, open.as_deref(), total);
        room.news(StudyNews::Controls(Box::new(report)));
        return Ok(None);
    }
    let length = controls::length(direction);
    let mut directions = vec![ControlDirection {
        control: Control::Vector,
        direction: direction.to_vec(),
    }];
    directions.extend(drawn(direction, RANDOM, SEED));
    let key = (study.dataset.clone(), study.block.0);
    let mut told = |i: usize, n: usize| room.progress(60 * i / n.max(1), 100);
    let pairs = (room.shelf.differences).get(key, || {
        let (model, cancel) = (room.model, room.cancel);
        pairs_of(model, (&dataset, &asked), study.block, &mut told, cancel)
    });
    match pairs {
        Ok(pairs) => directions.extend(shuffled(&pairs, length, SHUFFLED, SEED)),
        Err(None) => return Err(None),
        Err(Some((_, words))) => remarks.push(format!("no shuffled labels: {words}")),
    }
    directions.extend(others.iter().filter_map(|theirs| {
        let there = theirs.direction(study.block).ok()?;
        other(&theirs.name, there, direction)
    }));
    let key = study.dataset.clone();
    let prompted = || prompted(room, (&dataset, &asked), &sentences);
    let system_text = match room.shelf.prompted.get(key, prompted) {
        Ok(changes) => changes.to_vec(),
        Err(None) => return Err(None),
        Err(Some((_, words))) => {
            remarks.push(format!("no prompted baseline: {words}"));
            Vec::new()
        }
    };
    for words in &remarks {
        room.remark(words.clone());
    }
    let slopes = ControlSlopes {
        system_text,
        remarks,
        ..ControlSlopes::new(&directions)
    };
    Ok(Some(Prepared {
        study: study.clone(),
        question,
        directions,
        open,
        slopes,
    }))
}

/// Vectors of other behaviours, and what is to be said of those that cannot be read.
fn others(room: &Room<'_>, study: &ControlsStudy) -> (Vec<SteeringVector>, Vec<String>) {
    let (mut read, mut remarks) = (Vec::new(), Vec::new());
    for asset in &study.others {
        match room.library.load_vector(asset) {
            Ok(v) if v.id() == study.vector => {}
            Ok(v) => read.push(v),
            Err(error) => remarks.push(format!("'{}' left out: {error}", asset.label())),
        }
    }
    (read, remarks)
}

fn sentences(room: &Room<'_>, dataset: &Dataset) -> Result<Sentences, Trouble> {
    let bundled = SentenceFile::bundled().map_err(|e| room.trouble(e.id(), &e))?;
    Ok(match bundled.get(&dataset.name) {
        Some(known) => known.clone(),
        None => Sentences::from_name(&dataset.name),
    })
}

/// What the answer is kept under; the data set is another one by now where there is no such set.
fn question(
    room: &Room<'_>,
    study: &ControlsStudy,
    vector: &SteeringVector,
    dataset: &Dataset,
    others: &[SteeringVector],
    sentences: &Sentences,
) -> Result<Question, Trouble> {
    let loaded = room.loaded.as_ref();
    let loaded = loaded.filter(|l| l.id == study.dataset).ok_or(None)?;
    let (block, mask, grid) = (study.block, study.mask, &study.multipliers);
    let protocol = Protocol::new(block, mask, grid, loaded.split.clone())
        .with_edit(study.edit)
        .on(room.model);
    let protocol = loaded.asked.stamp(protocol);
    let asked = ControlsAsked {
        random: RANDOM,
        shuffled: SHUFFLED,
        seed: SEED,
        pairs: &dataset.id,
        others: others.iter().map(|v| (v.name.clone(), v.id())).collect(),
        sentence: &sentences.positive,
    };
    let set = &loaded.set;
    let names = Names {
        model: room.model_name.to_owned(),
        vector: vector.name.clone(),
        dataset: set.dataset.clone(),
    };
    Ok(controls_question(
        room.model, vector, set, &protocol, names, &asked,
    ))
}

/// Differences of the training pairs at the block, as they are asked.
pub(in crate::worker) fn pairs_of(
    model: &Model,
    (dataset, asked): (&Dataset, &Asked),
    block: BlockIndex,
    progress: &mut dyn FnMut(usize, usize),
    cancel: &Cancel,
) -> Result<Vec<Vec<f32>>, Trouble> {
    let told = |id: &'static str, error: &dyn std::fmt::Display| -> Trouble {
        (!cancel.is_cancelled()).then(|| (id, error.to_string()))
    };
    let pairs = rows::training(model, dataset, asked).map_err(|e| told(e.id(), &e))?;
    let read =
        pair_activations(model, &pairs, block, progress, cancel).map_err(|e| told(e.id(), &e))?;
    Ok(read.differences())
}

/// Change of the unsteered propensity when the positive sentence is the system text.
fn prompted(
    room: &Room<'_>,
    (dataset, asked): (&Dataset, &Asked),
    sentences: &Sentences,
) -> Result<Vec<f32>, Trouble> {
    // The settings of the baseline word the rows themselves.
    let part = rows::part(asked, dataset, room.inputs).map_err(|e| room.trouble(e.id(), &e))?;
    let mut told = |i: usize, n: usize| room.progress(60 + 40 * i / n.max(1), 100);
    let options = room.memory.study(room.model);
    system_text_changes(
        room.model,
        dataset,
        &part.0,
        sentences,
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
            prepared,
            total: bench.len(),
            pace: Pace::default(),
        })
    }

    fn done(&self) -> usize {
        self.prepared.slopes.inputs()
    }
}

/// The figures over the inputs so far, as they are shown. Slopes are kept without a condition, under which
/// that of an input that is not steered is 0 for every direction.
fn table(all: &ControlSlopes, open: Option<&[bool]>, total: usize) -> ControlsTable {
    let all = &open.map_or_else(|| all.clone(), |open| all.under(open));
    let controls = all.figures();
    let mut groups: Vec<ControlReport> = Vec::new();
    for (i, row) in controls.rows.iter().enumerate() {
        let (group, name) = group(&row.control);
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
            report.slopes.extend(all.of(i).iter().map(|s| *s as f32));
        }
    }
    if !all.system_text.is_empty() {
        let wide: Vec<f64> = all.system_text.iter().map(|x| f64::from(*x)).collect();
        groups.push(ControlReport {
            group: ControlGroup::Prompt,
            name: String::new(),
            means: crate::stats::mean(&wide).into_iter().collect(),
            slopes: all.system_text.clone(),
        });
    }
    ControlsTable {
        groups,
        z_random: controls.z_random,
        z_shuffled: controls.z_shuffled,
        inputs: (all.inputs(), total),
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
        self.prepared.slopes.extend(new);
        let open = self.prepared.open.as_deref();
        let report = table(&self.prepared.slopes, open, total);
        tell(StudyNews::Controls(Box::new(report)));
        if to < total {
            return Ok(true);
        }
        let question = self.prepared.question.clone();
        (desk.archive).put_answer(question, &self.prepared.slopes);
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
