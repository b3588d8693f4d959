//! How large a log-return one unit of z is, from the features of the row; the formulas of `tickcast.scales`.

use serde::Deserialize;

use crate::trees::Trees;

/// A log scale is held inside ±50, as `tickcast.scales.exponential` does.
fn exp_of_log(exponent: f64, floor: f64) -> f64 {
    exponent.clamp(-50.0, 50.0).exp().max(floor)
}

/// A scale per horizon.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Scale {
    /// z is the log-return.
    Unit,
    /// z counts price ticks: scale = tick / price.
    Ticks { tick: f64 },
    /// exp(weights · columns + intercept), at least `floor`.
    LogLinear {
        columns: Vec<String>,
        weights: Vec<Vec<f64>>,
        intercept: Vec<f64>,
        floor: f64,
    },
    /// exp of an ensemble of trees over the columns, one per horizon.
    Trees {
        columns: Vec<String>,
        floor: f64,
        models: Vec<Trees>,
    },
}

impl Scale {
    /// Names of the features it reads, in the order `evaluate` takes them.
    pub fn columns(&self) -> &[String] {
        match self {
            Scale::Unit | Scale::Ticks { .. } => &[],
            Scale::LogLinear { columns, .. } | Scale::Trees { columns, .. } => columns,
        }
    }

    /// Err when it is malformed or not made for `horizons`.
    pub fn check(&self, horizons: usize) -> Result<(), String> {
        match self {
            Scale::Unit => Ok(()),
            Scale::Ticks { tick } if *tick > 0.0 && tick.is_finite() => Ok(()),
            Scale::Ticks { tick } => Err(format!("tick {tick} is not positive")),
            Scale::LogLinear {
                columns,
                weights,
                intercept,
                floor,
            } => {
                let fits = weights.len() == horizons && intercept.len() == horizons && weights.iter().all(|row| row.len() == columns.len());
                let finite = weights.iter().flatten().chain(intercept).all(|x| x.is_finite()) && *floor > 0.0;
                if fits && finite {
                    Ok(())
                } else {
                    Err(format!("weights, intercept or floor do not fit {horizons} horizons"))
                }
            }
            Scale::Trees { columns, floor, models } => {
                if models.len() != horizons || floor.is_nan() || *floor <= 0.0 {
                    return Err(format!(
                        "{} tree models and floor {floor} do not fit {horizons} horizons",
                        models.len()
                    ));
                }
                models.iter().try_for_each(|model| model.check(columns.len()))
            }
        }
    }

    /// Writes one scale per horizon. False when one of them is not positive and finite.
    pub fn evaluate(&self, features: &[f64], price: f64, out: &mut [f64]) -> bool {
        match self {
            Scale::Unit => out.fill(1.0),
            Scale::Ticks { tick } => out.fill(tick / price),
            Scale::LogLinear {
                weights, intercept, floor, ..
            } => {
                for ((scale, row), start) in out.iter_mut().zip(weights).zip(intercept) {
                    let exponent = row.iter().zip(features).map(|(w, x)| w * x).sum::<f64>() + start;
                    *scale = exponent.exp().max(*floor);
                }
            }
            Scale::Trees { models, floor, .. } => {
                for (scale, model) in out.iter_mut().zip(models) {
                    *scale = exp_of_log(model.evaluate(features), *floor);
                }
            }
        }
        out.iter().all(|s| s.is_finite() && *s > 0.0)
    }
}
