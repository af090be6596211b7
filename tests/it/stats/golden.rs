//! Numbers computed elsewhere (Python: numpy, scipy) from the published formulas.

use steerscope::stats::{
    MersenneTwister, Quartiles, anti_steerable_count, excess_kurtosis, fit_line, mean, quantile,
    quartiles, sd, spearman, variance, wilson,
};
use steerscope::units::DEFAULT_MULTIPLIERS;

use crate::measure::support::{json, numbers};

fn grid() -> Vec<f64> {
    DEFAULT_MULTIPLIERS.iter().map(|m| f64::from(*m)).collect()
}

fn close(got: f64, want: f64) {
    assert!(
        (got - want).abs() <= 1e-9 * want.abs().max(1.0),
        "{got} is not {want}"
    );
}

const ROWS: [[f64; 7]; 3] = [
    [-18.921_875, -15.2, -13.1, -12.9, -12.0, -11.5, -11.9],
    [0.3, 0.1, -0.2, 0.0, -0.4, -0.1, -0.9],
    [1.0; 7],
];

#[test]
fn steerability_of_the_golden_rows() {
    let want = [
        (
            2.111_830_357_1,
            -13.645_982_142_9,
            10.248_760_811_9,
            Some(0.964_285_714_3),
        ),
        (
            -0.3,
            -0.171_428_571_4,
            0.284_285_714_3,
            Some(-0.821_428_571_4),
        ),
        (0.0, 1.0, 0.0, None),
    ];
    for (row, (slope, intercept, sse, rank)) in ROWS.iter().zip(want) {
        let line = fit_line(&grid(), row).unwrap();
        close(line.slope, slope);
        close(line.intercept, intercept);
        close(line.sse, sse);
        match (spearman(&grid(), row), rank) {
            (Some(got), Some(want)) => close(got, want),
            (got, want) => assert_eq!(got, want),
        }
    }
}

#[test]
fn mean_slope_is_the_slope_of_the_mean_curve() {
    let slopes: Vec<f64> = ROWS
        .iter()
        .map(|row| fit_line(&grid(), row).unwrap().slope)
        .collect();
    let curve: Vec<f64> = (0..7)
        .map(|j| ROWS.iter().map(|r| r[j]).sum::<f64>() / 3.0)
        .collect();
    close(mean(&slopes).unwrap(), 0.603_943_452_4);
    close(fit_line(&grid(), &curve).unwrap().slope, 0.603_943_452_4);
    assert_eq!(
        anti_steerable_count(&slopes),
        2,
        "a slope of exactly zero counts as anti-steerable"
    );
}

#[test]
fn golden_statistics_file_is_reproduced() {
    let Some(golden) = json("oracle/golden_statistics.json") else {
        return;
    };
    let x = numbers(&golden["steerability"]["multipliers"]);
    for row in golden["steerability"]["rows"].as_array().unwrap() {
        let y = numbers(&row["propensity"]);
        let line = fit_line(&x, &y).unwrap();
        close(line.slope, row["slope"].as_f64().unwrap());
        close(line.intercept, row["intercept"].as_f64().unwrap());
        close(line.sse, row["sse"].as_f64().unwrap());
        match (spearman(&x, &y), row["spearman"].as_f64()) {
            (Some(got), Some(want)) => close(got, want),
            (got, want) => assert_eq!(got, want),
        }
    }
    let orders = golden["python_random_Random0_shuffle_of_range_n"]
        .as_object()
        .unwrap();
    assert_eq!(orders.len(), 4);
    for (n, want) in orders {
        let order: Vec<f64> = MersenneTwister::new(0)
            .permutation(n.parse().unwrap())
            .into_iter()
            .map(|i| i as f64)
            .collect();
        let first = numbers(&want["first20"]);
        let last = numbers(&want["last5"]);
        assert_eq!(order[..first.len()], first[..], "n = {n}");
        assert_eq!(order[order.len() - last.len()..], last[..], "n = {n}");
        let checksum: f64 = order.iter().enumerate().map(|(i, v)| i as f64 * v).sum();
        assert_eq!(checksum, want["checksum_sum_i_times_v"].as_f64().unwrap());
    }
}

#[test]
fn quantiles_are_those_of_numpy() {
    let values = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6];
    close(quantile(&values, 0.25).unwrap(), 1.775);
    close(quantile(&values, 0.9).unwrap(), 6.5);
    assert_eq!(
        quartiles(&[4.0, 1.0, 3.0, 2.0]),
        Some(Quartiles {
            lower: 1.75,
            median: 2.5,
            upper: 3.25
        })
    );
    assert_eq!(quantile(&[7.0], 0.3), Some(7.0));
    assert_eq!(quantile(&[], 0.5), None);
}

#[test]
fn moments_are_those_of_numpy_and_scipy() {
    let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
    close(mean(&values).unwrap(), 5.0);
    close(variance(&values).unwrap(), 32.0 / 7.0);
    close(sd(&values).unwrap(), 2.138_089_935_3);
    // scipy.stats.kurtosis(values, bias=False)
    close(excess_kurtosis(&values).unwrap(), 0.940_625);
    assert_eq!(sd(&[1.0]), None);
    assert_eq!(excess_kurtosis(&[1.0, 2.0, 3.0]), None);
    assert_eq!(excess_kurtosis(&[2.0; 6]), None);
}

#[test]
fn wilson_intervals_of_the_golden_counts() {
    let i = wilson(20, 100).unwrap();
    assert!(
        (i.low - 0.1334).abs() < 5e-5 && (i.high - 0.2888).abs() < 5e-5,
        "{i:?}"
    );
    let i = wilson(0, 50).unwrap();
    assert!(i.low == 0.0 && (i.high - 0.0713).abs() < 5e-5, "{i:?}");
    assert_eq!(wilson(50, 50).unwrap().high, 1.0);
    assert_eq!(wilson(0, 0), None);
}
