//! Mean, variance, kurtosis.

/// Arithmetic mean; `None` for an empty slice.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Sample variance with the n − 1 denominator; `None` below two values.
pub fn variance(values: &[f64]) -> Option<f64> {
    let n = values.len();
    if n < 2 {
        return None;
    }
    let centre = mean(values)?;
    Some(values.iter().map(|x| (x - centre).powi(2)).sum::<f64>() / (n - 1) as f64)
}

/// Sample standard deviation with the n − 1 denominator; `None` below two values.
pub fn sd(values: &[f64]) -> Option<f64> {
    variance(values).map(f64::sqrt)
}

/// Excess kurtosis G2 with the small-sample correction; 0 for a normal distribution.
///
/// `None` below four values or when all values are equal.
pub fn excess_kurtosis(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    if values.len() < 4 {
        return None;
    }
    let (centre, sd) = (mean(values)?, sd(values)?);
    if sd == 0.0 {
        return None;
    }
    let fourth: f64 = values.iter().map(|x| ((x - centre) / sd).powi(4)).sum();
    let scale = n * (n + 1.0) / ((n - 1.0) * (n - 2.0) * (n - 3.0));
    Some(scale * fourth - 3.0 * (n - 1.0).powi(2) / ((n - 2.0) * (n - 3.0)))
}
