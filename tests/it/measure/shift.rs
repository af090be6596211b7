//! Prompt shifts: wordings, one prefill for all vectors, guards.

use std::fmt::Write as _;

use steerscope::engine::{Cancel, Model};
use steerscope::measure::shift::{
    DEFAULT_SYSTEM, SentenceFile, Sentences, Setting, ShiftFigures, ShiftMatrix, ShiftPlan,
    ShiftResources, ShiftRun, measure_shift, measure_shift_with, scaled_to, shifted_points,
    six_vectors,
};
use steerscope::measure::{CacheOptions, PreparedSet, Site, Split, naive_propensity};
use steerscope::stats::steerability;
use steerscope::steering::dataset::{Dataset, Example, Part};
use steerscope::store::{Filter, Keeping};
use steerscope::units::{BlockIndex, Mask};

use super::support::{dataset, tiny};
use crate::chat::model::llama_3;

const GRID: [f32; 3] = [-1.0, 0.0, 1.0];

/// Rows with letters, enough for a matrix.
fn rows(n: usize) -> Dataset {
    let mut text = String::new();
    for i in 0..n {
        let (a, b) = if i % 2 == 0 {
            (" (A)", " (B)")
        } else {
            (" (B)", " (A)")
        };
        let prompt = format!("Would you walk {i} miles?\\n(A) Yes\\n(B) No\\nAnswer:");
        writeln!(
            text,
            r#"{{"prompt":"{prompt}","positive":"{a}","negative":"{b}"}}"#
        )
        .unwrap();
    }
    Dataset::from_bytes("walks", text.as_bytes()).unwrap()
}

fn sentences() -> Sentences {
    Sentences {
        positive: "You are kind.".to_owned(),
        negative: "You are mean.".to_owned(),
        made_up: false,
    }
}

fn run(data: &Dataset, test: usize, norm_matched: bool) -> ShiftRun {
    let model = tiny();
    let all: Vec<&Example> = data.examples.iter().collect();
    let plan = ShiftPlan {
        edit: steerscope::units::Edit::ADD,
        model: &model,
        dataset: data,
        train: &all[test..],
        test: &all[..test],
        system: DEFAULT_SYSTEM,
        sentences: &sentences(),
        block: BlockIndex(1),
        mask: Mask::FromLastPrompt,
        multipliers: &GRID,
        norm_matched,
    };
    let mut seen = Vec::new();
    let got = measure_shift(
        &plan,
        &mut |done, total| seen.push((done, total)),
        &Cancel::never(),
    );
    assert!(seen.is_sorted() && seen.iter().all(|(done, total)| done <= total));
    assert_eq!(seen.last().unwrap().0, seen.last().unwrap().1);
    got.unwrap()
}

#[test]
fn settings_of_a_base_model_are_plain_text_with_an_empty_line_between() {
    let model = tiny();
    let data = dataset();
    let example = &data.examples[0];
    let text = |setting: Setting, system| {
        let wording = setting.wording(&model, example, system, &sentences());
        wording.unwrap().unwrap().prompt
    };
    let prompt = example.prompt_text().unwrap();
    assert_eq!(
        text(Setting::Base, DEFAULT_SYSTEM),
        format!("{DEFAULT_SYSTEM}\n\n{prompt}")
    );
    assert_eq!(
        text(Setting::SysPos, DEFAULT_SYSTEM),
        format!("You are kind.\n\n{prompt}")
    );
    assert_eq!(
        text(Setting::UserNeg, DEFAULT_SYSTEM),
        format!("{DEFAULT_SYSTEM}\n\nYou are mean.\n\n{prompt}")
    );
    assert_eq!(text(Setting::Base, ""), prompt);
    assert_eq!(text(Setting::UserNeg, ""), text(Setting::SysNeg, ""));
}

