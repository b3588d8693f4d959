//! Implied volatility: the volatility at which Black's formula gives a price.

use crate::options::black::{Contract, log_time_value};
use crate::options::normal::normal_cdf;

const MOST_STEPS: usize = 100;

impl Contract {
    /// The volatility per year at which the contract is worth `price` (discounted, as quoted).
    ///
    /// NaN where no volatility does: below the intrinsic value, at or above the value at infinite volatility, or with nothing left to expiry.
    /// A price equal to the intrinsic value has volatility 0. Elsewhere it inverts `price` as well as the price's own rounding allows.
    pub fn implied_volatility(&self, price: f64) -> f64 {
        if !self.is_sound() || self.years <= 0.0 || !price.is_finite() {
            return f64::NAN;
        }
        let value = price / self.discount - self.intrinsic();
        if value <= 0.0 {
            return if value == 0.0 { 0.0 } else { f64::NAN };
        }
        if value >= self.forward.min(self.strike) {
            return f64::NAN;
        }
        let x = -(self.forward / self.strike).ln().abs();
        deviation(x, value / (self.forward * self.strike).sqrt()) / self.years.sqrt()
    }
}

/// The deviation s at which the normalised time value b(x, s) is `beta`; x <= 0 < beta. NaN for beta >= exp(x/2).
///
/// b rises from 0 to exp(x/2) and bends once, at s = √(2|x|). Left of it √(-1/log b) is nearly a straight line in s, far right √(-log(1 - b/bmax))
/// is, and between the bend and half of the maximum b itself is concave: a Newton step on what is nearly straight converges in a few steps. A
/// bracket catches the rest. After P. Jäckel, "Let's be rational", Wilmott (2015).
fn deviation(x: f64, beta: f64) -> f64 {
    let most = (0.5 * x).exp();
    if beta.is_nan() || beta >= most {
        return f64::NAN;
    }
    let bend = (-2.0 * x).sqrt();
    if bend > 0.0 {
        let (log_value, _) = log_time_value(x, bend);
        if beta.ln() < log_value {
            let (goal, at_bend) = ((-1.0 / beta.ln()).sqrt(), (-1.0 / log_value).sqrt());
            let line = |s: f64| {
                let (log_value, slope) = log_time_value(x, s);
                let level = (-1.0 / log_value).sqrt();
                (level, 0.5 * level.powi(3) * slope)
            };
            return solve(line, goal, (0.0, bend), bend * goal / at_bend);
        }
    }
    if beta < 0.5 * most {
        let rise = |s: f64| {
            let (log_value, slope) = log_time_value(x, s);
            let value = log_value.exp();
            (value, value * slope)
        };
        // the slope at the bend is the steepest, so this start lies left of the answer
        let (value, slope) = if bend > 0.0 { rise(bend) } else { (0.0, 0.398_942_280_401_432_7) };
        return solve(rise, beta, (bend, f64::INFINITY), bend + (beta - value) / slope);
    }
    let goal = (-((most - beta) / most).ln()).sqrt();
    let line = |s: f64| {
        let (h, t) = (x / s, 0.5 * s);
        let rest = normal_cdf(-(h + t)) + (-x).exp() * normal_cdf(h - t);
        let level = (-rest.ln()).sqrt();
        let slope = (-0.5 * (h + t) * (h + t)).exp() * 0.398_942_280_401_432_7 / rest;
        (level, 0.5 * slope / level)
    };
    solve(line, goal, (bend, f64::INFINITY), bend.max(2.0 * std::f64::consts::SQRT_2 * goal))
}

/// The place inside `bracket` where the rising function `f` (value, slope) reaches `goal`, by Newton steps that never leave what is left of the
/// bracket.
fn solve(f: impl Fn(f64) -> (f64, f64), goal: f64, bracket: (f64, f64), start: f64) -> f64 {
    let (mut low, mut high) = bracket;
    let mut s = start.clamp(low, high);
    if s <= low {
        s = if high.is_finite() { 0.5 * (low + high) } else { low + f64::EPSILON };
    }
    for _ in 0..MOST_STEPS {
        let (value, slope) = f(s);
        let error = goal - value;
        if error == 0.0 {
            return s;
        }
        if error > 0.0 {
            low = s;
        } else {
            high = s;
        }
        let step = error / slope;
        let newton = s + step;
        // the error after a step is of the order of its square
        if step.abs() <= 1e-9 * s {
            return newton.clamp(low, high);
        }
        s = if newton > low && newton < high {
            newton
        } else if high.is_finite() {
            0.5 * (low + high)
        } else {
            2.0 * s.max(1e-300)
        };
    }
    s
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(forward: f64) -> Contract {
        Contract {
            forward,
            strike: 100.0,
            years: 0.25,
            discount: 0.99,
            side: 1.0,
        }
    }

    #[test]
    fn inverts_the_price_over_wild_inputs() {
        for forward in [1e-3, 20.0, 90.0, 99.999_999, 100.0, 100.1, 150.0, 900.0] {
            for volatility in [0.005, 0.05, 0.2, 0.9, 3.0, 12.0] {
                let contract = Contract {
                    side: if forward < 100.0 { 1.0 } else { -1.0 },
                    ..call(forward)
                };
                let price = contract.price(volatility);
                let found = contract.implied_volatility(price);
                let rounding = 8.0 * f64::EPSILON * 100.0 / contract.greeks(volatility).vega;
                if price > 1e-290 && price < 0.98 * forward.min(100.0) {
                    assert!(
                        (found - volatility).abs() < 1e-12 * volatility + rounding,
                        "{forward} {volatility} {found}"
                    );
                }
            }
        }
    }

    #[test]
    fn refuses_what_no_volatility_gives() {
        assert!(call(120.0).implied_volatility(19.0).is_nan());
        assert!(call(120.0).implied_volatility(119.0).is_nan());
        assert!(call(120.0).implied_volatility(f64::NAN).is_nan());
        assert_eq!(
            Contract {
                discount: 1.0,
                ..call(120.0)
            }
            .implied_volatility(20.0),
            0.0
        );
        assert!(Contract { years: 0.0, ..call(120.0) }.implied_volatility(21.0).is_nan());
    }
}
