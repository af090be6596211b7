//! Studies under a condition on prompts.

use steerscope::protocol::{
    Asking, Asset, CalibrateStudy, Condition, ControlGroup, ControlsStudy, DatasetsStudy, FanStudy,
    Sampling, Study, StudyNews, SweepStudy, SweepUnit, TaxStudy, TokensStudy, VectorsStudy,
};
use steerscope::stats::steerability;
use steerscope::units::{BlockIndex, DEFAULT_MULTIPLIERS, Edit, Mask};

use super::condition::{condition, measured};
use super::studies::rows_of;
use super::{Bench, INPUTS};

const PROMPT: &str = "Once upon a time there was a little";

fn sweep(bench: &Bench, condition: Option<Condition>) -> Study {
    Study::Sweep(SweepStudy {
        condition,
        edit: Edit::ADD,
        vector: bench.vector.id.clone(),
        dataset: bench.dataset.id.clone(),
        mask: Mask::default(),
        multipliers: DEFAULT_MULTIPLIERS.to_vec(),
        reference: BlockIndex(2),
    })
}

fn news(bench: &mut Bench, study: Study) -> Vec<StudyNews> {
    let run = bench.study(study);
    bench.news(run)
}

/// A threshold that steers some of the prompts, and which.
fn threshold(bench: &Bench) -> (f32, Vec<bool>) {
    let all = measured(bench, 900, Some(condition(-1.0, true)));
    let similarities: Vec<f64> = all
        .iter()
        .map(|r| r.gate.unwrap().similarity.unwrap())
        .collect();
    let mut sorted = similarities.clone();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted[sorted.len() / 2] as f32;
    let open = similarities
        .iter()
        .map(|s| *s > f64::from(middle))
        .collect();
    (middle, open)
}

fn slopes(rows: &[Vec<f32>]) -> Vec<f64> {
    let slope = |row: &Vec<f32>| steerability(&DEFAULT_MULTIPLIERS, row).unwrap();
    rows.iter().map(slope).collect()
}

/// Slopes under the condition are those without it, and 0 where the prompt is not steered.
fn agree(under: &[f64], without: &[f64], open: &[bool]) {
    assert_eq!((under.len(), without.len()), (open.len(), open.len()));
    for ((a, b), open) in under.iter().zip(without).zip(open) {
        let want = if *open { *b } else { 0.0 };
        assert!((a - want).abs() < 1e-4, "{a} {b} {open}");
    }
}

#[test]
fn a_sweep_closes_the_same_inputs_in_every_cell_and_keeps_what_it_measured_without() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("runs.sqlite");
    let (middle, open) = {
        let bench = Bench::start(None);
        let found = threshold(&bench);
        bench.end();
        found
    };
    assert!(open.iter().any(|o| *o) && !open.iter().all(|o| *o));
    // Nothing is known of the prompts: the sweep judges them itself.
    let mut bench = Bench::start(Some(&store));
    let study = sweep(&bench, Some(condition(middle, true)));
    let under = news(&mut bench, study);
    let study = sweep(&bench, None);
    let without = news(&mut bench, study);
    for unit in [SweepUnit::Raw, SweepUnit::EqualKappa] {
        for block in 0..4 {
            let [under, without] = [&under, &without].map(|n| rows_of(n, unit, block));
            for ((a, b), open) in under.iter().zip(&without).zip(&open) {
                if *open {
                    assert_eq!(a, b);
                } else {
                    assert!(a.iter().all(|p| *p == b[3]), "{a:?} {b:?}");
                }
            }
            agree(&slopes(&under), &slopes(&without), &open);
        }
    }
    bench.end();
    // Another session finds all of it, and another threshold measures nothing again.
    let mut bench = Bench::start(Some(&store));
    let study = sweep(&bench, Some(condition(1.0, true)));
    let shut = news(&mut bench, study);
    let Some(StudyNews::Finished { from_store, .. }) = shut.last() else {
        panic!("no end");
    };
    assert!(*from_store > 0);
    let rows = rows_of(&shut, SweepUnit::Raw, 2);
    assert_eq!(rows.len(), INPUTS);
    assert!(slopes(&rows).iter().all(|s| *s == 0.0));
    bench.end();
}

