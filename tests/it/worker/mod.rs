//! The engine's thread with the bundled model: studies, what they share with the histogram, and what
//! is found again in the run store.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a failed unwrap is a failed test, and exact figures are meant exactly"
)]

mod asked;
mod condition;
mod conditioned;
mod extraction;
mod kept;
mod several;
mod studies;
mod texts;

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use steerscope::protocol::{
    Asking, Asset, Command, DatasetInfo, Event, Factor, MeasureRequest, ModelSource, ProbeRequest,
    PromptPart, Stage, Study, StudyNews, StudyRequest, VectorChange, VectorInfo, Verdict,
};
use steerscope::units::{BlockIndex, DEFAULT_MULTIPLIERS, Mask, RunId};
use steerscope::worker::{Options, Worker};

/// Inputs measured live in these tests.
const INPUTS: usize = 12;
/// Longest wait for anything; a busy machine is slow.
const LIMIT: Duration = Duration::from_secs(120);

/// A worker with the bundled model, a vector and a data set.
struct Bench {
    worker: Worker,
    events: Receiver<Event>,
    vector: VectorInfo,
    dataset: DatasetInfo,
    runs: u64,
}

impl Bench {
    fn start(store: Option<&Path>) -> Self {
        let (sender, events) = channel();
        let options = Options {
            inputs: INPUTS,
            store: store.map(Path::to_owned),
            ..Options::default()
        };
        let worker = Worker::start(options, move |event| {
            // The test may be over.
            let _ = sender.send(event);
        })
        .unwrap();
        worker.send(Command::LoadModel(ModelSource::Bundled));
        worker.send(Command::LoadVector(Asset::Bundled("kindness".into())));
        worker.send(Command::LoadDataset(
            Asset::Bundled("kindness".into()),
            Asking::default(),
        ));
        let (mut vector, mut dataset) = (None, None);
        while vector.is_none() || dataset.is_none() {
            match events.recv_timeout(LIMIT).expect("loads end") {
                Event::VectorLoaded(info) => vector = Some(info),
                Event::DatasetLoaded(info) => dataset = Some(info),
                Event::Failed(failure) => panic!("{failure:?}"),
                _ => {}
            }
        }
        Self {
            worker,
            events,
            vector: vector.unwrap(),
            dataset: dataset.unwrap(),
            runs: 0,
        }
    }

    fn study(&mut self, study: Study) -> RunId {
        self.runs += 1;
        let run = RunId(self.runs);
        self.worker
            .send(Command::Study(StudyRequest { run, study }));
        run
    }

    fn measure(&mut self, block: usize) -> RunId {
        self.runs += 1;
        let run = RunId(self.runs);
        self.worker.send(Command::Measure(MeasureRequest {
            condition: None,
            edit: steerscope::units::Edit::ADD,
            run,
            vector: self.vector.id.clone(),
            dataset: self.dataset.id.clone(),
            block: BlockIndex(block),
            mask: Mask::default(),
            multipliers: DEFAULT_MULTIPLIERS.to_vec(),
            probe: None,
        }));
        run
    }

    /// Everything up to the end of a study: its news and the failures.
    fn news(&self, run: RunId) -> Vec<StudyNews> {
        let mut all = Vec::new();
        let end = Instant::now() + LIMIT;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left).expect("the study ends") {
                Event::Study { run: r, news } if r == run => {
                    let done = matches!(news, StudyNews::Finished { .. });
                    all.push(news);
                    if done {
                        return all;
                    }
                }
                Event::Failed(failure) => panic!("{failure:?}"),
                _ => {}
            }
        }
    }

    /// Slopes by input of a measurement, and whether they were kept figures.
    fn measured(&self, run: RunId) -> (Vec<Vec<f32>>, bool) {
        let mut rows = vec![Vec::new(); self.dataset.items.len()];
        loop {
            match self.events.recv_timeout(LIMIT).expect("it ends") {
                Event::Measured { run: r, results } if r == run => {
                    for result in results {
                        rows[result.index] = result.propensity;
                    }
                }
                Event::MeasureFinished {
                    run: r, from_cache, ..
                } if r == run => return (rows, from_cache),
                Event::Failed(failure) => panic!("{failure:?}"),
                _ => {}
            }
        }
    }

    fn end(self) {
        self.worker.shutdown(LIMIT);
    }
}

