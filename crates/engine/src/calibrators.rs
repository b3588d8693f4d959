//! Corrections of a forecast's law, fitted in Python; the formulas of `tickcast.calibrators`.

use serde::Deserialize;

use crate::law::Law;

/// One correction; a bundle applies them in list order.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Calibrator {
    /// Nothing is changed.
    Identity {},
    /// Bucket probabilities to the power 1/T, one T per horizon.
    Temperature { values: Vec<f64> },
    /// New cdf = G(F), G piecewise linear through (levels, values[h]).
    Pit { levels: Vec<f64>, values: Vec<Vec<f64>> },
}

impl Calibrator {
    /// Err when it does not fit the law or the number of horizons.
    pub fn check(&self, law: &Law, horizons: usize) -> Result<(), String> {
        let rises = |row: &[f64]| row.first() == Some(&0.0) && row.last() == Some(&1.0) && row.windows(2).all(|w| w[1] > w[0]);
        match self {
            Calibrator::Identity {} => Ok(()),
            Calibrator::Temperature { values } => {
                let sound = values.len() == horizons && values.iter().all(|t| t.is_finite() && *t > 0.0);
                if sound && matches!(law, Law::Buckets { .. }) {
                    Ok(())
                } else {
                    Err("temperatures do not fit the law".into())
                }
            }
            Calibrator::Pit { levels, values } => {
                let fits = values.len() == horizons && values.iter().all(|row| row.len() == levels.len() && rises(row));
                if fits && rises(levels) {
                    Ok(())
                } else {
                    Err("a PIT map must increase from 0 to 1 on its levels".into())
                }
            }
        }
    }

    /// Changes the settled parameters of horizon `h`; `spare` is room to work in.
    pub fn apply(&self, law: &Law, h: usize, values: &mut [f64], spare: &mut Vec<f64>) {
        match (self, law) {
            (Calibrator::Identity {}, _) => {}
            (Calibrator::Temperature { values: t }, _) if t[h] == 1.0 => {}
            (Calibrator::Temperature { values: t }, _) => {
                let most = values.iter().fold(f64::NEG_INFINITY, |most, p| most.max(p.ln()));
                values.iter_mut().for_each(|p| *p = ((p.ln() - most) / t[h]).exp());
                normalise(values);
            }
            (Calibrator::Pit { levels, values: map }, Law::Buckets { .. }) => {
                let (mut below, mut before, last) = (0.0, 0.0, values.len() - 1);
                for (k, p) in values.iter_mut().enumerate() {
                    below += *p;
                    let upto = if k == last {
                        1.0
                    } else {
                        interpolate(below.min(1.0), levels, &map[h])
                    };
                    *p = upto - before;
                    before = upto;
                }
                normalise(values);
            }
            (Calibrator::Pit { levels, values: map }, Law::Quantiles { levels: t }) => {
                spare.clear();
                spare.extend(t.iter().map(|level| law.quantile(h, values, interpolate(*level, &map[h], levels))));
                let mut most = f64::NEG_INFINITY;
                for (value, new) in values.iter_mut().zip(spare.iter()) {
                    most = most.max(*new);
                    *value = most;
                }
            }
        }
    }
}

fn normalise(values: &mut [f64]) {
    let total: f64 = values.iter().sum();
    values.iter_mut().for_each(|p| *p /= total);
}

/// numpy.interp: y at x on the line through (xs, ys).
fn interpolate(x: f64, xs: &[f64], ys: &[f64]) -> f64 {
    let k = xs.partition_point(|a| *a <= x);
    if k == 0 {
        return ys[0];
    }
    if k == xs.len() {
        return ys[k - 1];
    }
    (ys[k] - ys[k - 1]) / (xs[k] - xs[k - 1]) * (x - xs[k - 1]) + ys[k - 1]
}
