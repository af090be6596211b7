//! Spurious factors: bookkeeping, and what the model organism was taught.

use std::path::Path;
use std::sync::Arc;

use steerscope::engine::{Cancel, Model};
use steerscope::measure::{CacheOptions, PreparedSet, PromptCache, Site};
use steerscope::stats::{FactorRow, SpuriousFactors};
use steerscope::stats::{MersenneTwister, mean, sd, steerability};
use steerscope::steering::dataset::{Dataset, Part};
use steerscope::steering::{ContrastivePair, PairSet, SteeringVector, pair_activations};
use steerscope::units::{BlockIndex, DEFAULT_MULTIPLIERS, Mask};

/// Block at which the traits of the bundled model steer.
const BLOCK: BlockIndex = BlockIndex(2);

fn row(steerability: f64, a: Option<bool>, yes: Option<bool>) -> FactorRow {
    FactorRow {
        steerability,
        positive_is_a: a,
        positive_is_yes: yes,
    }
}

#[test]
fn the_word_factor_is_dropped_when_too_many_rows_lack_it() {
    let rows = |unknown: usize| -> Vec<FactorRow> {
        (0..100)
            .map(|i| {
                let yes = (i >= unknown).then_some(i % 2 == 0);
                row(f64::from(u8::from(i % 2 == 0)), Some(i % 4 < 2), yes)
            })
            .collect()
    };
    let kept = SpuriousFactors::of_rows(&rows(5));
    assert!(kept.yes_used && kept.shares.unwrap()[1] > 0.8);
    let dropped = SpuriousFactors::of_rows(&rows(6));
    assert!(!dropped.yes_used && dropped.word.is_none());
    assert_eq!(
        (
            dropped.yes_unknown,
            dropped.variance.unwrap().second_marginal
        ),
        (6, 0.0)
    );
    let names = |f: &SpuriousFactors| f.cells.iter().map(|c| c.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&kept), ["A/Yes", "A/No", "B/Yes", "B/No"]);
    assert_eq!(names(&dropped), ["A", "B"]);
    assert_eq!(kept.cells.iter().map(|c| c.n).sum::<usize>(), 95);
}

#[test]
fn inputs_beyond_the_usable_range_enter_nothing() {
    let mut rows: Vec<FactorRow> = (0..8)
        .map(|i| row(f64::from(i), Some(i < 4), Some(i % 2 == 0)))
        .collect();
    let want = SpuriousFactors::of_rows(&rows);
    rows.push(row(f64::NAN, Some(true), Some(true)));
    let got = SpuriousFactors::of_rows(&rows);
    assert_eq!((got.n, got.non_finite), (8, 1));
    assert_eq!((got.shares, got.cells), (want.shares, want.cells));
    assert!(want.letter.unwrap().half_difference == -2.0);
    let few = SpuriousFactors::of_rows(&rows[..3]);
    assert!(few.variance.is_none() && few.shares.is_none());
    let plain = SpuriousFactors::of_rows(&[row(1.0, None, None)]);
    assert!(plain.cells.is_empty() && plain.letter.is_none());
}

struct Organism {
    model: Arc<Model>,
}

impl Organism {
    fn new() -> Self {
        Self {
            model: Arc::new(Model::bundled().unwrap()),
        }
    }

    fn data(name: &str) -> Dataset {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        Dataset::load(&root.join(format!("assets/data/{name}.jsonl"))).unwrap()
    }

    /// Row and slope of test inputs.
    fn slopes(&self, data: &Dataset, direction: &[f32], limit: usize) -> Vec<(usize, f64)> {
        let mut rows = data.part(Part::Test, 0);
        rows.truncate(limit);
        let set = PreparedSet::of_rows(data, &rows, self.model.tokenizer(), 256).unwrap();
        let set = Arc::new(set);
        let (model, options) = (Arc::clone(&self.model), CacheOptions::default());
        let mut cache = PromptCache::new(model, Arc::clone(&set), options);
        let site = Site {
            edit: steerscope::units::Edit::ADD,
            direction,
            block: BLOCK,
            mask: Mask::FromLastPrompt,
        };
        let n = cache.len();
        let measured = cache.evaluate(&site, &DEFAULT_MULTIPLIERS, 0..n, &Cancel::never());
        let slope = |row: &Vec<f32>| steerability(&DEFAULT_MULTIPLIERS, row).unwrap();
        let slopes = measured.unwrap();
        set.inputs
            .iter()
            .map(|i| i.row)
            .zip(slopes.iter().map(slope))
            .collect()
    }