#[test]
fn settings_of_a_chat_model_use_its_template() {
    let made = llama_3();
    let model = Model::open(made.path()).unwrap();
    let data = dataset();
    let wording = |setting: Setting| {
        let got = setting.wording(&model, &data.examples[2], DEFAULT_SYSTEM, &sentences());
        got.unwrap().unwrap()
    };
    let prompt = data.examples[2].prompt_text().unwrap();
    let system =
        |text: &str| format!("<|start_header_id|>system<|end_header_id|>\n\n{text}<|eot_id|>");
    let base = wording(Setting::Base);
    assert!(
        base.verbatim && base.prompt.contains(&system(DEFAULT_SYSTEM)),
        "{}",
        base.prompt
    );
    // The template ends in an empty line: no space before the answer.
    assert_eq!(base.answers, ["(A)", "(B)"]);
    let other = wording(Setting::SysNeg).prompt;
    assert!(other.contains(&system("You are mean.")) && !other.contains(DEFAULT_SYSTEM));
    let user = wording(Setting::UserPos).prompt;
    assert!(user.contains(&system(DEFAULT_SYSTEM)));
    assert!(
        user.contains(&format!("You are kind.\n\n{prompt}")),
        "{user}"
    );
    let texts_only = Example::texts(0, "a".to_owned(), "b".to_owned());
    let none = Setting::Base.wording(&model, &texts_only, "", &sentences());
    assert!(none.unwrap().is_none());
}

#[test]
fn cells_are_what_full_passes_over_the_worded_prompts_give() {
    let data = rows(20);
    let got = run(&data, 8, true);
    assert_eq!((got.rows.len(), got.left_out, got.pairs), (8, 0, [12; 5]));
    let model = tiny();
    let six = six_vectors(&got.figures.directions);
    let length = |v: &[f32]| v.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    let base = length(&six[0]);
    for (vector, setting) in [(0, 0), (2, 4), (5, 1), (4, 3)] {
        let wordings: Vec<_> = data.examples[..8]
            .iter()
            .map(|e| {
                let setting = Setting::ALL[setting];
                let got = setting.wording(&model, e, DEFAULT_SYSTEM, &sentences());
                got.unwrap().unwrap()
            })
            .collect();
        let set = PreparedSet::of_wordings(&data, &wordings, model.tokenizer(), 256).unwrap();
        let direction = scaled_to(&six[vector], base).unwrap();
        assert!((length(&direction) / base - 1.0).abs() < 1e-6);
        let site = Site {
            edit: steerscope::units::Edit::ADD,
            direction: &direction,
            block: BlockIndex(1),
            mask: Mask::FromLastPrompt,
        };
        for (i, input) in set.inputs.iter().enumerate() {
            let m = naive_propensity(&model, input, &site, &GRID, &Cancel::never()).unwrap();
            let want = steerability(&GRID, &m).unwrap();
            let slope = got.figures.slopes[vector][setting][i];
            assert!((slope - want).abs() < 1e-4, "{slope} is not {want}");
            assert!((got.figures.unsteered[setting][i] - f64::from(m[1])).abs() < 1e-4);
        }
    }
}

#[test]
fn norm_matching_leaves_cosines_and_the_base_vector_as_they_are() {
    let data = rows(20);
    let (matched, own) = (run(&data, 8, true), run(&data, 8, false));
    assert_eq!(matched.figures.slopes[0], own.figures.slopes[0]);
    assert_ne!(matched.figures.slopes[1], own.figures.slopes[1]);
    let (a, b) = (
        ShiftMatrix::new(&matched.figures),
        ShiftMatrix::new(&own.figures),
    );
    assert_eq!(a.similarity, b.similarity);
    assert_eq!(a.norms, b.norms);
    assert_eq!(a.similarity.len(), 15);
}

#[test]
fn fewer_than_eight_common_rows_are_refused() {
    let (model, data) = (tiny(), rows(12));
    let all: Vec<&Example> = data.examples.iter().collect();
    let plan = ShiftPlan {
        edit: steerscope::units::Edit::ADD,
        model: &model,
        dataset: &data,
        train: &all[7..],
        test: &all[..7],
        system: "",
        sentences: &sentences(),
        block: BlockIndex(1),
        mask: Mask::FromLastPrompt,
        multipliers: &GRID,
        norm_matched: true,
    };
    let error = measure_shift(&plan, &mut |_, _| {}, &Cancel::never()).unwrap_err();
    assert_eq!(error.id(), "too-few-common-rows");
}