/// The next event that `pick` wants.
fn wait<T>(bench: &Bench, mut pick: impl FnMut(Event) -> Option<T>) -> T {
    loop {
        let event = bench.events.recv_timeout(LIMIT).expect("it comes");
        if let Some(found) = pick(event) {
            return found;
        }
    }
}

#[test]
fn a_receipt_comes_check_by_check_and_holds_for_a_shipped_vector() {
    let bench = Bench::start(None);
    let request = ProbeRequest {
        run: RunId(70),
        vector: bench.vector.id.clone(),
        block: BlockIndex(2),
        edit: steerscope::units::Edit::ADD,
        mask: Mask::default(),
        coefficient: 0.7,
        prompt: "Once upon a time".to_owned(),
        chat: None,
    };
    bench.worker.send(Command::Probe(request.clone()));
    let mut seen = 0;
    let report = wait(&bench, |event| match event {
        Event::Receipt {
            run: RunId(70),
            report,
        } => {
            seen += 1;
            assert_eq!(report.lines.len(), seen);
            report.is_complete().then_some(report)
        }
        Event::Failed(failure) => panic!("{failure:?}"),
        _ => None,
    });
    assert!(report.verdict() < Verdict::Fail, "{report:?}");
    assert!(
        report.max_projection.is_some(),
        "the vector's own pairs are shipped"
    );
    assert!(serde_json::from_str::<serde_json::Value>(&report.json).is_ok());
    // A block without a direction is refused, and the request says so.
    bench.worker.send(Command::Probe(ProbeRequest {
        run: RunId(71),
        block: BlockIndex(99),
        ..request
    }));
    let failure = wait(&bench, |event| match event {
        Event::Failed(failure) => Some(failure),
        _ => None,
    });
    assert_eq!(
        (failure.run, failure.stage),
        (Some(RunId(71)), Stage::Probe)
    );
}

#[test]
fn vectors_are_surveyed_changed_and_saved() {
    let folder = tempfile::tempdir().unwrap();
    let (sender, events) = channel();
    let options = Options {
        data: Some(folder.path().to_owned()),
        ..Options::default()
    };
    let worker = Worker::start(options, move |event| {
        // The test may be over.
        let _ = sender.send(event);
    })
    .unwrap();
    let next = |wanted: &dyn Fn(&Event) -> bool| loop {
        let event = events.recv_timeout(LIMIT).expect("it comes");
        if wanted(&event) {
            return event;
        }
    };
    worker.send(Command::LoadModel(ModelSource::Bundled));
    let kindness = Asset::Bundled("kindness".into());
    let changed = kindness
        .with(VectorChange::Flip)
        .with(VectorChange::Scale(Factor(0.5)))
        .with(VectorChange::Shift(1));
    let missing = Asset::File(folder.path().join("none.pt"));
    let all = vec![kindness.clone(), changed.clone(), missing];
    worker.send(Command::Survey(all));
    let Event::Survey(survey) = next(&|e| matches!(e, Event::Survey(_))) else {
        panic!("a survey");
    };
    let facts = |i: usize| survey.entries[i].1.as_ref().unwrap();
    let (own, other) = (facts(0), facts(1));
    assert!((own.norms[2].unwrap() * 0.5 - other.norms[3].unwrap()).abs() < 1e-3);
    assert_eq!(other.norms[0], None, "nothing moved there");
    assert!((own.across[0].unwrap() - 1.0).abs() < 1e-6);
    assert!(survey.entries[2].1.is_err());
    let same = survey.cosine(3, 0, 1, false).unwrap();
    assert!(
        same < 0.0 && same > -1.0,
        "turned, and of another block: {same}"
    );
    assert!(own.card.iter().any(|(name, _)| name == "about"));

    worker.send(Command::SaveVector(changed.clone(), "turned".to_owned()));
    let saved = next(&|e| matches!(e, Event::Saved(_)));
    let path = folder.path().join("vectors/turned.safetensors");
    assert_eq!(saved, Event::Saved(path.clone()));
    let vector = steerscope::steering::SteeringVector::load(&path).unwrap();
    assert_eq!(vector.name, "turned");
    assert_eq!(vector.metadata["source_shift"], "+1");
    worker.send(Command::Survey(vec![Asset::File(path)]));
    let Event::Survey(survey) = next(&|e| matches!(e, Event::Survey(_))) else {
        panic!("a survey");
    };
    assert_eq!(
        survey.entries[0].1.as_ref().unwrap().id,
        other.id,
        "the same numbers"
    );
    for name in ["turned", "../out", ""] {
        worker.send(Command::SaveVector(changed.clone(), name.to_owned()));
        let failed = next(&|e| matches!(e, Event::Failed(_) | Event::Saved(_)));
        assert!(matches!(failed, Event::Failed(_)), "{name}");
    }
}