#[test]
fn an_operator_without_an_unsteered_multiplier_is_refused_under_a_condition() {
    let mut bench = Bench::start(None);
    let Study::Sweep(study) = sweep(&bench, Some(condition(0.0, true))) else {
        unreachable!();
    };
    let edit = Edit {
        operator: steerscope::units::Operator::Clamp,
        ..Edit::ADD
    };
    bench.study(Study::Sweep(SweepStudy { edit, ..study }));
    let failure = super::wait(&bench, |event| match event {
        steerscope::protocol::Event::Failed(failure) => Some(failure),
        _ => None,
    });
    assert_eq!(failure.id, "condition-grid", "{failure:?}");
    bench.end();
}

#[test]
fn data_sets_vectors_and_controls_close_the_inputs_that_the_histogram_closes() {
    let mut bench = Bench::start(None);
    let (middle, open) = threshold(&bench);
    let wide = |slopes: &[f32]| -> Vec<f64> { slopes.iter().map(|s| f64::from(*s)).collect() };
    let (vector, dataset) = (bench.vector.id.clone(), bench.dataset.id.clone());
    let kindness = Asset::Bundled("kindness".into());
    let (block, mask, edit) = (BlockIndex(2), Mask::default(), Edit::ADD);
    let mut both = Vec::new();
    for condition in [None, Some(condition(middle, true))] {
        let all = [
            Study::Datasets(DatasetsStudy {
                condition: condition.clone(),
                asking: Asking::default(),
                datasets: vec![kindness.clone()],
                vector: Some(vector.clone()),
                block,
                mask,
                edit,
                multipliers: DEFAULT_MULTIPLIERS.to_vec(),
            }),
            Study::Vectors(VectorsStudy {
                condition: condition.clone(),
                vectors: vec![kindness.clone()],
                dataset: dataset.clone(),
                block,
                own_blocks: false,
                equal_kappa: None,
                mask,
                edit,
                multipliers: DEFAULT_MULTIPLIERS.to_vec(),
            }),
            Study::Controls(ControlsStudy {
                condition: condition.clone(),
                asking: Asking::default(),
                vector: vector.clone(),
                dataset: dataset.clone(),
                pairs: kindness.clone(),
                others: Vec::new(),
                block,
                mask,
                edit,
                multipliers: DEFAULT_MULTIPLIERS.to_vec(),
            }),
        ];
        let mut found: Vec<Vec<f64>> = Vec::new();
        for study in all {
            for news in news(&mut bench, study).iter().rev() {
                match news {
                    StudyNews::Dataset(response) => {
                        let steered = open.iter().filter(|o| **o).count();
                        assert_eq!(response.steered, condition.as_ref().map(|_| steered));
                        let slopes: Vec<f32> = response.inputs.iter().map(|i| i.0).collect();
                        found.push(wide(&slopes));
                    }
                    StudyNews::Vectors(table) => found.push(wide(&table.rows[0].slopes)),
                    StudyNews::Controls(table) => {
                        for group in &table.groups {
                            match group.group {
                                ControlGroup::Prompt => {}
                                _ => found.extend(group.slopes.chunks(INPUTS).map(wide)),
                            }
                        }
                    }
                    _ => continue,
                }
                break;
            }
        }
        both.push(found);
    }
    let [without, under] = &both[..] else {
        unreachable!();
    };
    assert!(under.len() > 40 && under.len() == without.len());
    for (under, without) in under.iter().zip(without) {
        agree(under, without, &open);
    }
    bench.end();
}

