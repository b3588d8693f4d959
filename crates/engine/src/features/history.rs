//! The last `n` values of a series, and the count that says whether a window of them is whole.

use super::error::EngineError;
use super::kernel::{Args, Kernel, Rows};
use super::tape::Tape;

/// Rows computed in one go. The answers do not depend on it.
pub(super) const BLOCK: usize = 512;

/// The last `n` values of a series, so laid out that the value leaving a window stands `n` places before the one entering it.
pub(super) struct History {
    n: usize,
    empty: f64,
    buffer: Vec<f64>,
    end: usize,
}

impl History {
    /// `empty` stands for the values before the first.
    pub fn new(n: usize, empty: f64) -> Self {
        Self {
            n,
            empty,
            buffer: vec![empty; n + n.max(BLOCK)],
            end: n,
        }
    }

    /// Take up to `BLOCK` values in, changed by `f`. Returns (values leaving, values entering), row by row.
    #[inline(always)]
    pub fn append(&mut self, x: &[f64], f: impl Fn(f64) -> f64) -> (&[f64], &[f64]) {
        let m = x.len();
        if self.end + m > self.buffer.len() {
            self.buffer.copy_within(self.end - self.n..self.end, 0);
            self.end = self.n;
        }
        let start = self.end;
        self.end += m;
        for (slot, x) in self.buffer[start..self.end].iter_mut().zip(x) {
            *slot = f(*x);
        }
        (&self.buffer[start - self.n..start - self.n + m], &self.buffer[start..start + m])
    }

    pub fn reset(&mut self) {
        self.buffer.fill(self.empty);
        self.end = self.n;
    }

    pub fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.values(&mut self.buffer[self.end - self.n..self.end])
    }
}

/// Lets an answer through once the last `n` values are all numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gate {
    n: u64,
    run: u64,
}

impl Gate {
    pub fn new(n: u64) -> Self {
        Self { n, run: 0 }
    }

    /// Put NaN where the window of `x` is not whole.
    #[inline(always)]
    pub fn close(&mut self, x: &[f64], out: &mut [f64]) {
        if !any_nan(x) {
            let missing = self.n.saturating_sub(self.run + 1).min(x.len() as u64);
            self.run = (self.run + x.len() as u64).min(self.n);
            if missing > 0 {
                out[..usize::try_from(missing).unwrap_or(usize::MAX)].fill(f64::NAN);
            }
            return;
        }
        for (out, x) in out.iter_mut().zip(x) {
            self.run = if x.is_nan() { 0 } else { (self.run + 1).min(self.n) };
            if self.run < self.n {
                *out = f64::NAN;
            }
        }
    }

    pub fn reset(&mut self) {
        self.run = 0;
    }

    pub fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.u64(&mut self.run)
    }
}

/// Whether any of these is NaN.
#[inline(always)]
pub(super) fn any_nan(x: &[f64]) -> bool {
    x.iter().fold(false, |any, x| any | x.is_nan())
}

/// The value `n` rows ago.
pub(super) struct Lag(History);

impl Lag {
    pub fn new(n: usize) -> Self {
        Self(History::new(n, f64::NAN))
    }
}

impl Kernel for Lag {
    fn update(&mut self, _rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        let (old, _) = self.0.append(args.get(0), |x| x);
        out.copy_from_slice(old);
    }

    fn reset(&mut self) {
        self.0.reset();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.0.tape(tape)
    }
}