#[test]
fn a_prompt_is_reported_token_by_token() {
    let bench = Bench::start(None);
    bench.worker.send(Command::ReadPrompt {
        run: RunId(5),
        prompt: "Once upon a time".to_owned(),
        chat: None,
    });
    let tokens = wait(&bench, |event| match event {
        Event::PromptRead {
            run: RunId(5),
            tokens,
        } => Some(tokens),
        _ => None,
    });
    let words: String = tokens
        .iter()
        .filter(|t| t.part == PromptPart::User)
        .map(|t| t.text.as_str())
        .collect();
    assert_eq!(words.trim_start(), "Once upon a time");
}

/// A worker with a data folder of its own, and what it says.
pub fn with_folder(folder: &Path) -> (Worker, Receiver<Event>) {
    let (sender, events) = channel();
    let options = Options {
        data: Some(folder.to_owned()),
        ..Options::default()
    };
    let worker = Worker::start(options, move |event| {
        // The test may be over.
        let _ = sender.send(event);
    })
    .unwrap();
    worker.send(Command::LoadModel(ModelSource::Bundled));
    (worker, events)
}

#[test]
fn a_file_that_does_not_say_enough_is_asked_about_and_then_loaded() {
    use steerscope::units::{FileFact, OpenQuestion, RowsAre};
    let folder = tempfile::tempdir().unwrap();
    let (worker, events) = with_folder(folder.path());
    let Event::ModelLoaded { info, .. } = (loop {
        let event = events.recv_timeout(LIMIT).expect("a model");
        if matches!(event, Event::ModelLoaded { .. }) {
            break event;
        }
    }) else {
        panic!("a model");
    };
    // Three rows are neither all blocks nor all hidden states.
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': (3, {}), }}",
        info.hidden_size
    );
    header.push_str(&" ".repeat((64 - (10 + header.len() + 1) % 64) % 64));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    bytes.extend(header.as_bytes());
    for i in 0..3 * info.hidden_size {
        bytes.extend((i as f32).sin().to_le_bytes());
    }
    let path = folder.path().join("axes.npy");
    std::fs::write(&path, bytes).unwrap();
    let mut asset = Asset::File(path);
    let mut asked = Vec::new();
    for fact in [
        Some(FileFact::Rows(RowsAre::Concepts)),
        Some(FileFact::Row(1)),
        Some(FileFact::Layer(2)),
        None,
    ] {
        worker.send(Command::LoadVector(asset.clone()));
        let event = loop {
            let event = events.recv_timeout(LIMIT).expect("an answer");
            if matches!(
                event,
                Event::Asked(_) | Event::VectorLoaded(_) | Event::Failed(_)
            ) {
                break event;
            }
        };
        match (event, fact) {
            (Event::Asked(question), Some(fact)) => {
                assert!(!question.words.contains("--"), "{}", question.words);
                asked.push(question.open);
                asset = asset.with(VectorChange::Told(fact));
            }
            (Event::VectorLoaded(info), None) => {
                assert!(info.norms[2].is_some() && info.norms[1].is_none());
                assert!(!info.warnings.is_empty(), "where it stands is said");
            }
            other => panic!("{other:?}"),
        }
    }
    let expected = [
        OpenQuestion::Rows(3),
        OpenQuestion::Row(3),
        OpenQuestion::Layer(None),
    ];
    assert_eq!(asked, expected);
}