#[test]
fn a_coefficient_is_solved_on_prompts_that_are_steered() {
    let mut bench = Bench::start(None);
    let (middle, _) = threshold(&bench);
    let calibrate = |bench: &Bench, condition| {
        Study::Calibrate(CalibrateStudy {
            condition,
            vector: bench.vector.id.clone(),
            dataset: bench.dataset.id.clone(),
            block: BlockIndex(2),
            mask: Mask::default(),
            edit: Edit::ADD,
            target: 1.0,
            negative: false,
        })
    };
    let mut found = Vec::new();
    for above in [true, false] {
        let study = calibrate(&bench, Some(condition(middle, above)));
        let news = news(&mut bench, study);
        let Some(StudyNews::Calibrated(one)) = news.first() else {
            panic!("{news:?}");
        };
        assert!(one.achieved > 0.2, "{one:?}");
        found.push(one.coefficient);
    }
    assert_ne!(found[0], found[1], "other prompts");
    bench.study(calibrate(&bench, Some(condition(1.0, true))));
    let failure = super::wait(&bench, |event| match event {
        steerscope::protocol::Event::Failed(failure) => Some(failure),
        _ => None,
    });
    assert_eq!(failure.id, "condition-closed", "{failure:?}");
    bench.end();
}

#[test]
fn one_text_is_steered_or_it_is_not() {
    let mut bench = Bench::start(None);
    let (block, mask, edit) = (BlockIndex(2), Mask::default(), Edit::ADD);
    let vector = bench.vector.id.clone();
    for open in [true, false] {
        let condition = Some(condition(if open { -1.0 } else { 1.0 }, true));
        let fan = Study::Fan(FanStudy {
            condition: condition.clone(),
            edit,
            vector: vector.clone(),
            prompt: PROMPT.to_owned(),
            chat: None,
            block,
            mask,
            coefficients: vec![0.0, 4.0],
            controls: Some(4.0),
            sampling: Sampling {
                max_tokens: 8,
                ..Sampling::default()
            },
        });
        let fan = news(&mut bench, fan);
        let Some(StudyNews::FanLanes { labels, gate }) = fan.first() else {
            panic!("{fan:?}");
        };
        assert_eq!(gate.unwrap().open, open);
        let ids = |lane: usize| -> Vec<u32> {
            let parts = fan.iter().filter_map(|n| match n {
                StudyNews::Fan(part) if part.lane == lane => Some(part),
                _ => None,
            });
            parts.flat_map(|p| p.tokens.iter().map(|t| t.id)).collect()
        };
        let same = (0..labels.len()).all(|lane| ids(lane) == ids(0));
        assert_eq!(same, !open);
        let tokens = Study::Tokens(TokensStudy {
            condition: condition.clone(),
            edit,
            vector: vector.clone(),
            prompt: PROMPT.to_owned(),
            chat: None,
            tokens: ids(1),
            block,
            coefficient: 4.0,
            mask,
            frozen: false,
            lens: 0,
        });
        let tokens = news(&mut bench, tokens);
        let Some(StudyNews::Tokens(strip)) = tokens.first() else {
            panic!("{tokens:?}");
        };
        assert_eq!(strip.gate.unwrap().open, open);
        assert_eq!(strip.rows.iter().all(|r| r.kl == 0.0), !open);
        let tax = Study::Tax(TaxStudy {
            condition,
            vector: vector.clone(),
            block,
            mask,
            edit,
            multipliers: DEFAULT_MULTIPLIERS.to_vec(),
        });
        let tax = news(&mut bench, tax);
        let Some(StudyNews::Taxed(line)) = tax.first() else {
            panic!("{tax:?}");
        };
        assert_eq!(line.gate.unwrap().open, open);
        assert_eq!(line.rows.len(), DEFAULT_MULTIPLIERS.len());
        let free = |t: &steerscope::protocol::Tax| t.perplexity == line.unsteered.perplexity;
        assert_eq!(line.rows.iter().all(free), !open);
    }
    bench.end();
}
