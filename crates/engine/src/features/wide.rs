//! Numbers of about 100 bits: two doubles, the second far below the first.
//!
//! What a window answers must not depend on what has passed through it before. Sums and products are therefore carried in so many bits
//! that the last rounding, to one double, sees the same number whichever way it came about.

use super::math::{Pair, sum_error};

/// `high + low`, the second below half a unit in the last place of the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Wide {
    pub high: f64,
    pub low: f64,
}

/// A product and its rounding error (Dekker).
#[inline(always)]
pub(super) fn product(a: f64, b: f64) -> (f64, f64) {
    let (s, t) = (134_217_729.0 * a, 134_217_729.0 * b);
    let (a_high, b_high) = (s - (s - a), t - (t - b));
    let (a_low, b_low) = (a - a_high, b - b_high);
    let p = a * b;
    (p, ((a_high * b_high - p) + a_high * b_low + a_low * b_high) + a_low * b_low)
}

impl Wide {
    #[inline(always)]
    fn of(high: f64, low: f64) -> Self {
        let s = high + low;
        Self {
            high: s,
            low: low - (s - high),
        }
    }

    /// `x - y`, exactly.
    #[inline(always)]
    pub fn difference(x: f64, y: f64) -> Self {
        let d = x - y;
        Self {
            high: d,
            low: sum_error(x, -y, d),
        }
    }

    /// The nearest double. What lies halfway between two, but for the last of the hundred bits, always goes to the larger.
    #[inline(always)]
    pub fn value(self) -> f64 {
        const NUDGE: f64 = 1.0 / (1_u128 << 80) as f64;
        self.high + (self.low + NUDGE * self.high.abs())
    }

    #[inline(always)]
    pub fn times(self, other: Self) -> Self {
        let (p, e) = product(self.high, other.high);
        Self::of(p, e + (self.high * other.low + self.low * other.high))
    }

    #[inline(always)]
    pub fn scaled(self, factor: f64) -> Self {
        let (p, e) = product(self.high, factor);
        Self::of(p, e + self.low * factor)
    }

    #[inline(always)]
    pub fn plus(self, other: Self) -> Self {
        let s = self.high + other.high;
        Self::of(s, sum_error(self.high, other.high, s) + (self.low + other.low))
    }

    #[inline(always)]
    pub fn minus(self, other: Self) -> Self {
        self.plus(Self {
            high: -other.high,
            low: -other.low,
        })
    }

    /// A hundred bits of `self / divisor`.
    #[inline(always)]
    pub fn over(self, divisor: f64) -> Self {
        let q = self.high / divisor;
        let (p, e) = product(q, divisor);
        Self::of(q, ((self.high - p) - e + self.low) / divisor)
    }

    /// `self - other` rounded to a double; 0 where nothing but rounding is left of them.
    #[inline(always)]
    pub fn less(self, other: Self) -> f64 {
        let value = self.minus(other).value();
        if value.abs() > 1e-28 * (self.high.abs() + other.high.abs()) || value.is_nan() {
            value
        } else {
            0.0
        }
    }
}

impl From<Pair> for Wide {
    #[inline(always)]
    fn from(pair: Pair) -> Self {
        let s = pair.high + pair.low;
        Self {
            high: s,
            low: sum_error(pair.high, pair.low, s),
        }
    }
}
