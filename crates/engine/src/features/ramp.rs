//! The linearly weighted mean of a window.

use super::error::EngineError;
use super::math::{Pair, tame};
use super::moments::tape_pairs;
use super::slide::Statistic;
use super::tape::Tape;
use super::wide::{Wide, product};

/// Mean with weights 1 for the oldest number to `n` for the newest; NaN over nothing.
///
/// Kept are the sum and the sum of `number * x`, numbers counted from `origin`, which follows the window.
#[derive(Default)]
pub(super) struct Ramp {
    entered: i64,
    left: i64,
    origin: i64,
    sum: Pair,
    moment: Pair,
    /// Sum of the sizes inside, and the largest that has been let out.
    size: f64,
    peak: f64,
}

impl Ramp {
    #[inline(always)]
    fn count(&mut self, number: i64, x: f64) {
        let (p, e) = product((number - self.origin) as f64, x);
        self.sum.add(x, 0.0);
        self.moment.add(p, e);
    }
}

impl Statistic<1> for Ramp {
    fn enter(&mut self, _at: i64, [x]: [f64; 1]) {
        self.entered += 1;
        self.count(self.entered, x);
        self.size += x.abs();
    }

    fn leave(&mut self, _at: i64, [x]: [f64; 1]) {
        self.left += 1;
        self.count(self.left, -x);
        self.size -= x.abs();
        self.peak = self.peak.max(x.abs());
        let (inside, shift) = (self.entered - self.left, self.left - self.origin);
        if shift > inside {
            let s = shift as f64;
            let (p, e) = product(s, self.sum.high);
            self.moment.add(-p, -e - s * self.sum.low);
            self.origin = self.left;
        }
    }

    fn value(&self, n: usize) -> f64 {
        if n == 0 {
            return f64::NAN;
        }
        let n = n as f64;
        let shift = (self.left - self.origin) as f64;
        tame(Wide::from(self.moment).less(Wide::from(self.sum).scaled(shift)) / (0.5 * n * (n + 1.0)))
    }

    fn stale(&self, _n: usize) -> bool {
        // a giant has left: what it took along from the sums is more than the answer may lose
        let sound = self.peak <= 1e6 * self.size || self.peak == 0.0;
        !sound
    }

    fn clear(&mut self) {
        *self = Self::default();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        for number in [&mut self.entered, &mut self.left, &mut self.origin] {
            tape.i64(number)?;
        }
        let mut pairs = [self.sum, self.moment];
        tape_pairs(&mut pairs, tape)?;
        [self.sum, self.moment] = pairs;
        tape.f64(&mut self.size)?;
        tape.f64(&mut self.peak)
    }
}
