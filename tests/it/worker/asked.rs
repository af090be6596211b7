//! Rows asked in another way: plain questions after a system text, the published code's definitions.

use std::sync::Arc;

use steerscope::engine::{Cancel, Model};
use steerscope::measure::{
    Asked, CacheOptions, PreparedSet, PromptCache, Prompting, Site, summed_propensity,
};
use steerscope::protocol::{Asking, Asset, ChatFormat, Command, DatasetInfo, Event, SweepUnit};
use steerscope::steering::SteeringVector;
use steerscope::steering::dataset::Part;
use steerscope::units::{BlockIndex, DEFAULT_MULTIPLIERS, Edit, Mask};
use steerscope::worker::Library;

use super::studies::{close, rows_of, sweep};
use super::{Bench, INPUTS, LIMIT};

const BLOCK: usize = 2;
const SYSTEM: &str = "Everybody here is kind.";

fn reload(bench: &mut Bench, asking: &Asking) -> DatasetInfo {
    let asset = Asset::Bundled("kindness".into());
    bench
        .worker
        .send(Command::LoadDataset(asset, asking.clone()));
    loop {
        match bench.events.recv_timeout(LIMIT).expect("it loads") {
            Event::DatasetLoaded(info) => {
                bench.dataset = info.clone();
                return info;
            }
            Event::Failed(failure) => panic!("{failure:?}"),
            _ => {}
        }
    }
}

fn bundled() -> (Arc<Model>, SteeringVector, Library) {
    let model = Arc::new(Model::bundled().unwrap());
    let library = Library::new(None);
    let asset = Asset::Bundled("kindness".into());
    let vector = library.load_vector(&asset).unwrap();
    (model, vector, library)
}

/// The same rows, prepared by hand.
fn prepared(model: &Arc<Model>, library: &Library, asked: &Asked) -> PreparedSet {
    let asset = Asset::Bundled("kindness".into());
    let data = library
        .load_dataset_with(&asset, asked.load_options())
        .unwrap();
    let (mut rows, _) = asked.part(&data, Part::Test, 0).unwrap();
    rows.truncate(INPUTS);
    let examples = asked.prompting.examples(&rows);
    asked.prepared(model, &data, &examples).unwrap()
}

fn site(vector: &SteeringVector) -> Site<'_> {
    let block = BlockIndex(BLOCK);
    Site {
        edit: Edit::ADD,
        direction: vector.direction(block).unwrap(),
        block,
        mask: Mask::default(),
    }
}

#[test]
fn a_system_text_changes_what_is_measured_and_what_it_is_called() {
    let mut bench = Bench::start(None);
    let plain = bench.dataset.clone();
    let run = bench.measure(BLOCK);
    let (before, _) = bench.measured(run);
    let system = Some(SYSTEM.to_owned());
    let chat = Some(ChatFormat { system });
    let asking = Asking {
        chat,
        parity: false,
    };
    let info = reload(&mut bench, &asking);
    assert_ne!(info.id, plain.id);
    assert!(info.words.prompts.contains(SYSTEM), "{:?}", info.words);
    assert_eq!(info.words.badge, None);
    assert!(info.items[0].prompt.starts_with(SYSTEM), "a base model");
    let run = bench.measure(BLOCK);
    let (after, cached) = bench.measured(run);
    assert!(!cached);
    assert_ne!(before, after);

    let (model, vector, library) = bundled();
    let asked = Asked {
        prompting: Prompting::chat(&model, SYSTEM).unwrap(),
        parity: false,
    };
    let set = Arc::new(prepared(&model, &library, &asked));
    let mut cache = PromptCache::new(model, set, CacheOptions::default());
    let n = cache.len();
    let expected = cache
        .evaluate(&site(&vector), &DEFAULT_MULTIPLIERS, 0..n, &Cancel::never())
        .unwrap();
    close(&after, &expected);

    // A request for the rows as they were asked before is for nothing that is loaded.
    let wrong = std::mem::replace(&mut bench.dataset, plain);
    let ignored = bench.measure(BLOCK);
    bench.dataset = wrong;
    let run = bench.measure(BLOCK + 1);
    loop {
        match bench.events.recv_timeout(LIMIT).expect("it ends") {
            Event::Measured { run: r, .. } => assert_ne!(r, ignored),
            Event::MeasureFinished { run: r, .. } if r == run => break,
            _ => {}
        }
    }
    bench.end();
}

#[test]
fn parity_measures_summed_logits_over_the_published_rows_in_histogram_and_sweep() {
    let mut bench = Bench::start(None);
    let asking = Asking {
        chat: None,
        parity: true,
    };
    let info = reload(&mut bench, &asking);
    let badge = info.words.badge.clone().unwrap();
    assert!(
        badge.contains("overlapping split, summed logits"),
        "{badge}"
    );
    assert!(info.words.rows.contains("published"), "{:?}", info.words);
    let run = bench.measure(BLOCK);
    let (rows, _) = bench.measured(run);

    let (model, vector, library) = bundled();
    let asked = Asked {
        parity: true,
        ..Asked::default()
    };
    let set = prepared(&model, &library, &asked);
    let ids: Vec<usize> = set.inputs.iter().map(|i| i.row).collect();
    let shown: Vec<usize> = info.items.iter().map(|i| i.id).collect();
    assert_eq!(ids, shown);
    let one = |input| {
        let never = Cancel::never();
        summed_propensity(&model, input, &site(&vector), &DEFAULT_MULTIPLIERS, &never).unwrap()
    };
    let expected: Vec<Vec<f32>> = set.inputs.iter().map(one).collect();
    close(&rows, &expected);

    let study = sweep(&bench);
    let run = bench.study(study);
    close(&rows_of(&bench.news(run), SweepUnit::Raw, BLOCK), &expected);
    bench.end();
}
