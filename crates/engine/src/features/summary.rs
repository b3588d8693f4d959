//! What a window keeps of its values: total, count, extremes, order.

use std::collections::VecDeque;

use super::error::EngineError;
use super::math::{Pair, tame};
use super::tape::Tape;

/// What is kept of the values inside a window. Values are let in and out in order; NaN never gets here.
pub(super) trait Summary: Send + Sync {
    fn enter(&mut self, at: i64, x: f64);
    fn leave(&mut self, at: i64, x: f64);
    /// The answer over `n` numbers.
    fn value(&self, n: usize) -> f64;
    fn clear(&mut self);
    fn tape(&mut self, _tape: &mut Tape) -> Result<(), EngineError> {
        Ok(())
    }
}

/// Sum; 0 over nothing.
#[derive(Default)]
pub(super) struct Total(Pair);

impl Summary for Total {
    fn enter(&mut self, _at: i64, x: f64) {
        self.0.add(x, 0.0);
    }

    fn leave(&mut self, _at: i64, x: f64) {
        self.0.add(-x, 0.0);
    }

    fn value(&self, _n: usize) -> f64 {
        tame(self.0.value())
    }

    fn clear(&mut self) {
        self.0 = Pair::default();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.f64(&mut self.0.high)?;
        tape.f64(&mut self.0.low)
    }
}

/// How many numbers there are.
#[derive(Default)]
pub(super) struct Tally;

impl Summary for Tally {
    fn enter(&mut self, _at: i64, _x: f64) {}
    fn leave(&mut self, _at: i64, _x: f64) {}
    fn value(&self, n: usize) -> f64 {
        n as f64
    }
    fn clear(&mut self) {}
}

/// Smallest (`SIGN` 1) or largest (-1) value, by a queue of candidates; NaN over nothing.
#[derive(Default)]
pub(super) struct Extreme<const SIGN: i8> {
    queue: VecDeque<(i64, f64)>,
    entered: i64,
    left: i64,
}

impl<const SIGN: i8> Summary for Extreme<SIGN> {
    fn enter(&mut self, _at: i64, x: f64) {
        let sign = f64::from(SIGN);
        while self.queue.back().is_some_and(|(_, last)| sign * last >= sign * x) {
            self.queue.pop_back();
        }
        self.queue.push_back((self.entered, x));
        self.entered += 1;
    }

    fn leave(&mut self, _at: i64, _x: f64) {
        if self.queue.front().is_some_and(|(number, _)| *number == self.left) {
            self.queue.pop_front();
        }
        self.left += 1;
    }

    fn value(&self, _n: usize) -> f64 {
        self.queue.front().map_or(f64::NAN, |(_, x)| *x)
    }

    fn clear(&mut self) {
        self.queue.clear();
        (self.entered, self.left) = (0, 0);
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.i64(&mut self.entered)?;
        tape.i64(&mut self.left)?;
        tape.queue(&mut self.queue)
    }
}

/// Quantile with linear interpolation between order statistics (numpy's default); NaN over nothing.
pub(super) struct Quantile {
    level: f64,
    sorted: Vec<f64>,
}

impl Quantile {
    pub fn new(level: f64) -> Self {
        Self { level, sorted: Vec::new() }
    }
}

impl Summary for Quantile {
    fn enter(&mut self, _at: i64, x: f64) {
        let at = self.sorted.partition_point(|y| y.total_cmp(&x).is_lt());
        self.sorted.insert(at, x);
    }

    fn leave(&mut self, _at: i64, x: f64) {
        let at = self.sorted.partition_point(|y| y.total_cmp(&x).is_lt());
        if at < self.sorted.len() {
            self.sorted.remove(at);
        }
    }

    fn value(&self, n: usize) -> f64 {
        if n == 0 || n != self.sorted.len() {
            return f64::NAN;
        }
        let place = self.level * (n - 1) as f64;
        let low = (place.floor() as usize).min(n - 1);
        let (a, b) = (self.sorted[low], self.sorted[(low + 1).min(n - 1)]);
        tame(a + (b - a) * (place - low as f64))
    }

    fn clear(&mut self) {
        self.sorted.clear();
    }
}
