//! The engine's thread with the bundled model: studies, what they share with the histogram, and what
//! is found again in the run store.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a failed unwrap is a failed test, and exact figures are meant exactly"
)]

mod studies;

use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use steerscope::protocol::{
    Asset, Command, DatasetInfo, Event, MeasureRequest, ModelSource, Study, StudyNews,
    StudyRequest, VectorInfo,
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
        worker.send(Command::LoadDataset(Asset::Bundled("kindness".into())));
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
