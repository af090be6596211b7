//! A vector in the making: steps, snapshots, cancellation, groups of blocks.

use std::sync::Arc;

use steerscope::engine::Cancel;
use steerscope::steering::{
    Extraction, Extractor, Method, PairSet, Source, extract, meta, pair_activations,
};
use steerscope::units::BlockIndex;

use super::{OF_PAIRS, cosine, made, pairs};
use crate::measure::support::tiny;

/// Enough pairs for several passes.
fn many(model: &Arc<steerscope::engine::Model>) -> PairSet {
    let mut set = pairs(model);
    set.pairs = set.pairs.iter().cycle().take(120).cloned().collect();
    set
}

#[test]
fn the_mean_is_that_of_the_plain_function() {
    let model = tiny();
    let set = pairs(&model);
    let want = steerscope::steering::extract_mean(
        &model,
        "test",
        "tiny",
        &set,
        &mut |_, _| {},
        &Cancel::never(),
    )
    .unwrap();
    let got = made(&model, Method::Mean, Source::Pairs(set));
    assert_eq!(got.vector, want);
    assert!(got.complete);
}

#[test]
fn a_snapshot_in_the_middle_is_the_vector_of_the_pairs_read() {
    let model = tiny();
    let set = many(&model);
    for method in OF_PAIRS {
        let how = Extraction {
            watch: Some(BlockIndex(2)),
            ..Extraction::new(method)
        };
        let source = Source::Pairs(set.clone());
        let mut extractor = Extractor::new(&model, "v", "tiny", source, &how).unwrap();
        assert_eq!(extractor.snapshot(&model).unwrap_err().id(), "nothing-read");
        let done = extractor.step(&model, &Cancel::never()).unwrap();
        assert!(done > 0 && done < extractor.total());
        let middle = extractor.snapshot(&model).unwrap();
        assert_eq!((middle.complete, middle.texts), (false, [done, done]));
        assert_eq!(
            middle.vector.metadata[meta::STOPPED_AFTER],
            format!("{done} of 120")
        );
        let mut part = set.clone();
        part.pairs.truncate(done);
        let want = made(&model, method, Source::Pairs(part.clone()));
        assert_eq!(middle.vector.directions, want.vector.directions, "{method}");
        // What predictors need.
        let never = Cancel::never();
        let read = pair_activations(&model, &part, BlockIndex(2), &mut |_, _| {}, &never).unwrap();
        assert_eq!(extractor.watched(), Some(&read));
    }
}

#[test]
fn cancelling_keeps_what_was_read() {
    let model = tiny();
    let set = many(&model);
    let current = Arc::new(std::sync::atomic::AtomicU64::new(1));
    let cancel = Cancel::new(Arc::clone(&current), 1);
    let mut read = 0;
    let mut progress = |done, _: usize, _: &Extractor| {
        if done > 0 {
            read = done;
            current.store(2, std::sync::atomic::Ordering::Release);
        }
    };
    let how = Extraction::new(Method::Pca);
    let source = Source::Pairs(set.clone());
    let got = extract(&model, "v", "tiny", source, &how, &mut progress, &cancel).unwrap();
    assert!(!got.complete && read > 0 && read < 120);
    assert_eq!(got.texts, [read, read]);
    assert_eq!(got.vector.metadata[meta::N_POS], read.to_string());
    // Before anything is read there is nothing to keep.
    let source = Source::Pairs(set);
    let refused = extract(
        &model,
        "v",
        "tiny",
        source,
        &how,
        &mut |_, _, _| {},
        &cancel,
    );
    assert!(refused.unwrap_err().is_cancelled());
}

#[test]
fn a_small_memory_reads_the_pairs_again_for_the_same_vector() {
    let model = tiny();
    let set = many(&model);
    let wide = made(&model, Method::Pca, Source::Pairs(set.clone()));
    let how = Extraction {
        memory: 1,
        ..Extraction::new(Method::Pca)
    };
    let source = Source::Pairs(set);
    let mut extractor = Extractor::new(&model, "test", "tiny", source, &how).unwrap();
    assert_eq!((extractor.total(), extractor.passes()), (4 * 120, 4));
    while extractor.step(&model, &Cancel::never()).unwrap() < extractor.total() {}
    let got = extractor.finish(&model).unwrap();
    assert!(got.complete);
    assert_eq!(got.vector, wide.vector);
    for (a, b) in got.blocks.iter().zip(&wide.blocks) {
        assert_eq!(a, b);
    }
}

#[test]
fn reports_say_what_is_to_be_known() {
    let model = tiny();
    let set = pairs(&model);
    let mean = made(&model, Method::Mean, Source::Pairs(set.clone()));
    for method in OF_PAIRS {
        let got = made(&model, method, Source::Pairs(set.clone()));
        assert_eq!(got.vector.metadata[meta::METHOD], method.name());
        assert_eq!(got.vector.metadata[meta::UNIT], method.unit());
        for (b, report) in got.blocks.iter().enumerate() {
            let v = got.vector.direction(BlockIndex(b)).unwrap();
            let m = mean.vector.direction(BlockIndex(b)).unwrap();
            assert_eq!((report.block, report.n), (BlockIndex(b), 5));
            assert!((report.cosine_to_mean.unwrap() - cosine(v, m)).abs() < 1e-5);
            let mut squares: Vec<f64> = v.iter().map(|x| f64::from(*x).powi(2)).collect();
            squares.sort_by(f64::total_cmp);
            let share = squares.iter().rev().take(2).sum::<f64>() / squares.iter().sum::<f64>();
            assert!((report.top_two_share - share).abs() < 1e-9);
            let components = [
                Method::Pca,
                Method::Lat,
                Method::RepengDiff,
                Method::RepengCenter,
            ];
            assert_eq!(
                report.explained_share.is_some(),
                components.contains(&method)
            );
        }
    }
}

#[test]
fn one_pair_and_centred_methods() {
    let model = tiny();
    let mut set = pairs(&model);
    set.pairs.truncate(1);
    for (method, id) in [
        (Method::RepengDiff, "no-spread"),
        (Method::Lat, "no-spread"),
    ] {
        let how = Extraction::new(method);
        let source = Source::Pairs(set.clone());
        let never = Cancel::never();
        let refused = extract(&model, "v", "t", source, &how, &mut |_, _, _| {}, &never);
        let refused = refused.unwrap_err();
        assert_eq!(refused.id(), id);
        assert!(refused.to_string().contains("two pairs"), "{refused}");
    }
    let mean = made(&model, Method::Mean, Source::Pairs(set.clone()));
    for method in [Method::Pca, Method::Logistic, Method::RepengCenter] {
        let got = made(&model, method, Source::Pairs(set.clone()));
        for (b, v) in &got.vector.directions {
            assert!(
                cosine(v, &mean.vector.directions[b]) > 1.0 - 1e-6,
                "{method}"
            );
        }
    }
    // Two texts that are the same up to the position read.
    set.pairs[0].negative = set.pairs[0].positive.clone();
    for method in OF_PAIRS {
        let how = Extraction::new(method);
        let source = Source::Pairs(set.clone());
        let never = Cancel::never();
        let refused = extract(&model, "v", "t", source, &how, &mut |_, _, _| {}, &never);
        assert_eq!(refused.unwrap_err().id(), "no-difference", "{method}");
    }
}
