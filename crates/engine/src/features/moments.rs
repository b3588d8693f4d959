//! Variance, skewness and excess kurtosis, from sums of powers of the distance to a value near the window's mean.

use super::error::EngineError;
use super::math::{Pair, tame};
use super::slide::Statistic;
use super::tape::Tape;
use super::wide::Wide;

/// A series seen from `base`, a value near its mean, so that sums of powers lose nothing to the level.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Level {
    /// Whether `base` has been chosen.
    set: bool,
    base: f64,
    last: f64,
    peak: f64,
}

impl Level {
    /// The distance of a value that enters.
    #[inline(always)]
    pub fn enter(&mut self, x: f64) -> Wide {
        if !self.set {
            (self.set, self.base) = (true, x);
        }
        let d = self.distance(x);
        (self.last, self.peak) = (x, self.peak.max(d.high.abs()));
        d
    }

    #[inline(always)]
    pub fn distance(&self, x: f64) -> Wide {
        Wide::difference(x, self.base)
    }

    /// The distance of the newest value.
    pub fn newest(&self) -> Wide {
        self.distance(self.last)
    }

    /// Whether the base lies `far` deviations from the mean, or a value has left that is `reach` times larger than all inside: both
    /// squared.
    #[inline(always)]
    pub fn stale(&self, first: Pair, second: Pair, n: usize, far: f64, reach: f64) -> bool {
        let (s, q) = (first.value(), second.value());
        let spread = q - s * s / n as f64;
        let sound = q == 0.0 && self.peak == 0.0 || spread * far >= q && self.peak * self.peak <= reach * q;
        !sound
    }

    /// Choose the base anew: the newest value (then a flat window has distances of exactly 0), or the mean where that one lies far off.
    pub fn renew(&mut self, first: Pair, second: Pair, n: usize) {
        let n = n as f64;
        let (mean, square) = (first.value() / n, second.value() / n);
        let off = self.newest().high - mean;
        let base = self.base + mean;
        let far = off * off > 4.0 * square && base.is_finite();
        *self = Self {
            set: true,
            base: if far { base } else { self.last },
            last: self.last,
            peak: 0.0,
        };
    }

    pub fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        let mut set = u64::from(self.set);
        tape.u64(&mut set)?;
        self.set = set == 1;
        tape.f64(&mut self.base)?;
        tape.f64(&mut self.last)?;
        tape.f64(&mut self.peak)
    }
}

pub(super) fn tape_pairs(pairs: &mut [Pair], tape: &mut Tape) -> Result<(), EngineError> {
    for pair in pairs {
        tape.f64(&mut pair.high)?;
        tape.f64(&mut pair.low)?;
    }
    Ok(())
}

/// Sums of the first `K` powers: 2 for the unbiased variance, 3 for the skewness, 4 for the excess kurtosis, as pandas adjusts them
/// (Joanes and Gill 1998: G1 and G2). NaN over fewer than `K` numbers;
/// the shapes are where all are equal, too.
#[derive(Default)]
pub(super) struct Moments<const K: usize> {
    level: Level,
    sums: [Pair; 4],
}

impl<const K: usize> Moments<K> {
    #[inline(always)]
    fn count(&mut self, d: Wide, sign: f64) {
        let square = d.times(d);
        let mut add = |i: usize, power: Wide| self.sums[i].add(sign * power.high, sign * power.low);
        add(0, d);
        add(1, square);
        if K >= 3 {
            add(2, square.times(d));
        }
        if K == 4 {
            add(3, square.times(square));
        }
    }
}

impl<const K: usize> Statistic<1> for Moments<K> {
    fn enter(&mut self, _at: i64, [x]: [f64; 1]) {
        let d = self.level.enter(x);
        self.count(d, 1.0);
    }

    fn leave(&mut self, _at: i64, [x]: [f64; 1]) {
        self.count(self.level.distance(x), -1.0);
    }

    fn value(&self, count: usize) -> f64 {
        if count < K {
            return f64::NAN;
        }
        shape::<K>(count as f64, self.sums.map(Wide::from))
    }

    fn stale(&self, n: usize) -> bool {
        self.level.stale(self.sums[0], self.sums[1], n, 64.0, 4096.0)
    }

    fn renew(&mut self, n: usize) {
        self.level.renew(self.sums[0], self.sums[1], n);
        self.sums = Default::default();
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.level.tape(tape)?;
        tape_pairs(&mut self.sums, tape)
    }
}

/// Variance, skewness or excess kurtosis of `n` numbers from the sums of their first four powers, whatever they are seen from.
#[inline(always)]
pub(super) fn shape<const K: usize>(n: f64, [s1, s2, s3, s4]: [Wide; 4]) -> f64 {
    let square = s1.times(s1);
    // n, n², n³ times the sums of powers around the mean
    let a2 = s2.scaled(n).less(square);
    if K == 2 {
        let spread = if a2 < 0.0 { 0.0 } else { a2 };
        return tame(spread / (n * (n - 1.0)));
    }
    let value = if K == 3 {
        let a3 = s3
            .scaled(n * n)
            .plus(square.times(s1).scaled(2.0))
            .less(s1.times(s2).scaled(3.0 * n));
        let skew = (n * (n - 1.0)).sqrt() / (n - 2.0) * (a3 / (a2 * a2.sqrt()));
        // a symmetric window: what is left is the rounding of its values, not of these sums
        if skew.abs() < 1e-13 { 0.0 } else { skew }
    } else {
        let gain = s4.scaled(n).scaled(n * n).plus(square.times(s2).scaled(6.0 * n));
        let loss = s1.times(s3).scaled(4.0 * n * n).plus(square.times(square).scaled(3.0));
        let a4 = gain.less(loss);
        (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * (a4 / (a2 * a2)) - 3.0 * (n - 1.0))
    };
    if a2 > 0.0 { tame(value) } else { f64::NAN }
}
