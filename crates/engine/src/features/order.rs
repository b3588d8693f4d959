//! Where the newest value stands among those of its window, and how long ago the extreme was.

use std::collections::VecDeque;

use super::error::EngineError;
use super::slide::Statistic;
use super::tape::Tape;

/// Rank of the newest value as a share of the window, in (0, 1]; ties get the mean of their ranks (pandas: `rank(pct=True)`).
#[derive(Default)]
pub(super) struct Rank {
    sorted: Vec<f64>,
    newest: f64,
}

impl Statistic<1> for Rank {
    fn enter(&mut self, _at: i64, [x]: [f64; 1]) {
        let place = self.sorted.partition_point(|y| *y < x);
        self.sorted.insert(place, x);
        self.newest = x;
    }

    fn leave(&mut self, _at: i64, [x]: [f64; 1]) {
        let place = self.sorted.partition_point(|y| *y < x);
        if place < self.sorted.len() {
            self.sorted.remove(place);
        }
    }

    fn value(&self, n: usize) -> f64 {
        if n == 0 || n != self.sorted.len() {
            return f64::NAN;
        }
        let below = self.sorted.partition_point(|y| *y < self.newest);
        let equal = self.sorted[below..].partition_point(|y| *y <= self.newest);
        (below as f64 + (equal as f64 + 1.0) / 2.0) / n as f64
    }

    fn clear(&mut self) {
        self.sorted.clear();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.f64(&mut self.newest)?;
        tape.list(&mut self.sorted)
    }
}

/// Rows since the smallest (`SIGN` 1) or largest (-1) value: 0 is the newest row. Of equal ones the latest, or the `FIRST`. NaN over nothing.
#[derive(Default)]
pub(super) struct Since<const SIGN: i8, const FIRST: bool> {
    queue: VecDeque<(i64, f64)>,
    entered: i64,
    left: i64,
}

impl<const SIGN: i8, const FIRST: bool> Statistic<1> for Since<SIGN, FIRST> {
    fn enter(&mut self, _at: i64, [x]: [f64; 1]) {
        let sign = f64::from(SIGN);
        let beaten = |last: f64| sign * last > sign * x || (!FIRST && last == x);
        while self.queue.back().is_some_and(|(_, last)| beaten(*last)) {
            self.queue.pop_back();
        }
        self.queue.push_back((self.entered, x));
        self.entered += 1;
    }

    fn leave(&mut self, _at: i64, _x: [f64; 1]) {
        if self.queue.front().is_some_and(|(number, _)| *number == self.left) {
            self.queue.pop_front();
        }
        self.left += 1;
    }

    fn value(&self, _n: usize) -> f64 {
        self.queue
            .front()
            .map_or(f64::NAN, |(number, _)| (self.entered - 1 - number) as f64)
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
