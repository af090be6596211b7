use std::time::Duration;

use steerscope::protocol::{
    Asking, Asset, CalibrateStudy, Command, ControlGroup, ControlsStudy, DatasetsStudy, Event,
    FanStudy, PredictStudy, Sampling, ShiftStudy, Stage, Study, StudyNews, SweepStudy, SweepUnit,
    TokensStudy,
};
use steerscope::units::{BlockIndex, DEFAULT_MULTIPLIERS, Mask};

use super::{Bench, INPUTS};

pub(super) fn sweep(bench: &Bench) -> Study {
    Study::Sweep(SweepStudy {
        condition: None,
        edit: steerscope::units::Edit::ADD,
        vector: bench.vector.id.clone(),
        dataset: bench.dataset.id.clone(),
        mask: Mask::default(),
        multipliers: DEFAULT_MULTIPLIERS.to_vec(),
        reference: BlockIndex(2),
    })
}

fn datasets(names: &[&str]) -> Study {
    Study::Datasets(DatasetsStudy {
        condition: None,
        asking: Asking::default(),
        edit: steerscope::units::Edit::ADD,
        datasets: assets(names),
        vector: None,
        block: BlockIndex(2),
        mask: Mask::default(),
        multipliers: DEFAULT_MULTIPLIERS.to_vec(),
    })
}

fn assets(names: &[&str]) -> Vec<Asset> {
    names.iter().map(|n| Asset::Bundled((*n).into())).collect()
}

/// Raw rows of one block.
pub(super) fn rows_of(news: &[StudyNews], unit: SweepUnit, block: usize) -> Vec<Vec<f32>> {
    let mut rows: Vec<Vec<f32>> = Vec::new();
    for part in news.iter().flat_map(|n| match n {
        StudyNews::Sweep(parts) => parts.as_slice(),
        _ => &[],
    }) {
        if part.unit == unit && part.block.0 == block {
            assert_eq!(part.first, rows.len(), "parts come in order");
            rows.extend(part.rows.iter().cloned());
        }
    }
    rows
}

pub(super) fn close(a: &[Vec<f32>], b: &[Vec<f32>]) {
    assert_eq!(a.len(), b.len());
    for (x, y) in a.iter().flatten().zip(b.iter().flatten()) {
        assert!((x - y).abs() < 1e-4, "{x} {y}");
    }
}

#[test]
fn a_sweep_gives_what_a_measurement_of_each_block_gives_and_leaves_it_behind() {
    let mut bench = Bench::start(None);
    let run = bench.measure(3);
    let (alone, _) = bench.measured(run);
    let request = sweep(&bench);
    let run = bench.study(request);
    let news = bench.news(run);
    let raw = rows_of(&news, SweepUnit::Raw, 3);
    assert_eq!(raw.len(), INPUTS);
    close(&raw, &alone);
    let run = bench.measure(1);
    let (after, kept) = bench.measured(run);
    assert!(kept, "the sweep has measured block 1");
    close(&after, &rows_of(&news, SweepUnit::Raw, 1));
    // At the reference block both comparisons are the same vector.
    close(
        &rows_of(&news, SweepUnit::EqualKappa, 2),
        &rows_of(&news, SweepUnit::Raw, 2),
    );
    bench.end();
}

#[test]
fn a_measurement_in_the_middle_of_a_sweep_is_answered_and_the_sweep_goes_on() {
    let mut bench = Bench::start(None);
    let request = sweep(&bench);
    let run = bench.study(request);
    let measuring = bench.measure(4);
    let mut measured = false;
    let mut parts = Vec::new();
    loop {
        match bench.events.recv_timeout(super::LIMIT).unwrap() {
            Event::MeasureFinished { run, .. } if run == measuring => measured = true,
            Event::Study { run: r, news } if r == run => {
                let done = matches!(news, StudyNews::Finished { .. });
                parts.push(news);
                if done {
                    break;
                }
            }
            Event::Failed(failure) => panic!("{failure:?}"),
            _ => {}
        }
    }
    assert!(measured);
    assert_eq!(rows_of(&parts, SweepUnit::Raw, 0).len(), INPUTS);
    bench.end();
}

