//! Controls, calibrations and taxes of an earlier session.

use steerscope::protocol::{
    Asking, Asset, CalibrateStudy, ControlsStudy, Study, StudyNews, TaxStudy,
};
use steerscope::units::{BlockIndex, DEFAULT_MULTIPLIERS, Edit, Mask};

use super::Bench;

fn studies(bench: &Bench) -> [Study; 3] {
    let (vector, dataset) = (bench.vector.id.clone(), bench.dataset.id.clone());
    let (block, mask, edit) = (BlockIndex(2), Mask::default(), Edit::ADD);
    let multipliers = DEFAULT_MULTIPLIERS.to_vec();
    [
        Study::Controls(ControlsStudy {
            condition: None,
            vector: vector.clone(),
            dataset: dataset.clone(),
            pairs: Asset::Bundled("kindness".into()),
            others: vec![Asset::Bundled("bravery".into())],
            asking: Asking::default(),
            block,
            mask,
            edit,
            multipliers: multipliers.clone(),
        }),
        Study::Calibrate(CalibrateStudy {
            condition: None,
            vector: vector.clone(),
            dataset,
            block,
            mask,
            edit,
            target: 1.0,
            negative: false,
        }),
        Study::Tax(TaxStudy {
            condition: None,
            vector,
            block,
            mask,
            edit,
            multipliers,
        }),
    ]
}

/// The last figures of a study, and how many answers the store had.
fn figures(bench: &mut Bench, study: Study) -> (StudyNews, usize) {
    let run = bench.study(study);
    let mut news = bench.news(run);
    let Some(StudyNews::Finished { from_store, .. }) = news.pop() else {
        panic!("no end");
    };
    let figures = news.into_iter().rev().find(|n| {
        matches!(
            n,
            StudyNews::Controls(_) | StudyNews::Calibrated(_) | StudyNews::Taxed(_)
        )
    });
    (figures.expect("figures"), from_store)
}

/// Equal but for the last digit of what was written as decimals.
fn same(a: &StudyNews, b: &StudyNews) {
    let close = |a: f64, b: f64| assert!((a - b).abs() <= 1e-12 * b.abs(), "{a} {b}");
    match (a, b) {
        (StudyNews::Taxed(a), StudyNews::Taxed(b)) => {
            assert_eq!(a.rows.len(), b.rows.len());
            for (a, b) in a.rows.iter().zip(&b.rows) {
                assert!((a.coefficient - b.coefficient).abs() < 1e-6);
                close(a.perplexity, b.perplexity);
                close(a.top1, b.top1);
            }
        }
        (StudyNews::Calibrated(a), StudyNews::Calibrated(b)) => {
            close(a.achieved, b.achieved);
            close(f64::from(a.coefficient), f64::from(b.coefficient));
            assert_eq!((a.reached, a.evaluations), (b.reached, b.evaluations));
            assert_eq!(a.tax.len(), b.tax.len());
        }
        _ => assert_eq!(a, b),
    }
}

#[test]
fn a_second_session_has_them_at_once_and_other_questions_are_other_answers() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("runs.sqlite");
    let mut bench = Bench::start(Some(&store));
    let mut first = Vec::new();
    for study in studies(&bench) {
        let (figures, found) = figures(&mut bench, study);
        assert_eq!(found, 0);
        first.push(figures);
    }
    bench.end();
    let mut bench = Bench::start(Some(&store));
    for (study, before) in studies(&bench).into_iter().zip(&first) {
        let (figures, found) = figures(&mut bench, study);
        assert_eq!(found, 1, "{before:?}");
        same(&figures, before);
    }
    let StudyNews::Taxed(line) = &first[2] else {
        panic!("{:?}", first[2]);
    };
    let rows = &line.rows;
    assert_eq!(rows.len(), DEFAULT_MULTIPLIERS.len());
    let zero = rows.iter().find(|t| t.coefficient == 0.0).unwrap();
    assert_eq!(zero.perplexity, line.unsteered.perplexity);
    assert!(rows.windows(2).all(|w| w[0].coefficient < w[1].coefficient));
    // Another block, another vector beside it.
    for mut study in studies(&bench) {
        match &mut study {
            Study::Controls(s) => s.others.clear(),
            Study::Calibrate(s) => s.target = 0.5,
            Study::Tax(s) => s.block = BlockIndex(3),
            _ => {}
        }
        assert_eq!(figures(&mut bench, study).1, 0);
    }
    bench.end();
}
