//! Windows of event time, `(t - span, t]`, and the ordered windows (minimum, maximum, quantile) of rows and of time alike.

use std::collections::VecDeque;

use super::error::EngineError;
use super::kernel::{Args, Kernel, Rows, Sampler};
use super::math::{Pair, square, tame, variance};
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

/// Unbiased variance; NaN below two numbers.
#[derive(Default)]
pub(super) struct Spread(Pair, Pair);

impl Summary for Spread {
    fn enter(&mut self, _at: i64, x: f64) {
        let (p, error) = square(x);
        self.0.add(x, 0.0);
        self.1.add(p, error);
    }

    fn leave(&mut self, _at: i64, x: f64) {
        let (p, error) = square(x);
        self.0.add(-x, 0.0);
        self.1.add(-p, -error);
    }

    fn value(&self, n: usize) -> f64 {
        if n < 2 {
            f64::NAN
        } else {
            tame(variance(self.0, self.1, n as f64))
        }
    }

    fn clear(&mut self) {
        (self.0, self.1) = (Pair::default(), Pair::default());
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        for pair in [&mut self.0, &mut self.1] {
            tape.f64(&mut pair.high)?;
            tape.f64(&mut pair.low)?;
        }
        Ok(())
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

/// The value as of `span` before: the last one stamped at or before `t - span`.
pub(super) struct Delayed {
    span: i64,
    queue: VecDeque<(i64, f64)>,
}

impl Delayed {
    pub fn new(span: i64) -> Self {
        Self {
            span,
            queue: VecDeque::new(),
        }
    }

    fn forget(&mut self, then: i64) {
        while self.queue.get(1).is_some_and(|(ts, _)| *ts <= then) {
            self.queue.pop_front();
        }
    }
}

impl Sampler for Delayed {
    fn absorb(&mut self, ts: &[i64], x: &[f64]) {
        for (ts, x) in ts.iter().zip(x) {
            self.forget(ts.saturating_sub(self.span));
            self.queue.push_back((*ts, *x));
        }
    }

    fn answer(&mut self, t: i64) -> f64 {
        let then = t.saturating_sub(self.span);
        self.forget(then);
        self.queue
            .front()
            .map_or(f64::NAN, |(ts, x)| if *ts <= then { *x } else { f64::NAN })
    }

    fn reset(&mut self) {
        self.queue.clear();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.queue(&mut self.queue)
    }
}

/// A window of event time with its values. It answers once `span` has passed since the first number, and NaN while a NaN is inside.
pub(super) struct Span<S> {
    span: i64,
    since: i64,
    nans: i64,
    queue: VecDeque<(i64, f64)>,
    summary: S,
}

const NEVER: i64 = i64::MAX;

impl<S: Summary> Span<S> {
    pub fn new(span: i64, summary: S) -> Self {
        Self {
            span,
            since: NEVER,
            nans: 0,
            queue: VecDeque::new(),
            summary,
        }
    }

    fn forget(&mut self, edge: i64) {
        while let Some(&(ts, x)) = self.queue.front() {
            if ts > edge {
                break;
            }
            self.queue.pop_front();
            if x.is_nan() {
                self.nans -= 1;
            } else {
                self.summary.leave(ts, x);
            }
        }
        if self.queue.is_empty() {
            self.summary.clear();
        }
    }

    /// A later row lies at or after `ts`, so what is too old for `ts` may go now: the queue stays as short as the window.
    fn take(&mut self, ts: i64, x: f64) {
        self.forget(ts.saturating_sub(self.span));
        if x.is_nan() {
            if self.since == NEVER {
                return;
            }
            self.nans += 1;
        } else {
            self.since = self.since.min(ts);
            self.summary.enter(ts, x);
        }
        self.queue.push_back((ts, x));
    }
}

impl<S: Summary> Sampler for Span<S> {
    fn absorb(&mut self, ts: &[i64], x: &[f64]) {
        for (ts, x) in ts.iter().zip(x) {
            self.take(*ts, *x);
        }
    }

    fn answer(&mut self, t: i64) -> f64 {
        let edge = t.saturating_sub(self.span);
        self.forget(edge);
        if self.since > edge || self.nans > 0 {
            f64::NAN
        } else {
            self.summary.value(self.queue.len())
        }
    }

    fn reset(&mut self) {
        (self.since, self.nans) = (NEVER, 0);
        self.queue.clear();
        self.summary.clear();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.i64(&mut self.since)?;
        tape.i64(&mut self.nans)?;
        tape.queue(&mut self.queue)?;
        if matches!(tape, Tape::Read { .. }) {
            self.summary.clear();
            for (ts, x) in self.queue.iter().filter(|(_, x)| !x.is_nan()) {
                self.summary.enter(*ts, *x);
            }
        }
        self.summary.tape(tape)
    }
}

/// A time window, or a lag in time, whose argument lives on the rows it answers on.
pub(super) struct OnRows<S>(pub S);

impl<S: Sampler> Kernel for OnRows<S> {
    fn update(&mut self, rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        let x = args.get(0);
        for (i, out) in out.iter_mut().enumerate() {
            self.0.absorb(&rows.ts[i..=i], &x[i..=i]);
            *out = self.0.answer(rows.ts[i]);
        }
    }

    fn reset(&mut self) {
        self.0.reset();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.0.tape(tape)
    }
}

/// An ordered window of a fixed number of rows: the same summaries, on a queue of `n`.
pub(super) struct Last<S> {
    n: usize,
    nans: i64,
    queue: VecDeque<(i64, f64)>,
    summary: S,
}

impl<S: Summary> Last<S> {
    pub fn new(n: usize, summary: S) -> Self {
        Self {
            n,
            nans: 0,
            queue: VecDeque::new(),
            summary,
        }
    }

    fn step(&mut self, x: f64) -> f64 {
        if self.queue.len() == self.n
            && let Some((_, old)) = self.queue.pop_front()
        {
            if old.is_nan() {
                self.nans -= 1;
            } else {
                self.summary.leave(0, old);
            }
        }
        self.queue.push_back((0, x));
        if x.is_nan() {
            self.nans += 1;
        } else {
            self.summary.enter(0, x);
        }
        if self.queue.len() < self.n || self.nans > 0 {
            f64::NAN
        } else {
            self.summary.value(self.n)
        }
    }
}

impl<S: Summary> Kernel for Last<S> {
    fn update(&mut self, _rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        for (out, x) in out.iter_mut().zip(args.get(0)) {
            *out = self.step(*x);
        }
    }

    fn reset(&mut self) {
        self.nans = 0;
        self.queue.clear();
        self.summary.clear();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.i64(&mut self.nans)?;
        tape.queue(&mut self.queue)?;
        if matches!(tape, Tape::Read { .. }) {
            self.summary.clear();
            for (_, x) in self.queue.iter().filter(|(_, x)| !x.is_nan()) {
                self.summary.enter(0, *x);
            }
        }
        self.summary.tape(tape)
    }
}
