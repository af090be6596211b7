//! The published figures: their number, what the paper says about all of them, and how they are found.

use steerscope::measure::reference::{HEADLINES, PUBLISHED, Provenance, published};
use steerscope::stats::{mean, spearman};

#[test]
fn the_rows_give_the_aggregates_that_are_stated_of_them() {
    assert_eq!(PUBLISHED.len(), 38);
    let of = |pick: fn(&steerscope::measure::reference::PublishedRow) -> f64| -> Vec<f64> {
        PUBLISHED.iter().map(pick).collect()
    };
    let anti = of(|r| r.anti_percent);
    assert!((mean(&anti).unwrap() - 21.5).abs() < 0.05);
    let least = anti.iter().copied().fold(f64::MAX, f64::min);
    let most = anti.iter().copied().fold(f64::MIN, f64::max);
    assert_eq!((least, most), (0.5, 49.2));
    assert_eq!(anti.iter().filter(|a| **a > 100.0 / 3.0).count(), 10);
    let explained = of(|r| r.letter_share + r.word_share);
    let above = |share: f64| explained.iter().filter(|e| **e > share + 1e-9).count();
    assert_eq!((above(0.5), above(0.75)), (21, 12));
    let correlation = spearman(&of(|r| r.median), &anti).unwrap();
    assert!((correlation + 0.86).abs() < 0.005, "{correlation}");
}

#[test]
fn every_row_is_in_itself_possible() {
    for row in &PUBLISHED {
        let [lower, upper] = row.quartiles;
        assert!(lower < row.median && row.median < upper, "{}", row.dataset);
        assert!((0.0..=1.0).contains(&(row.letter_share + row.word_share)));
        assert!(row.variance > 0.0 && (400..=1100).contains(&row.n));
        // At most a quarter is anti-steerable where the lower quartile is positive, and the reverse.
        assert_eq!(row.anti_percent < 25.0, lower > 0.0, "{}", row.dataset);
    }
    assert!(PUBLISHED.is_sorted_by(|a, b| a.median >= b.median));
}

#[test]
fn a_row_is_found_by_its_files_name_however_it_is_spelled() {
    for name in ["narcissism", "Narcissism", " NARCISSISM "] {
        assert_eq!(published(name).unwrap().median, 0.11, "{name}");
    }
    for name in [
        "anti-LGBTQ-rights",
        "anti_lgbtq_rights",
        "Anti lgbtq-Rights",
    ] {
        assert_eq!(published(name).unwrap().dataset, "anti-LGBTQ-rights");
    }
    let found = published("self-awareness-training-nn-architecture");
    assert_eq!(found.unwrap().variance, 1.22);
    assert_eq!(published("sycophancy_test").unwrap().n, 1100);
    for row in &PUBLISHED {
        assert_eq!(published(row.dataset), Some(row));
    }
    for none in ["", "kindness", "corrigible-more-HHH", "narcissism2"] {
        assert_eq!(published(none), None, "{none}");
    }
}

#[test]
fn headlines_say_where_they_come_from() {
    let secondary = HEADLINES
        .iter()
        .filter(|h| h.provenance == Provenance::Secondary);
    assert_eq!((HEADLINES.len(), secondary.count()), (11, 3));
    let named = |word: &str| {
        HEADLINES
            .iter()
            .find(|h| h.quantity.contains(word))
            .unwrap()
    };
    assert_eq!(
        (named("USER_NEG").llama, named("BASE -> BASE").qwen),
        (0.916, 1.97)
    );
}
