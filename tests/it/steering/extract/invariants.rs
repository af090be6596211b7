//! What must hold for any differences.

use proptest::prelude::*;
use steerscope::steering::{Method, pair_direction};

use super::{OF_PAIRS, cosine};

fn rows() -> impl Strategy<Value = Vec<Vec<f32>>> {
    // More and fewer rows than columns, around a common difference as real pairs have it.
    (2_usize..12, 2_usize..12, any::<u64>()).prop_map(|(n, d, seed)| {
        let mut random = steerscope::stats::MersenneTwister::new(seed);
        let mut draw = || f64::from(random.next_u32()) / f64::from(u32::MAX) - 0.5;
        let common: Vec<f64> = (0..d).map(|_| draw()).collect();
        let mut row = || common.iter().map(|c| (c + draw()) as f32).collect();
        (0..n).map(|_| row()).collect()
    })
}

fn values(method: Method, rows: &[Vec<f32>]) -> Vec<f32> {
    pair_direction(method, rows, 3).expect("a direction").values
}

fn negated(rows: &[Vec<f32>]) -> Vec<Vec<f32>> {
    rows.iter()
        .map(|row| row.iter().map(|x| -x).collect())
        .collect()
}

/// First and second eigenvalue of the rows' scatter by power iteration with deflation.
fn gap(rows: &[Vec<f32>], centred: bool) -> f64 {
    let (n, d) = (rows.len() as f64, rows[0].len());
    let mut wide: Vec<Vec<f64>> = rows
        .iter()
        .map(|r| r.iter().map(|x| f64::from(*x)).collect())
        .collect();
    if centred {
        for j in 0..d {
            let mean = wide.iter().map(|r| r[j]).sum::<f64>() / n;
            for row in &mut wide {
                row[j] -= mean;
            }
        }
    }
    let mut top = Vec::new();
    for _ in 0..2 {
        let mut v: Vec<f64> = (0..d).map(|i| 1.0 + (i as f64 * 0.7).sin()).collect();
        let mut value = 0.0;
        for _ in 0..3000 {
            let mut next = vec![0.0; d];
            for row in &wide {
                let along: f64 = row.iter().zip(&v).map(|(a, b)| a * b).sum();
                next.iter_mut().zip(row).for_each(|(x, r)| *x += along * r);
            }
            value = next.iter().map(|x| x * x).sum::<f64>().sqrt();
            if value < 1e-14 {
                break;
            }
            v = next.iter().map(|x| x / value).collect();
        }
        top.push(value);
        for row in &mut wide {
            let along: f64 = row.iter().zip(&v).map(|(a, b)| a * b).sum();
            row.iter_mut().zip(&v).for_each(|(x, v)| *x -= along * v);
        }
    }
    1.0 - top[1] / top[0].max(1e-300)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn exchanging_the_roles_negates_exactly(rows in rows()) {
        for method in OF_PAIRS {
            // A tie among the pairs leaves the sign to chance.
            let got = pair_direction(method, &rows, 3).unwrap();
            prop_assume!(got.sign_defined);
            let other = values(method, &negated(&rows));
            let negative: Vec<f32> = got.values.iter().map(|x| -x).collect();
            prop_assert_eq!(&other, &negative, "{}", method);
        }
    }

    #[test]
    fn the_order_of_pairs_does_not_matter(rows in rows()) {
        let mut back = rows.clone();
        back.reverse();
        for method in [Method::Mean, Method::Pca, Method::Logistic, Method::RepengDiff] {
            prop_assume!(gap(&rows, method == Method::RepengDiff) > 0.05);
            let got = pair_direction(method, &rows, 3).unwrap();
            prop_assume!(got.sign_defined);
            prop_assert!(cosine(&got.values, &values(method, &back)) > 1.0 - 1e-6, "{}", method);
        }
    }

    #[test]
    fn doubled_pairs_change_mean_and_component_not(rows in rows()) {
        let twice = [rows.clone(), rows.clone()].concat();
        for method in [Method::Mean, Method::Pca] {
            prop_assume!(gap(&rows, false) > 0.05);
            let (a, b) = (values(method, &rows), values(method, &twice));
            prop_assert!(cosine(&a, &b) > 1.0 - 1e-6, "{}", method);
        }
    }

    #[test]
    fn mirrored_rows_leave_the_axis(rows in rows()) {
        prop_assume!(gap(&rows, false) > 0.05);
        let mirrored = [rows.clone(), negated(&rows)].concat();
        let got = pair_direction(Method::Pca, &mirrored, 0).unwrap();
        prop_assert!(!got.sign_defined);
        prop_assert!(cosine(&got.values, &values(Method::Pca, &rows)).abs() > 1.0 - 1e-6);
    }

    #[test]
    fn a_constant_is_lost_on_the_centred_component_only(rows in rows()) {
        prop_assume!(gap(&rows, true) > 0.05 && rows.len() > 2);
        let moved: Vec<Vec<f32>> = rows.iter().map(|r| r.iter().map(|x| x + 4.0).collect()).collect();
        let (a, b) = (values(Method::RepengDiff, &rows), values(Method::RepengDiff, &moved));
        prop_assert!(cosine(&a, &b).abs() > 1.0 - 1e-4);
        let along = vec![1.0_f32; rows[0].len()];
        prop_assert!(cosine(&values(Method::Pca, &moved), &along) > 0.9);
    }

    #[test]
    fn component_around_the_middle_is_the_uncentred_one(rows in rows()) {
        let (a, b) = (values(Method::RepengCenter, &rows), values(Method::Pca, &rows));
        prop_assert!(cosine(&a, &b).abs() > 1.0 - 1e-9);
    }

    #[test]
    fn inner_products_and_scatter_give_the_same(rows in rows()) {
        let d = rows[0].len();
        let mut wide = rows.clone();
        for row in &mut wide {
            row.resize(30, 0.0);
        }
        for method in [Method::Pca, Method::Logistic, Method::RepengDiff] {
            prop_assume!(gap(&rows, method == Method::RepengDiff) > 0.05);
            let (a, b) = (values(method, &rows), values(method, &wide));
            prop_assert!(cosine(&a, &b[..d]).abs() > 1.0 - 1e-6, "{}", method);
        }
    }

    #[test]
    fn length_enters_the_mean_only(rows in rows()) {
        prop_assume!(gap(&rows, false) > 0.05 && gap(&rows, true) > 0.05);
        let scaled: Vec<Vec<f32>> = rows.iter().map(|r| r.iter().map(|x| x * 4.0).collect()).collect();
        for method in [Method::Pca, Method::RepengDiff, Method::RepengCenter, Method::Lat] {
            let (a, b) = (values(method, &rows), values(method, &scaled));
            prop_assert!(cosine(&a, &b) > 1.0 - 1e-6, "{}", method);
        }
        let (a, b) = (values(Method::Mean, &rows), values(Method::Mean, &scaled));
        prop_assert!(a.iter().zip(&b).all(|(a, b)| (4.0 * a - b).abs() < 1e-6));
    }
}
