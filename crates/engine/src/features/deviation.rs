//! The mean absolute deviation of a window.

use std::collections::VecDeque;

use super::error::EngineError;
use super::math::tame;
use super::slide::Statistic;
use super::tape::Tape;

/// Mean distance of the numbers to their mean; NaN over nothing.
///
/// There is no sum that slides: the mean moves with every row. The window is walked twice, oldest first, four sums side by side.
#[derive(Default)]
pub(super) struct Deviation(VecDeque<(i64, f64)>);

impl Deviation {
    fn mean(&self, f: impl Fn(f64) -> f64) -> f64 {
        let mut sums = [0.0; 4];
        for (i, (_, x)) in self.0.iter().enumerate() {
            sums[i % 4] += f(*x);
        }
        ((sums[0] + sums[1]) + (sums[2] + sums[3])) / self.0.len() as f64
    }
}

impl Statistic<1> for Deviation {
    fn enter(&mut self, at: i64, [x]: [f64; 1]) {
        self.0.push_back((at, x));
    }

    fn leave(&mut self, _at: i64, _x: [f64; 1]) {
        self.0.pop_front();
    }

    fn value(&self, _n: usize) -> f64 {
        let base = self.0.front().map_or(f64::NAN, |(_, x)| *x);
        let mean = base + self.mean(|x| x - base);
        tame(self.mean(|x| (x - mean).abs()))
    }

    fn clear(&mut self) {
        self.0.clear();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.queue(&mut self.0)
    }
}
