//! How a cost grows with n: the exponent of the power that fits best.

/// The slope of the line through the logarithms, by least squares; nothing for less than two
/// different places or a value that has no logarithm.
pub(super) fn exponent(points: &[(u64, f64)]) -> Option<f64> {
    if points.iter().any(|(n, value)| *n == 0 || *value <= 0.0) {
        return None;
    }
    let logs: Vec<_> = points.iter().map(|(n, value)| ((*n as f64).ln(), value.ln())).collect();
    let count = logs.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| logs.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|(x, _)| *x), mean(|(_, y)| *y));
    let spread: f64 = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let common: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    (spread > 1e-9).then(|| common / spread)
}

/// The exponent that a formula comes to when n is large.
pub(super) fn growth(formula: impl Fn(usize) -> u64) -> u64 {
    let (small, large) = (formula(512) as f64, formula(1024) as f64);
    (large / small).log2().round().max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponent_of_a_power_is_its_own() {
        for power in [0, 1, 2, 3] {
            let points: Vec<_> =
                [4, 7, 16, 31].map(|n: u64| (n, 5.0 * (n.pow(power) as f64))).into();
            let found = exponent(&points).expect("there are four places");
            assert!((found - f64::from(power)).abs() < 1e-9, "{power}: {found}");
        }
        assert_eq!(exponent(&[(4, 1.0)]), None);
        assert_eq!(exponent(&[(4, 1.0), (4, 2.0)]), None);
        assert_eq!(exponent(&[(4, 0.0), (7, 2.0)]), None);
        assert_eq!((growth(|n| (n * n + 9 * n) as u64), growth(|n| 8 * (n as u64 - 1))), (2, 1));
    }
}