#[test]
fn what_was_measured_is_found_again_by_another_session() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("runs.sqlite");
    let mut bench = Bench::start(Some(&store));
    let run = bench.measure(2);
    let (before, kept) = bench.measured(run);
    assert!(!kept);
    let request = sweep(&bench);
    let run = bench.study(request);
    let first = bench.news(run);
    bench.end();
    let mut bench = Bench::start(Some(&store));
    let run = bench.measure(2);
    let (again, kept) = bench.measured(run);
    assert!(kept, "from the store");
    assert_eq!(again, before);
    let request = sweep(&bench);
    let run = bench.study(request);
    let second = bench.news(run);
    for unit in [SweepUnit::Raw, SweepUnit::EqualKappa] {
        for block in 0..7 {
            assert_eq!(rows_of(&second, unit, block), rows_of(&first, unit, block));
        }
    }
    let Some(StudyNews::Finished { from_store, .. }) = second.last() else {
        panic!("no end");
    };
    // 7 blocks twice, less the block that was asked for before and the reference at equal κ.
    assert!(*from_store >= 12, "{from_store}");
    bench.end();
}

#[test]
fn studies_on_their_own_thread_go_on_after_a_measurement() {
    let mut bench = Bench::start(None);
    let measuring = bench.measure(2);
    let run = bench.study(datasets(&["kindness", "kindness_texts", "she_he"]));
    let mut names = Vec::new();
    let mut remarks = Vec::new();
    let mut measured = false;
    loop {
        match bench.events.recv_timeout(super::LIMIT).unwrap() {
            Event::MeasureFinished { run, .. } if run == measuring => measured = true,
            Event::Study { run: r, news } if r == run => match news {
                StudyNews::Dataset(response) => {
                    assert_eq!(response.inputs.len(), INPUTS);
                    names.push(response.dataset.clone());
                }
                StudyNews::Remark(words) => remarks.push(words),
                StudyNews::Finished { .. } => break,
                other => panic!("{other:?}"),
            },
            Event::Failed(failure) => panic!("{failure:?}"),
            _ => {}
        }
    }
    assert!(measured);
    assert_eq!(names, ["kindness", "she_he"]);
    assert!(remarks[0].contains("kindness_texts"), "{remarks:?}");
    bench.end();
}

#[test]
fn predictors_and_shifts_arrive_with_their_figures() {
    let mut bench = Bench::start(None);
    let run = bench.study(Study::Predict(PredictStudy {
        asking: Asking::default(),
        datasets: assets(&["kindness_texts"]),
        block: BlockIndex(2),
    }));
    let news = bench.news(run);
    let StudyNews::Predicted(p) = &news[0] else {
        panic!("{news:?}");
    };
    let held = p.held_out.as_ref().unwrap();
    assert!(p.directional.unwrap() > p.leave_one_out.unwrap());
    assert!(held.auc.unwrap() > 0.9, "a clean trait separates");
    assert_eq!(held.positive.len(), held.n);
    let up: f32 = p.in_sample.positive.iter().sum::<f32>() / p.in_sample.n as f32;
    assert!((up - 1.0).abs() < 1e-3, "kproj of the own pairs is 1: {up}");
    let run = bench.study(Study::Shift(ShiftStudy {
        edit: steerscope::units::Edit::ADD,
        datasets: assets(&["kindness"]),
        block: BlockIndex(2),
        mask: Mask::default(),
        multipliers: DEFAULT_MULTIPLIERS.to_vec(),
        norm_matched: true,
    }));
    let news = bench.news(run);
    let StudyNews::Shifted(table) = &news[0] else {
        panic!("{news:?}");
    };
    assert_eq!((table.train.len(), table.test.len()), (6, 5));
    assert!(table.steerability.iter().flatten().all(Option::is_some));
    assert_eq!(table.cosine[0][0], Some(1.0));
    assert_eq!(table.cosine[1][4], table.cosine[4][1]);
    bench.end();
}

