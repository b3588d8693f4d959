//! Windows over one or several series: of a fixed number of rows, or of event time, `(t - span, t]`.
//!
//! A row where one of the series is NaN is missing for all of them. A window that holds such a row answers NaN, and recovers once it has
//! left.

use std::collections::VecDeque;

use super::error::EngineError;
use super::history::{Gate, History};
use super::kernel::{Args, Kernel, Rows, Sampler, Taken};
use super::tape::Tape;

/// What is kept of the rows inside a window. Rows are let in and out in order; NaN never gets here. `at` is the row's stamp in a window of
/// time, its number in a window of rows.
pub(super) trait Statistic<const N: usize>: Send + Sync {
    fn enter(&mut self, at: i64, x: [f64; N]);
    fn leave(&mut self, at: i64, x: [f64; N]);
    /// The answer over `n` rows.
    fn value(&self, n: usize) -> f64;
    fn clear(&mut self);
    /// Whether rows that have left still weigh on the bits of the answer. Then `renew` is called and the rows of the window enter again.
    fn stale(&self, _n: usize) -> bool {
        false
    }
    fn renew(&mut self, _n: usize) {
        self.clear();
    }
    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError>;
}

#[inline(always)]
fn missing<const N: usize>(x: [f64; N]) -> bool {
    x.iter().any(|x| x.is_nan())
}

/// A window of `n` rows.
pub(super) struct RowWindow<S, const N: usize> {
    n: usize,
    row: i64,
    histories: [History; N],
    gate: Gate,
    statistic: S,
}

impl<S: Statistic<N>, const N: usize> RowWindow<S, N> {
    pub fn new(n: usize, statistic: S) -> Self {
        Self {
            n,
            row: 0,
            histories: std::array::from_fn(|_| History::new(n, f64::NAN)),
            gate: Gate::new(n as u64),
            statistic,
        }
    }

    #[inline(always)]
    fn step(&mut self, x: [f64; N]) -> f64 {
        self.row += 1;
        let mut old = [0.0; N];
        for ((history, old), x) in self.histories.iter_mut().zip(&mut old).zip(x) {
            *old = history.push(x);
        }
        if !missing(old) {
            self.statistic.leave(self.row - self.n as i64, old);
        }
        let hole = missing(x);
        if !hole {
            self.statistic.enter(self.row, x);
        }
        if !self.gate.pass(if hole { f64::NAN } else { 0.0 }) {
            return f64::NAN;
        }
        if self.statistic.stale(self.n) {
            self.again();
        }
        self.statistic.value(self.n)
    }

    #[cold]
    fn again(&mut self) {
        self.statistic.renew(self.n);
        let first = self.row - self.n as i64 + 1;
        let windows = self.histories.each_ref().map(History::window);
        for (i, at) in (0..self.n).zip(first..) {
            self.statistic.enter(at, windows.map(|window| window[i]));
        }
    }
}

impl<S: Statistic<N>, const N: usize> Kernel for RowWindow<S, N> {
    fn update(&mut self, _rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        let x: [&[f64]; N] = std::array::from_fn(|i| args.get(i));
        for (r, out) in out.iter_mut().enumerate() {
            *out = self.step(x.map(|x| x[r]));
        }
    }

    fn reset(&mut self) {
        self.row = 0;
        self.histories.iter_mut().for_each(History::reset);
        self.gate.reset();
        self.statistic.clear();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.i64(&mut self.row)?;
        self.histories.iter_mut().try_for_each(|history| history.tape(tape))?;
        self.gate.tape(tape)?;
        self.statistic.tape(tape)
    }
}

const NEVER: i64 = i64::MAX;

/// A window of event time. It answers once `span` has passed since the first row without a NaN.
pub(super) struct TimeWindow<S, const N: usize> {
    span: i64,
    since: i64,
    holes: i64,
    queue: VecDeque<(i64, [f64; N])>,
    statistic: S,
}

impl<S: Statistic<N>, const N: usize> TimeWindow<S, N> {
    pub fn new(span: i64, statistic: S) -> Self {
        Self {
            span,
            since: NEVER,
            holes: 0,
            queue: VecDeque::new(),
            statistic,
        }
    }

    fn forget(&mut self, edge: i64) {
        while let Some(&(ts, x)) = self.queue.front() {
            if ts > edge {
                break;
            }
            self.queue.pop_front();
            if missing(x) {
                self.holes -= 1;
            } else {
                self.statistic.leave(ts, x);
            }
        }
        if self.queue.is_empty() {
            self.statistic.clear();
        }
    }

    /// A later row lies at or after `ts`, so what is too old for `ts` may go now: the queue stays as short as the window.
    pub fn take(&mut self, ts: i64, x: [f64; N]) {
        self.forget(ts.saturating_sub(self.span));
        if missing(x) {
            if self.since == NEVER {
                return;
            }
            self.holes += 1;
        } else {
            self.since = self.since.min(ts);
            self.statistic.enter(ts, x);
        }
        self.queue.push_back((ts, x));
    }

    /// The answer as of `t`.
    pub fn ask(&mut self, t: i64) -> f64 {
        let edge = t.saturating_sub(self.span);
        self.forget(edge);
        if self.since > edge || self.holes > 0 {
            return f64::NAN;
        }
        let n = self.queue.len();
        if self.statistic.stale(n) {
            self.statistic.renew(n);
            for (ts, x) in &self.queue {
                self.statistic.enter(*ts, *x);
            }
        }
        self.statistic.value(n)
    }

    fn forget_all(&mut self) {
        (self.since, self.holes) = (NEVER, 0);
        self.queue.clear();
        self.statistic.clear();
    }

    fn walk(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.i64(&mut self.since)?;
        tape.i64(&mut self.holes)?;
        tape.rows(&mut self.queue)?;
        self.statistic.tape(tape)
    }
}

impl<S: Statistic<N>, const N: usize> Kernel for TimeWindow<S, N> {
    fn update(&mut self, rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        let x: [&[f64]; N] = std::array::from_fn(|i| args.get(i));
        for ((r, out), ts) in out.iter_mut().enumerate().zip(rows.ts) {
            self.take(*ts, x.map(|x| x[r]));
            *out = self.ask(*ts);
        }
    }

    fn reset(&mut self) {
        self.forget_all();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.walk(tape)
    }
}

impl<S: Statistic<N>, const N: usize> Sampler for TimeWindow<S, N> {
    fn absorb(&mut self, ts: &[i64], x: Taken<'_>) {
        for (i, ts) in ts.iter().enumerate() {
            self.take(*ts, std::array::from_fn(|series| x.get(series)[i]));
        }
    }

    fn answer(&mut self, t: i64) -> f64 {
        self.ask(t)
    }

    fn reset(&mut self) {
        self.forget_all();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.walk(tape)
    }
}