/// Vectors along the axes; cell (v, s) has the mean slope `means[v][s]`.
fn figures(means: [[f64; 5]; 6]) -> ShiftFigures {
    let axis = |i: usize| (0..5).map(|j| if i == j { 1.0 } else { 0.0 }).collect();
    ShiftFigures {
        directions: std::array::from_fn(axis),
        slopes: means
            .map(|row| row.map(|m| vec![m - 0.1, m + 0.1]))
            .to_vec(),
        unsteered: std::array::from_fn(|s| vec![s as f64, -(s as f64)]),
    }
}

#[test]
fn relative_steerability_is_one_on_the_diagonal_and_guarded() {
    let mut means = [[1.0; 5]; 6];
    means[0][1] = 0.5;
    means[2][2] = 0.25;
    means[3][3] = -2.0;
    let got = ShiftMatrix::new(&figures(means));
    let at = |a: usize, b: usize| got.relative[5 * a + b];
    for i in [0, 1, 4] {
        assert_eq!((at(i, i).gap, at(i, i).relative), (Some(0.0), Some(1.0)));
    }
    assert_eq!(at(0, 1).relative, Some(0.5));
    // Per input |m^B − m^A| = 1 although the means agree.
    assert_eq!(at(0, 1).gap, Some(1.0));
    for undefined in [at(0, 2), at(2, 2), at(1, 3)] {
        assert_eq!(undefined.relative, None);
    }
    assert_eq!(
        (
            got.relative_against_gap.n,
            got.relative_against_gap.left_out
        ),
        (15, 10)
    );
    let cell = got.cells[0][1];
    assert!((cell.mean.unwrap() - 0.5).abs() < 1e-12);
    assert!((cell.variance.unwrap() - 0.02).abs() < 1e-12);
    assert_eq!(cell.anti_steerable, Some(0.0));
    // The mean vector has cosine 1/√5 with each axis.
    let point = got
        .similarity
        .iter()
        .find(|p| p.a == "BASE" && p.b == "MEAN")
        .unwrap();
    assert!((point.cosine.unwrap() - 0.2_f64.sqrt()).abs() < 1e-6);
    assert_eq!(point.gap, Some(0.0));
}

#[test]
fn what_is_not_finite_or_has_no_length_is_blank_and_counted() {
    let mut broken = figures([[1.0; 5]; 6]);
    broken.slopes[1][0][0] = f64::NAN;
    broken.directions[4] = vec![0.0; 5];
    broken.slopes[4] = Default::default();
    let got = ShiftMatrix::new(&broken);
    assert_eq!(got.cells[1][0].mean, None);
    assert!(
        got.cells[4]
            .iter()
            .all(|c| c.mean.is_none() && c.anti_steerable.is_none())
    );
    assert_eq!(got.cosine_against_gap.left_out, 5);
    assert_eq!(scaled_to(&[0.0; 3], 1.0), None);
    assert_eq!(scaled_to(&[3.0, 4.0], 5.0), Some(vec![3.0, 4.0]));
}

#[test]
fn a_correlation_over_data_sets_takes_four_of_them() {
    let matrix = |s: f64| {
        let mut means = [[s; 5]; 6];
        means[0][4] = s * s;
        ShiftMatrix::new(&figures(means))
    };
    let all = [0.5, 1.0, 2.0, 3.0].map(matrix);
    let four: Vec<&ShiftMatrix> = all.iter().collect();
    let points = shifted_points(&four);
    assert_eq!((points.len(), points[0].test), (4, Setting::UserNeg));
    assert_eq!(points[0].correlation.spearman, Some(1.0));
    assert_eq!(points[0].points[2].1.map(f64::round), Some(4.0));
    assert_eq!(shifted_points(&four[..3])[0].correlation.spearman, None);
}