#[test]
fn a_clean_trait_stands_apart_from_its_controls() {
    let mut bench = Bench::start(None);
    let study = Study::Controls(ControlsStudy {
        condition: None,
        asking: Asking::default(),
        edit: steerscope::units::Edit::ADD,
        vector: bench.vector.id.clone(),
        dataset: bench.dataset.id.clone(),
        pairs: Asset::Bundled("kindness_texts".into()),
        others: assets(&["bravery", "kindness"]),
        block: BlockIndex(2),
        mask: Mask::default(),
        multipliers: DEFAULT_MULTIPLIERS.to_vec(),
    });
    let run = bench.study(study);
    let news = bench.news(run);
    let table = news
        .iter()
        .rev()
        .find_map(|n| match n {
            StudyNews::Controls(table) => Some(table),
            _ => None,
        })
        .unwrap();
    assert_eq!(table.inputs, (INPUTS, INPUTS));
    let mean = |group: ControlGroup| {
        let g = table.groups.iter().find(|g| g.group == group).unwrap();
        g.means.iter().sum::<f64>() / g.means.len() as f64
    };
    let of = |group: ControlGroup| {
        let g = table.groups.iter().find(|g| g.group == group).unwrap();
        (g.means.len(), g.slopes.len())
    };
    assert_eq!(of(ControlGroup::Random), (16, 16 * INPUTS));
    assert_eq!(of(ControlGroup::Shuffled), (8, 8 * INPUTS));
    assert!((mean(ControlGroup::Vector) + mean(ControlGroup::Reversed)).abs() < 1e-3);
    assert!(table.z_random.unwrap() > 3.0, "{:?}", table.z_random);
    // The vector itself is no other behaviour.
    let others = table
        .groups
        .iter()
        .filter(|g| g.group == ControlGroup::Other);
    assert_eq!(
        others.map(|g| g.name.as_str()).collect::<Vec<_>>(),
        ["bravery"]
    );
    bench.end();
}

#[test]
fn strips_fans_and_calibrations_come_from_the_real_model() {
    let mut bench = Bench::start(None);
    let prompt = "Once upon a time there was a little".to_owned();
    let fan = FanStudy {
        condition: None,
        edit: steerscope::units::Edit::ADD,
        vector: bench.vector.id.clone(),
        prompt: prompt.clone(),
        chat: None,
        block: BlockIndex(2),
        mask: Mask::default(),
        coefficients: vec![0.0, 1.0, 2.0],
        controls: Some(2.0),
        sampling: Sampling {
            max_tokens: 8,
            ..Sampling::default()
        },
    };
    let run = bench.study(Study::Fan(fan));
    let news = bench.news(run);
    let StudyNews::FanLanes { labels, .. } = &news[0] else {
        panic!("{news:?}");
    };
    assert_eq!(labels[..3], ["0", "+1", "+2"]);
    assert_eq!(labels.len(), 6, "{labels:?}");
    let ids = |lane: usize| -> Vec<u32> {
        let parts = news.iter().filter_map(|n| match n {
            StudyNews::Fan(part) if part.lane == lane => Some(part),
            _ => None,
        });
        parts.flat_map(|p| p.tokens.iter().map(|t| t.id)).collect()
    };
    assert_eq!(ids(0).len(), 8);
    let tokens = |lens: usize, frozen: bool, coefficient: f32| {
        Study::Tokens(TokensStudy {
            condition: None,
            edit: steerscope::units::Edit::ADD,
            vector: bench.vector.id.clone(),
            prompt: prompt.clone(),
            chat: None,
            tokens: ids(2),
            block: BlockIndex(2),
            coefficient,
            mask: Mask::default(),
            frozen,
            lens,
        })
    };
    let strips = [
        tokens(0, false, 2.0),
        tokens(3, false, 2.0),
        tokens(0, true, 2.0),
        tokens(0, false, 0.0),
    ];
    let mut read = Vec::new();
    for study in strips {
        let run = bench.study(study);
        let news = bench.news(run);
        let StudyNews::Tokens(strip) = news[0].clone() else {
            panic!("{news:?}");
        };
        assert_eq!(strip.rows.len(), 8);
        read.push(strip);
    }
    // The steered side would have chosen its own greedy tokens.
    for row in &read[0].rows {
        assert_eq!(
            row.top.1[0].1,
            row.top.1.iter().map(|t| t.1).fold(0.0, f32::max)
        );
        assert!((row.log_probability.1.exp() - row.top.1[0].1).abs() < 1e-3);
    }
    assert_eq!(read[1].rows, read[0].rows, "only the cursor moved");
    assert_eq!(read[1].lens.as_ref().unwrap().token, 3);
    assert_eq!(read[0].lens.as_ref().unwrap().blocks.len(), 7);
    let last = read[1]
        .lens
        .as_ref()
        .unwrap()
        .blocks
        .last()
        .unwrap()
        .clone();
    assert_eq!(
        last.1[0].0, read[1].rows[3].top.1[0].0,
        "the last block is the model"
    );
    assert_ne!(
        read[2].rows, read[0].rows,
        "frozen attention is another computation"
    );
    assert!(read[3].rows.iter().all(|r| r.kl == 0.0));
    let run = bench.study(Study::Calibrate(CalibrateStudy {
        condition: None,
        edit: steerscope::units::Edit::ADD,
        vector: bench.vector.id.clone(),
        dataset: bench.dataset.id.clone(),
        block: BlockIndex(2),
        mask: Mask::default(),
        target: 1.0,
        negative: false,
    }));
    let news = bench.news(run);
    let StudyNews::Calibrated(found) = &news[0] else {
        panic!("{news:?}");
    };
    assert!(found.evaluations <= 12 && found.coefficient > 0.0);
    assert!(!found.reached || (found.achieved - 1.0).abs() < 0.05);
    assert_eq!(found.tax.len(), 4);
    bench.end();
}