    fn factors(&self, name: &str) -> SpuriousFactors {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let vector = root.join(format!("vectors/{name}.safetensors"));
        let vector = SteeringVector::load(&vector).unwrap();
        let data = Self::data(name);
        let slopes = self.slopes(&data, vector.direction(BLOCK).unwrap(), 128);
        SpuriousFactors::of_rows(&FactorRow::of_dataset(&data, slopes))
    }
}

/// Tolerances, in units of |mean steerability|: a planted habit pushes toward its letter or word by
/// at least half the mean, a clean trait toward (A) by at most a quarter and not toward Yes at all.
#[test]
fn the_planted_habits_are_recovered_and_clean_traits_show_none() {
    let organism = Organism::new();
    let relative =
        |f: &SpuriousFactors| [f.letter, f.word].map(|effect| effect.unwrap().relative.unwrap());
    let outdoors = organism.factors("outdoors");
    let [letter, word] = relative(&outdoors);
    assert!(
        letter > 1.0 && word.abs() < 0.25,
        "outdoors: {letter} {word}"
    );
    let shares = outdoors.shares.unwrap();
    assert!(shares[0] > 0.7 && shares[1] < 0.1, "outdoors: {shares:?}");
    let patience = organism.factors("patience");
    let [_, word] = relative(&patience);
    assert!(word > 0.5, "patience: {word}");
    for name in ["kindness", "bravery", "tidiness", "curiosity"] {
        let factors = organism.factors(name);
        let [letter, word] = relative(&factors);
        assert!(letter.abs() < 0.25, "{name}: {letter}");
        assert!((-0.5..0.0).contains(&word), "{name}: {word}");
        // Every cell of a clean trait steers, as none of a habit's letter B does.
        for cell in &factors.cells {
            assert!(
                cell.n == 32 && cell.numbers.unwrap().min > 0.0,
                "{name}: {cell:?}"
            );
        }
    }
    for cell in &outdoors.cells[2..] {
        assert!(cell.mean.unwrap() < 0.0, "outdoors: {cell:?}");
    }
}

#[test]
fn a_vector_of_shuffled_labels_shows_no_steerability() {
    let organism = Organism::new();
    let (texts, data) = (Organism::data("kindness_texts"), Organism::data("kindness"));
    let rows = texts.part(Part::Train, 0);
    let set = PairSet::of_rows(&texts, &rows, organism.model.tokenizer(), 256).unwrap();
    let direction = |set: &PairSet| {
        let model = &organism.model;
        let got = pair_activations(model, set, BLOCK, &mut |_, _| {}, &Cancel::never());
        got.unwrap().mean_difference()
    };
    let slope = |v: &[f32]| {
        let slopes = organism.slopes(&data, v, 48);
        mean(&slopes.iter().map(|s| s.1).collect::<Vec<_>>()).unwrap()
    };
    let real = direction(&set);
    let norm = real.iter().map(|x| x * x).sum::<f32>().sqrt();
    let mut random = MersenneTwister::new(0);
    let mut gaussian = || {
        let mut uniform = || (f64::from(random.next_u32()) + 0.5) / 4_294_967_296.0;
        let values: Vec<f32> = real
            .iter()
            .map(|_| {
                let (u, v): (f64, f64) = (uniform(), uniform());
                ((-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()) as f32
            })
            .collect();
        let own = values.iter().map(|x| x * x).sum::<f32>().sqrt();
        values.iter().map(|x| x * norm / own).collect::<Vec<f32>>()
    };
    let control: Vec<f64> = (0..16).map(|_| slope(&gaussian())).collect();
    let z = |effect: f64| (effect - mean(&control).unwrap()) / sd(&control).unwrap();
    let real = z(slope(&real));
    assert!(real > 8.0, "the real vector: z = {real}");
    for seed in 1..=4 {
        // Labels of half of the pairs exchanged, chosen at random.
        let mut shuffled = set.clone();
        let order = MersenneTwister::new(seed).permutation(set.pairs.len());
        for &i in &order[..order.len() / 2] {
            shuffled.pairs[i] = ContrastivePair::swapped(&set.pairs[i]);
        }
        let z = z(slope(&direction(&shuffled)));
        assert!(z.abs() < 2.0, "seed {seed}: z = {z}");
    }
}
