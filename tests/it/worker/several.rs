//! Several vectors on the loaded data set.

use steerscope::protocol::{
    Asset, Event, Study, StudyNews, VectorChange, VectorsStudy, VectorsTable,
};
use steerscope::stats::steerability;
use steerscope::units::{BlockIndex, DEFAULT_MULTIPLIERS, Edit, Mask};

use super::{Bench, INPUTS};

fn study(bench: &Bench, vectors: Vec<Asset>) -> VectorsStudy {
    VectorsStudy {
        condition: None,
        vectors,
        dataset: bench.dataset.id.clone(),
        block: BlockIndex(3),
        own_blocks: true,
        equal_kappa: None,
        mask: Mask::default(),
        edit: Edit::ADD,
        multipliers: DEFAULT_MULTIPLIERS.to_vec(),
    }
}

fn named(name: &str) -> Asset {
    Asset::Bundled(name.to_owned())
}

fn last(news: &[StudyNews]) -> VectorsTable {
    let found = news.iter().rev().find_map(|n| match n {
        StudyNews::Vectors(table) => Some((**table).clone()),
        _ => None,
    });
    found.expect("a table")
}

fn close(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    for (x, y) in a.iter().zip(b) {
        assert!((x - y).abs() < 1e-4, "{x} {y}");
    }
}

#[test]
fn a_row_is_the_measurement_of_its_vector_and_a_reversed_vector_is_its_mirror() {
    let mut bench = Bench::start(None);
    let run = bench.measure(2);
    let (rows, _) = bench.measured(run);
    let alone: Vec<f32> = (rows.iter())
        .map(|row| steerability(&DEFAULT_MULTIPLIERS, row).unwrap() as f32)
        .collect();
    let flipped = named("kindness").with(VectorChange::Flip);
    let nowhere = Asset::File("/nowhere/at/all.safetensors".into());
    let all = vec![named("kindness"), flipped, named("bravery"), nowhere];
    let request = study(&bench, all);
    let run = bench.study(Study::Vectors(request));
    let news = bench.news(run);
    let table = last(&news);
    assert_eq!(table.inputs, (INPUTS, INPUTS));
    assert_eq!(table.rows.len(), 3);
    assert!(table.rows[0].recommended && table.rows[0].block == 2);
    close(&table.rows[0].slopes, &alone);
    let mirrored: Vec<f32> = alone.iter().map(|s| -s).collect();
    close(&table.rows[1].slopes, &mirrored);
    assert!(table.rows.iter().all(|r| r.interval.is_some()));
    let left_out = news.iter().find_map(|n| match n {
        StudyNews::Remark(words) => Some(words.clone()),
        _ => None,
    });
    assert!(left_out.is_some_and(|w| w.contains("all.safetensors")));
    bench.end();
}

#[test]
fn at_equal_kappa_lengths_do_not_matter_and_the_store_has_them_for_the_next_session() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("runs.sqlite");
    let longer = named("kindness").with(VectorChange::Scale(steerscope::protocol::Factor(2.5)));
    let ask = |bench: &Bench| VectorsStudy {
        equal_kappa: Some(named("kindness")),
        own_blocks: false,
        ..study(
            bench,
            vec![longer.clone(), named("kindness"), named("mood")],
        )
    };
    let mut bench = Bench::start(Some(&store));
    let request = ask(&bench);
    let run = bench.study(Study::Vectors(request));
    let first = last(&bench.news(run));
    assert!(first.rows.iter().all(|r| r.block == 3 && !r.recommended));
    close(&first.rows[0].slopes, &first.rows[1].slopes);
    assert!((first.rows[0].scale - 0.4).abs() < 1e-4);
    let kappas: Vec<f32> = first.rows.iter().filter_map(|r| r.kappa).collect();
    assert!(
        kappas.iter().all(|k| (k - kappas[0]).abs() < 1e-5),
        "{kappas:?}"
    );
    assert_eq!(
        first.reference.as_ref().map(|r| r.0.as_str()),
        Some("kindness")
    );
    bench.end();
    let mut bench = Bench::start(Some(&store));
    let request = ask(&bench);
    let run = bench.study(Study::Vectors(request));
    let news = bench.news(run);
    let second = last(&news);
    assert!(second.rows.iter().all(|r| r.from_store));
    assert_eq!(second.rows[2].slopes, first.rows[2].slopes);
    let Some(StudyNews::Finished { from_store, .. }) = news.last() else {
        panic!("no end");
    };
    assert_eq!(*from_store, 3);
    bench.end();
}

#[test]
fn without_a_vector_that_fits_it_is_refused_with_words() {
    let mut bench = Bench::start(None);
    let request = study(
        &bench,
        vec![Asset::File("/nowhere/at/all.safetensors".into())],
    );
    bench.study(Study::Vectors(request));
    loop {
        if let Event::Failed(failure) = bench.events.recv_timeout(super::LIMIT).unwrap() {
            assert!(failure.message.contains("F2"), "{failure:?}");
            break;
        }
    }
    bench.end();
}
