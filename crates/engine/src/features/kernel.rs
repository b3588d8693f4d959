//! The two kinds of operator: one that answers on the rows of its arguments, one that carries events over to the clock.

use super::clock::NEVER;
use super::error::EngineError;
use super::tape::Tape;

/// Rows of one axis: their stamps and the session they belong to.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub ts: &'a [i64],
    pub session: i64,
}

/// Argument columns of an operator, as they stand in the block buffer.
#[derive(Clone, Copy)]
pub(super) struct Args<'a> {
    pub buffer: &'a [f64],
    pub stride: usize,
    pub ids: &'a [u32],
    pub rows: usize,
}

impl<'a> Args<'a> {
    /// Column of the `i`-th argument.
    #[inline(always)]
    pub fn get(&self, i: usize) -> &'a [f64] {
        let start = self.ids[i] as usize * self.stride;
        &self.buffer[start..start + self.rows]
    }
}

/// An operator on one axis. `update` sees some rows in order; how rows are cut into calls never changes a bit of the answers.
pub(super) trait Kernel: Send + Sync {
    fn update(&mut self, rows: Rows<'_>, args: Args<'_>, out: &mut [f64]);
    /// Forget everything: a new segment, or a new session under the policy `reset`.
    fn reset(&mut self) {}
    /// A new session has begun (also called under `carry`).
    fn open(&mut self) {}
    fn tape(&mut self, _tape: &mut Tape) -> Result<(), EngineError> {
        Ok(())
    }
}

/// Some rows of the argument columns.
#[derive(Clone, Copy)]
pub(super) struct Taken<'a> {
    pub args: Args<'a>,
    pub from: usize,
    pub to: usize,
}

impl<'a> Taken<'a> {
    /// These rows of the `i`-th argument.
    #[inline(always)]
    pub fn get(&self, i: usize) -> &'a [f64] {
        &self.args.get(i)[self.from..self.to]
    }
}

/// An operator from the rows of one axis to those of another: rows are taken in as they come, the answer is given at the other's.
pub(super) trait Sampler: Send + Sync {
    fn absorb(&mut self, ts: &[i64], x: Taken<'_>);
    fn answer(&mut self, t: i64) -> f64;
    /// The answer, where it stays as it is until rows are taken in.
    fn held(&self) -> Option<f64> {
        None
    }

    /// The answers on the very rows that are taken in, each after its own.
    fn on_rows(&mut self, ts: &[i64], args: Args<'_>, out: &mut [f64]) {
        for (i, out) in out.iter_mut().enumerate() {
            let (from, to) = (i, i + 1);
            self.absorb(&ts[from..to], Taken { args, from, to });
            *out = self.answer(ts[i]);
        }
    }

    fn reset(&mut self);
    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError>;
}

/// The last value of another stream, as of now; NaN once it is older than its time to live.
pub(super) struct Latch {
    ttl: i64,
    last: i64,
    value: f64,
}

impl Latch {
    pub fn new(ttl: Option<i64>) -> Self {
        Self {
            ttl: ttl.unwrap_or(i64::MAX),
            last: NEVER,
            value: f64::NAN,
        }
    }
}

impl Sampler for Latch {
    fn absorb(&mut self, ts: &[i64], x: Taken<'_>) {
        if let (Some(ts), Some(x)) = (ts.last(), x.get(0).last()) {
            (self.last, self.value) = (*ts, *x);
        }
    }

    fn held(&self) -> Option<f64> {
        (self.ttl == i64::MAX).then_some(self.value)
    }

    fn answer(&mut self, t: i64) -> f64 {
        if t.saturating_sub(self.last) > self.ttl {
            f64::NAN
        } else {
            self.value
        }
    }

    fn reset(&mut self) {
        (self.last, self.value) = (NEVER, f64::NAN);
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.i64(&mut self.last)?;
        tape.f64(&mut self.value)
    }
}

/// Seconds since the last row of a stream, or where `HELD` since the last on which a condition held; NaN before the first.
pub(super) struct SecondsSince<const HELD: bool>(i64);

impl<const HELD: bool> Default for SecondsSince<HELD> {
    fn default() -> Self {
        Self(NEVER)
    }
}

impl<const HELD: bool> Sampler for SecondsSince<HELD> {
    fn absorb(&mut self, ts: &[i64], x: Taken<'_>) {
        let counts = |x: f64| !HELD || (x != 0.0 && !x.is_nan());
        if let Some((ts, _)) = ts.iter().zip(x.get(0)).rev().find(|(_, x)| counts(**x)) {
            self.0 = *ts;
        }
    }

    fn answer(&mut self, t: i64) -> f64 {
        if self.0 == NEVER {
            f64::NAN
        } else {
            t.saturating_sub(self.0) as f64 / 1e9
        }
    }

    fn reset(&mut self) {
        self.0 = NEVER;
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.i64(&mut self.0)
    }
}
