//! The two kinds of operator: one that answers on the rows of its arguments, one that carries events over to the clock.

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

/// An operator from events to clock rows: events are taken in as they come, the answer is given at the clock.
pub(super) trait Sampler: Send + Sync {
    fn absorb(&mut self, ts: &[i64], x: &[f64]);
    fn answer(&mut self, t: i64) -> f64;
    fn reset(&mut self);
    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError>;
}

/// The last value of an event series, as of the clock.
pub(super) struct Latch(pub f64);

impl Sampler for Latch {
    fn absorb(&mut self, _ts: &[i64], x: &[f64]) {
        if let Some(last) = x.last() {
            self.0 = *last;
        }
    }

    fn answer(&mut self, _t: i64) -> f64 {
        self.0
    }

    fn reset(&mut self) {
        self.0 = f64::NAN;
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.f64(&mut self.0)
    }
}
