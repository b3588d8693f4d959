//! What is known since the session opened, and since something last happened.

use super::error::EngineError;
use super::kernel::{Args, Kernel, Rows};
use super::tape::Tape;

/// What is kept of a session's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Minimum,
    Maximum,
    /// How many numbers there were: an answer on every row.
    Count,
    /// The first number, on every row from it on.
    First,
}

/// Extremes, count and first value since the session opened. A NaN leaves the state as it is; the extremes are NaN on it.
pub(super) struct Cumulative {
    kept: Kept,
    value: f64,
}

impl Cumulative {
    pub fn new(kept: Kept) -> Self {
        let value = if kept == Kept::Count { 0.0 } else { f64::NAN };
        Self { kept, value }
    }

    #[inline(always)]
    fn step(&mut self, x: f64) -> f64 {
        if x.is_nan() {
            return if matches!(self.kept, Kept::Minimum | Kept::Maximum) {
                f64::NAN
            } else {
                self.value
            };
        }
        let value = self.value;
        self.value = match self.kept {
            Kept::Count => value + 1.0,
            _ if value.is_nan() => x,
            Kept::Minimum if x < value => x,
            Kept::Maximum if x > value => x,
            _ => value,
        };
        self.value
    }
}

impl Kernel for Cumulative {
    fn update(&mut self, _rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        for (out, x) in out.iter_mut().zip(args.get(0)) {
            *out = self.step(*x);
        }
    }

    fn reset(&mut self) {
        *self = Self::new(self.kept);
    }

    fn open(&mut self) {
        *self = Self::new(self.kept);
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.f64(&mut self.value)
    }
}

/// Rows since the condition last held, 0 on such a row; NaN before the first and where the condition is NaN.
pub(super) struct RowsSince(f64);

impl Default for RowsSince {
    fn default() -> Self {
        Self(f64::NAN)
    }
}

impl Kernel for RowsSince {
    fn update(&mut self, _rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        for (out, x) in out.iter_mut().zip(args.get(0)) {
            self.0 = if *x != 0.0 && !x.is_nan() { 0.0 } else { self.0 + 1.0 };
            *out = if x.is_nan() { f64::NAN } else { self.0 };
        }
    }

    fn reset(&mut self) {
        *self = Self::default();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.f64(&mut self.0)
    }
}

/// Length of the run of rows with the sign of this one, negative for a run below zero; 0 where the value is 0. A NaN leaves it as it is.
#[derive(Default)]
pub(super) struct Streak(f64);

impl Kernel for Streak {
    fn update(&mut self, _rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        for (out, x) in out.iter_mut().zip(args.get(0)) {
            if x.is_nan() {
                *out = f64::NAN;
                continue;
            }
            self.0 = if *x > 0.0 {
                self.0.max(0.0) + 1.0
            } else if *x < 0.0 {
                self.0.min(0.0) - 1.0
            } else {
                0.0
            };
            *out = self.0;
        }
    }

    fn reset(&mut self) {
        self.0 = 0.0;
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.f64(&mut self.0)
    }
}