#[test]
fn a_stopped_study_says_nothing_more() {
    let mut bench = Bench::start(None);
    let run = bench.study(datasets(&["kindness", "bravery", "she_he", "mood"]));
    while !matches!(
        bench.events.recv_timeout(super::LIMIT).unwrap(),
        Event::Progress {
            stage: Stage::Study,
            ..
        }
    ) {}
    bench.worker.send(Command::StopStudy);
    let mut idle = false;
    while let Ok(event) = bench.events.recv_timeout(Duration::from_secs(60)) {
        match event {
            Event::Idle(Stage::Study) => {
                idle = true;
                break;
            }
            Event::Study { run: r, news } if r == run => {
                assert!(!matches!(news, StudyNews::Finished { .. }));
            }
            Event::Failed(failure) => panic!("{failure:?}"),
            _ => {}
        }
    }
    assert!(idle);
    bench.end();
}

#[test]
fn a_study_of_what_was_replaced_or_is_not_there_is_refused() {
    let mut bench = Bench::start(None);
    let mut request = sweep(&bench);
    if let Study::Sweep(study) = &mut request {
        study.multipliers = vec![0.0, 1.0];
    }
    bench.study(request);
    let mut failed = None;
    while failed.is_none() {
        if let Event::Failed(failure) = bench.events.recv_timeout(super::LIMIT).unwrap() {
            failed = Some(failure);
        }
    }
    assert!(failed.unwrap().message.contains("three"));
    let study = Study::Datasets(DatasetsStudy {
        condition: None,
        asking: Asking::default(),
        edit: steerscope::units::Edit::ADD,
        datasets: vec![Asset::File("/nowhere/at/all.jsonl".into())],
        vector: None,
        block: BlockIndex(2),
        mask: Mask::default(),
        multipliers: DEFAULT_MULTIPLIERS.to_vec(),
    });
    bench.study(study);
    loop {
        if let Event::Failed(failure) = bench.events.recv_timeout(super::LIMIT).unwrap() {
            assert!(failure.message.contains("all.jsonl"), "{failure:?}");
            break;
        }
    }
    bench.end();
}
