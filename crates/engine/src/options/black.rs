//! Prices and sensitivities of European options: Black-76 on a forward, Black–Scholes–Merton on a spot.
//!
//! F. Black, "The pricing of commodity contracts", J. Financial Economics 3 (1976); F. Black and M. Scholes, J. Political Economy 81 (1973);
//! R. C. Merton, Bell J. Economics 4 (1973). Volatilities and rates are per year, as fractions; `side` is +1 for a call, -1 for a put.

use crate::options::normal::{LOG_ROOT_TWO_PI, erfcx, mills_slope, normal_cdf, normal_density};
use std::f64::consts::FRAC_1_SQRT_2;

/// One option: what its value depends on besides the volatility.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contract {
    /// Forward of the underlying for the expiry.
    pub forward: f64,
    /// Strike, in the same currency.
    pub strike: f64,
    /// Years to expiry.
    pub years: f64,
    /// Present value of 1 paid at expiry.
    pub discount: f64,
    /// +1 call, -1 put.
    pub side: f64,
}

/// A value and its sensitivities, in natural units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Greeks {
    /// Value in quote currency.
    pub price: f64,
    /// Change of the value per unit of the underlying (forward or spot).
    pub delta: f64,
    /// Change of delta per unit of the underlying.
    pub gamma: f64,
    /// Change of the value per 1.00 of volatility.
    pub vega: f64,
    /// Change of the value per year that passes.
    pub theta: f64,
}

impl Greeks {
    const UNKNOWN: Self = Self {
        price: f64::NAN,
        delta: f64::NAN,
        gamma: f64::NAN,
        vega: f64::NAN,
        theta: f64::NAN,
    };
}

impl Contract {
    /// Whether every number is one that an option can have.
    pub fn is_sound(&self) -> bool {
        let positive = |x: f64| x > 0.0 && x.is_finite();
        positive(self.forward)
            && positive(self.strike)
            && positive(self.discount)
            && self.years >= 0.0
            && self.years.is_finite()
            && self.side.abs() == 1.0
    }

    /// Undiscounted value if the forward stood still.
    pub fn intrinsic(&self) -> f64 {
        (self.side * (self.forward - self.strike)).max(0.0)
    }

    /// Value at this volatility; NaN where the contract or the volatility is impossible.
    pub fn price(&self, volatility: f64) -> f64 {
        let deviation = volatility * self.years.sqrt();
        if !self.is_sound() || deviation.is_nan() || deviation < 0.0 {
            return f64::NAN;
        }
        // the out-of-the-money option carries all time value, so nothing cancels
        let value = time_value((self.forward / self.strike).ln(), deviation) * (self.forward * self.strike).sqrt();
        // at most the underlying or the strike, whatever the last rounding says
        self.discount * (self.intrinsic() + value.min(self.forward.min(self.strike)))
    }

    /// Change of the value per 1.00 of volatility.
    pub fn vega(&self, volatility: f64) -> f64 {
        let deviation = volatility * self.years.sqrt();
        let d1 = (self.forward / self.strike).ln() / deviation + 0.5 * deviation;
        self.discount * self.forward * normal_density(d1) * self.years.sqrt()
    }

    /// Value and sensitivities with respect to the forward, the forward held fixed as time passes.
    pub fn greeks(&self, volatility: f64) -> Greeks {
        let price = self.price(volatility);
        let deviation = volatility * self.years.sqrt();
        if price.is_nan() || deviation <= 0.0 || !deviation.is_finite() {
            return Greeks { price, ..Greeks::UNKNOWN };
        }
        let d1 = (self.forward / self.strike).ln() / deviation + 0.5 * deviation;
        let density = self.discount * normal_density(d1);
        let rate = -self.discount.ln() / self.years;
        Greeks {
            price,
            delta: self.discount * self.side * normal_cdf(self.side * d1),
            gamma: density / (self.forward * deviation),
            vega: self.forward * density * self.years.sqrt(),
            theta: rate * price - 0.5 * self.forward * density * volatility / self.years.sqrt(),
        }
    }

    /// Value and sensitivities with respect to a spot at `spot`, whose carry to expiry is what leads to the forward.
    pub fn spot_greeks(&self, spot: f64, volatility: f64) -> Greeks {
        let on_forward = self.greeks(volatility);
        if on_forward.delta.is_nan() || !(spot > 0.0 && spot.is_finite()) {
            return Greeks {
                price: on_forward.price,
                ..Greeks::UNKNOWN
            };
        }
        let growth = self.forward / spot;
        // the spot held fixed, the forward rolls down its own curve: its growth rate is rate - dividend yield
        let carry = growth.ln() / self.years;
        Greeks {
            delta: on_forward.delta * growth,
            gamma: on_forward.gamma * growth * growth,
            theta: on_forward.theta - on_forward.delta * self.forward * carry,
            ..on_forward
        }
    }
}

/// Logarithm of the normalised time value and its slope against the deviation.
///
/// The normalised value of the out-of-the-money option is b(x, s) = Φ(x/s + s/2) exp(x/2) - Φ(x/s - s/2) exp(-x/2) with x = -|log(F/K)| and
/// s = volatility · √years, in units of √(F K). Returns (log b, b'/b): neither under- nor overflows. P. Jäckel, "Let's be rational" (2015).
pub(crate) fn log_time_value(x: f64, s: f64) -> (f64, f64) {
    let (h, t) = (x / s, 0.5 * s);
    let exponent = -0.5 * (h * h + t * t) - LOG_ROOT_TWO_PI;
    // b = exp(exponent) (mills(h + t) - mills(h - t))
    let width = if t < 0.02 * (1.0 - h) {
        // where the two ratios are nearly equal their difference is the integral of the slope: Gauss-Legendre, four points
        let near = mills_slope(h + 0.339_981_043_584_856_26 * t) + mills_slope(h - 0.339_981_043_584_856_26 * t);
        let far = mills_slope(h + 0.861_136_311_594_052_6 * t) + mills_slope(h - 0.861_136_311_594_052_6 * t);
        t * (0.652_145_154_862_546_1 * near + 0.347_854_845_137_453_9 * far)
    } else if h + t < 2.0 {
        1.253_314_137_315_500_3 * (erfcx(-(h + t) * FRAC_1_SQRT_2) - erfcx(-(h - t) * FRAC_1_SQRT_2))
    } else {
        let value = (0.5 * x).exp() * normal_cdf(h + t) - (-0.5 * x).exp() * normal_cdf(h - t);
        return (value.ln(), (exponent - value.ln()).exp());
    };
    (exponent + width.ln(), 1.0 / width)
}

/// The normalised time value b(x, s) of `log_time_value`, for any sign of `x`; 0 at s = 0, exp(-|x|/2) at infinity.
pub(crate) fn time_value(x: f64, s: f64) -> f64 {
    let x = -x.abs();
    if s == 0.0 {
        return 0.0;
    }
    if s.is_infinite() {
        return (0.5 * x).exp();
    }
    log_time_value(x, s).0.exp()
}
