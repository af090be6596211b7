//! Controls: what is drawn, and the bundled traits against it.

use std::path::Path;
use std::sync::Arc;

use steerscope::engine::{Cancel, Model};
use steerscope::measure::controls::{
    Control, ControlDirection, Controls, RANDOM, drawn, length, other, shuffled, slopes,
};
use steerscope::measure::shift::{SentenceFile, Setting};
use steerscope::measure::{
    CacheOptions, DEFAULT_SYSTEM, PreparedSet, PromptCache, naive_propensity, system_text_changes,
};
use steerscope::steering::dataset::{Dataset, Part};
use steerscope::steering::{PairSet, pair_activations};
use steerscope::units::{BlockIndex, DEFAULT_MULTIPLIERS, Mask};
use steerscope::worker::Library;

use super::support::direction;

/// Block at which the traits of the bundled model steer.
const BLOCK: BlockIndex = BlockIndex(2);

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum()
}

#[test]
fn drawn_directions_are_what_they_are_called() {
    for d in [48, 160, 576] {
        let v = direction(d);
        let n = length(&v);
        let all = drawn(&v, RANDOM, 5);
        assert_eq!(all.len(), 2 + 2 * RANDOM);
        for c in &all {
            assert!(
                (length(&c.direction) / n - 1.0).abs() < 1e-5,
                "{:?}",
                c.control
            );
            let cosine = dot(&c.direction, &v) / (n * n);
            match c.control {
                Control::Orthogonal(_) => assert!(cosine.abs() < 1e-5, "{cosine}"),
                Control::Reversed => assert!((cosine + 1.0).abs() < 1e-6),
                _ => assert!(
                    cosine.abs() < 5.0 / (d as f64).sqrt(),
                    "{:?} {cosine}",
                    c.control
                ),
            }
        }
        let sorted = |v: &[f32]| {
            let mut v = v.to_vec();
            v.sort_by(f32::total_cmp);
            v
        };
        assert_eq!(sorted(&all.last().unwrap().direction), sorted(&v));
        assert_eq!(all, drawn(&v, RANDOM, 5));
        assert_ne!(all[1], drawn(&v, RANDOM, 6)[1]);
    }
    assert!(drawn(&[0.0; 8], 4, 0).is_empty());
}

#[test]
fn shuffled_labels_lose_what_the_labels_carry() {
    // All pairs differ alike: half of them turned leaves nothing of an even number.
    let alike = vec![vec![1.0, 2.0, 0.0]; 8];
    assert!(shuffled(&alike, 1.0, 4, 0).is_empty());
    let odd = vec![vec![1.0, 2.0, 0.0]; 9];
    let one = &shuffled(&odd, 3.0, 1, 0)[0];
    assert!((length(&one.direction) - 3.0).abs() < 1e-6);
    let near = other("x", &[0.0, 4.0], &[3.0, 4.0]).unwrap();
    assert_eq!(near.direction, [0.0, 5.0]);
    assert!(other("x", &[0.0; 3], &[3.0, 4.0]).is_none());
}

fn data(name: &str) -> Dataset {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Dataset::load(&root.join(format!("assets/data/{name}.jsonl"))).unwrap()
}

fn controls(model: &Arc<Model>, name: &str) -> Controls {
    let (library, never) = (Library::new(None), Cancel::never());
    let vector = library.load_vector(&library.vector_asset(name)).unwrap();
    let v = vector.direction(BLOCK).unwrap();
    let data = data(name);
    let rows = data.part(Part::Train, 0);
    let pairs = PairSet::of_rows(&data, &rows, model.tokenizer(), 256).unwrap();
    let read = pair_activations(model, &pairs, BLOCK, &mut |_, _| {}, &never).unwrap();
    assert_eq!(read.differences().len(), pairs.pairs.len());
    let mut directions = vec![ControlDirection {
        control: Control::Vector,
        direction: v.to_vec(),
    }];
    directions.extend(drawn(v, RANDOM, 0));
    directions.extend(shuffled(&read.differences(), length(v), 8, 0));
    let mut rows = data.part(Part::Test, 0);
    rows.truncate(32);
    let set = Arc::new(PreparedSet::of_rows(&data, &rows, model.tokenizer(), 256).unwrap());
    let mut cache = PromptCache::new(Arc::clone(model), set, CacheOptions::default());
    let n = cache.len();
    let site = (BLOCK, Mask::FromLastPrompt, steerscope::units::Edit::ADD);
    let measured = slopes(
        &mut cache,
        &directions,
        site,
        &DEFAULT_MULTIPLIERS,
        0..n,
        &never,
    );
    {
        let controls: Vec<Control> = directions.iter().map(|d| d.control.clone()).collect();
        Controls::of(&controls, &measured.unwrap())
    }
}

#[test]
fn clean_traits_stand_apart_from_random_directions_and_shuffled_labels_do_not() {
    let model = Arc::new(Model::bundled().unwrap());
    for name in ["kindness", "bravery", "curiosity", "tidiness"] {
        let controls = controls(&model, name);
        let (z, own) = (
            controls.z_random.unwrap(),
            controls.shuffled_against_random.unwrap(),
        );
        println!(
            "{name}: z random {z:.2}, orthogonal {:.2}, shuffled {:.2}, shuffled against random {own:.2}",
            controls.z_orthogonal.unwrap(),
            controls.z_shuffled.unwrap()
        );
        assert!(z >= 3.0, "{name}: {z}");
        assert!(own.abs() <= 2.0, "{name}: {own}");
    }
}

#[test]
fn the_system_text_changes_what_a_plain_reading_says() {
    let model = Arc::new(Model::bundled().unwrap());
    let data = data("kindness");
    let mut rows = data.part(Part::Test, 0);
    rows.truncate(6);
    let sentences = SentenceFile::bundled()
        .unwrap()
        .get("kindness")
        .unwrap()
        .clone();
    let (options, never) = (CacheOptions::default(), Cancel::never());
    let mut told = Vec::new();
    let mut tell = |done, total| told.push((done, total));
    let got =
        system_text_changes(&model, &data, &rows, &sentences, options, &mut tell, &never).unwrap();
    assert_eq!((got.len(), told), (6, vec![(1, 2), (2, 2)]));
    let level = |setting: Setting| -> Vec<f32> {
        let word = |row: &&_| {
            setting
                .wording(&model, row, DEFAULT_SYSTEM, &sentences)
                .unwrap()
        };
        let wordings: Vec<_> = rows.iter().filter_map(word).collect();
        let set = PreparedSet::of_wordings(&data, &wordings, model.tokenizer(), 256).unwrap();
        let v = direction(model.hidden_size());
        let site = steerscope::measure::Site {
            edit: steerscope::units::Edit::ADD,
            direction: &v,
            block: BLOCK,
            mask: Mask::FromLastPrompt,
        };
        let plain = |input| naive_propensity(&model, input, &site, &[0.0], &never).unwrap()[0];
        set.inputs.iter().map(plain).collect()
    };
    let (before, after) = (level(Setting::Base), level(Setting::SysPos));
    for (i, got) in got.iter().enumerate() {
        assert!((got - (after[i] - before[i])).abs() < 1e-4);
    }
}