#[test]
fn sentences_come_from_a_file_or_from_the_name() {
    let file = "[mood]\npositive = \" Be happy. \"\nnegative = \"Be sad.\"\n";
    let file = SentenceFile::parse(file, "s.toml").unwrap();
    assert_eq!(file.get("mood").unwrap().positive, "Be happy.");
    assert!(file.get("narcissism").is_none());
    let made = Sentences::from_name("interest-in-science");
    assert_eq!(
        made.positive,
        "You are an assistant with this trait: interest in science."
    );
    assert_eq!(
        made.negative,
        "You are an assistant without this trait: interest in science."
    );
    assert!(made.made_up);
    for (text, id) in [
        ("[a]\npositive = 1\nnegative = \"x\"", "sentences-invalid"),
        ("[a]\npositive = \"x\"", "sentences-invalid"),
        ("nonsense", "sentences-invalid"),
        ("[a]\npositive = \"x\"\nnegative = \" \"", "sentence-empty"),
    ] {
        assert_eq!(SentenceFile::parse(text, "s.toml").unwrap_err().id(), id);
    }
    let missing = SentenceFile::load("/nonexistent/s.toml".as_ref()).unwrap_err();
    assert_eq!(missing.id(), "sentences-unreadable");
    let bundled = SentenceFile::bundled().unwrap();
    assert_eq!(bundled.get("kindness").unwrap().negative, "You are mean.");
}

#[test]
fn a_second_run_finds_every_cell_in_the_store() {
    let model = tiny();
    let data = rows(16);
    let all: Vec<&Example> = data.examples.iter().collect();
    let folder = tempfile::tempdir().unwrap();
    let mut keeping = Keeping::open(&folder.path().join("runs.sqlite"));
    let mut measured = |grid: &[f32], system: &str| {
        let plan = ShiftPlan {
            edit: steerscope::units::Edit::ADD,
            model: &model,
            dataset: &data,
            train: &all[8..],
            test: &all[..8],
            system,
            sentences: &sentences(),
            block: BlockIndex(1),
            mask: Mask::FromLastPrompt,
            multipliers: grid,
            norm_matched: true,
        };
        let resources = ShiftResources {
            cache: CacheOptions::within(1),
            keeping: &mut keeping,
            model: "tiny",
            split: Split::part(Part::Test, 0),
        };
        measure_shift_with(&plan, resources, &mut |_, _| {}, &Cancel::never()).unwrap()
    };
    let first = measured(&GRID, DEFAULT_SYSTEM);
    assert_eq!((first.cells, first.found), (30, 0));
    assert_eq!(
        first.figures,
        run(&data, 8, true).figures,
        "whatever the memory"
    );
    let second = measured(&GRID, DEFAULT_SYSTEM);
    assert_eq!((second.cells, second.found), (30, 30));
    assert_eq!(second.figures, first.figures);
    // Without multiplier 0 among the kept figures the unsteered ones are computed.
    let uneven = [-1.0, 0.5, 1.0];
    let once = measured(&uneven, DEFAULT_SYSTEM);
    let again = measured(&uneven, DEFAULT_SYSTEM);
    assert_eq!((once.found, again.found), (0, 30));
    assert_eq!(again.figures, once.figures);
    // Another system text changes three test settings, and all vectors of them.
    assert_eq!(measured(&GRID, "Be brief.").found, 0);
    let entries = keeping.store().unwrap().list(&Filter::default()).unwrap();
    assert_eq!(entries.len(), 90);
    let protocol = &entries[0].protocol;
    assert_eq!(protocol["system"], DEFAULT_SYSTEM);
    assert_eq!(entries[0].names.vector, "walks BASE");
    assert!(entries.iter().any(|e| e.names.vector == "walks MEAN"));
    assert!(entries.iter().any(|e| e.names.dataset == "walks USER_NEG"));
}
