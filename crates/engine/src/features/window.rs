//! Windows of event time, `(t - span, t]`, and the ordered windows (minimum, maximum, quantile) of rows and of time alike.

use std::collections::VecDeque;

use super::error::EngineError;
use super::kernel::{Args, Kernel, Rows, Sampler, Taken};
use super::summary::Summary;
use super::tape::Tape;

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

    fn known(&self, then: i64) -> f64 {
        self.queue
            .front()
            .map_or(f64::NAN, |(ts, x)| if *ts <= then { *x } else { f64::NAN })
    }
}

impl Sampler for Delayed {
    fn absorb(&mut self, ts: &[i64], x: Taken<'_>) {
        for (ts, x) in ts.iter().zip(x.get(0)) {
            self.forget(ts.saturating_sub(self.span));
            self.queue.push_back((*ts, *x));
        }
    }

    fn answer(&mut self, t: i64) -> f64 {
        let then = t.saturating_sub(self.span);
        self.forget(then);
        self.known(then)
    }

    fn on_rows(&mut self, ts: &[i64], args: Args<'_>, out: &mut [f64]) {
        for ((out, ts), x) in out.iter_mut().zip(ts).zip(args.get(0)) {
            let then = ts.saturating_sub(self.span);
            self.queue.push_back((*ts, *x));
            self.forget(then);
            *out = self.known(then);
        }
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

    #[inline(always)]
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

    /// The answer once everything up to `edge` has left.
    #[inline(always)]
    fn known(&self, edge: i64) -> f64 {
        if self.since > edge || self.nans > 0 {
            f64::NAN
        } else {
            self.summary.value(self.queue.len())
        }
    }

    /// A later row lies at or after `ts`, so what is too old for `ts` may go now: the queue stays as short as the window.
    #[inline(always)]
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
    fn absorb(&mut self, ts: &[i64], x: Taken<'_>) {
        for (ts, x) in ts.iter().zip(x.get(0)) {
            self.take(*ts, *x);
        }
    }

    fn answer(&mut self, t: i64) -> f64 {
        let edge = t.saturating_sub(self.span);
        self.forget(edge);
        self.known(edge)
    }

    fn on_rows(&mut self, ts: &[i64], args: Args<'_>, out: &mut [f64]) {
        for ((out, ts), x) in out.iter_mut().zip(ts).zip(args.get(0)) {
            self.take(*ts, *x);
            *out = self.known(ts.saturating_sub(self.span));
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
        self.0.on_rows(rows.ts, args, out);
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
