//! Windows of a fixed number of rows. A window that holds a NaN answers NaN, and recovers once it has left.

use super::bank::{Chain, Lane};
use super::error::EngineError;
use super::history::{History, any_nan};
use super::kernel::{Args, Kernel, Rows};
use super::tape::Tape;

/// How many of the last `n` rows hold a number; counts from the first row on.
pub(super) struct Count {
    history: History,
    rows: u64,
    n: u64,
    count: f64,
}

impl Count {
    pub fn new(n: usize) -> Self {
        Self {
            history: History::new(n, 0.0),
            rows: 0,
            n: n as u64,
            count: 0.0,
        }
    }
}

impl Kernel for Count {
    fn update(&mut self, _rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        let (old, new) = self.history.append(args.get(0), |x| if x.is_nan() { 0.0 } else { 1.0 });
        for ((out, new), old) in out.iter_mut().zip(new).zip(old) {
            self.count += new - old;
            self.rows = (self.rows + 1).min(self.n);
            *out = if self.rows < self.n { f64::NAN } else { self.count };
        }
    }

    fn reset(&mut self) {
        self.history.reset();
        (self.rows, self.count) = (0, 0.0);
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.history.tape(tape)?;
        tape.u64(&mut self.rows)?;
        tape.f64(&mut self.count)
    }
}

/// Exponentially weighted mean or deviation with a fixed weight per row; a NaN leaves the state as it is.
///
/// Plain: starts at the first value, `mean = (1 - alpha) mean + alpha x`. Adjusted: the weighted mean of all values so far (the default
/// of pandas). The deviation is the biased one.
pub(super) struct Ewm {
    alpha: f64,
    adjust: bool,
    deviation: bool,
    warmup: u64,
    seen: u64,
    mean: f64,
    variance: f64,
    weight: f64,
}

impl Ewm {
    pub fn new(alpha: f64, adjust: bool, deviation: bool, warmup: u64) -> Self {
        Self {
            alpha,
            adjust,
            deviation,
            warmup,
            seen: 0,
            mean: 0.0,
            variance: 0.0,
            weight: 0.0,
        }
    }
}

impl Lane for Ewm {
    #[inline(always)]
    fn one(&mut self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        let keep = 1.0 - self.alpha;
        if self.seen == 0 {
            (self.mean, self.variance, self.weight) = (x, 0.0, 1.0);
        } else {
            self.weight = keep * self.weight + 1.0;
            let alpha = if self.adjust { 1.0 / self.weight } else { self.alpha };
            let d = x - self.mean;
            self.variance = (1.0 - alpha) * (self.variance + alpha * d * d);
            self.mean = if self.adjust {
                self.mean + alpha * d
            } else {
                keep * self.mean + self.alpha * x
            };
        }
        self.seen += 1;
        if self.seen < self.warmup {
            f64::NAN
        } else if self.deviation {
            self.variance.sqrt()
        } else {
            self.mean
        }
    }

    fn column(&mut self, x: &[f64], out: &mut [f64]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = self.one(*x);
        }
    }

    fn chain(&mut self, x: &[f64]) -> Option<Chain> {
        let settled = self.seen > 0 && self.seen + 1 >= self.warmup;
        if !settled || self.adjust || self.deviation || any_nan(x) {
            return None;
        }
        self.seen += x.len() as u64;
        let (keep, gain) = (1.0 - self.alpha, self.alpha);
        Some(Chain {
            keep,
            gain,
            mean: self.mean,
        })
    }

    fn settle(&mut self, mean: f64) {
        self.mean = mean;
    }

    fn reset(&mut self) {
        self.seen = 0;
        (self.mean, self.variance, self.weight) = (0.0, 0.0, 0.0);
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.u64(&mut self.seen)?;
        tape.f64(&mut self.mean)?;
        tape.f64(&mut self.variance)?;
        tape.f64(&mut self.weight)
    }
}

/// Wilder's average: the mean of the first `n` values, then `((n - 1) average + x) / n`. A NaN leaves the state as it is.
pub(super) struct Rma {
    n: f64,
    seen: f64,
    mean: f64,
}

impl Rma {
    pub fn new(n: usize) -> Self {
        Self {
            n: n as f64,
            seen: 0.0,
            mean: 0.0,
        }
    }
}

impl Lane for Rma {
    #[inline(always)]
    fn one(&mut self, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        if self.seen >= self.n {
            let alpha = 1.0 / self.n;
            self.mean = (1.0 - alpha) * self.mean + alpha * x;
            return self.mean;
        }
        self.mean += x;
        self.seen += 1.0;
        if self.seen < self.n {
            return f64::NAN;
        }
        self.mean /= self.n;
        self.mean
    }

    fn column(&mut self, x: &[f64], out: &mut [f64]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = self.one(*x);
        }
    }

    fn chain(&mut self, x: &[f64]) -> Option<Chain> {
        if self.seen < self.n || any_nan(x) {
            return None;
        }
        let gain = 1.0 / self.n;
        Some(Chain {
            keep: 1.0 - gain,
            gain,
            mean: self.mean,
        })
    }

    fn settle(&mut self, mean: f64) {
        self.mean = mean;
    }

    fn reset(&mut self) {
        (self.seen, self.mean) = (0.0, 0.0);
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.f64(&mut self.seen)?;
        tape.f64(&mut self.mean)
    }
}

/// An average that forgets gradually: both kinds are one recurrence and share a bank.
pub(super) enum Average {
    Ewm(Ewm),
    Rma(Rma),
}

macro_rules! either {
    ($average:expr, $lane:ident => $call:expr) => {
        match $average {
            Average::Ewm($lane) => $call,
            Average::Rma($lane) => $call,
        }
    };
}

impl Lane for Average {
    #[inline(always)]
    fn one(&mut self, x: f64) -> f64 {
        either!(self, lane => lane.one(x))
    }

    fn column(&mut self, x: &[f64], out: &mut [f64]) {
        either!(self, lane => lane.column(x, out));
    }

    fn chain(&mut self, x: &[f64]) -> Option<Chain> {
        either!(self, lane => lane.chain(x))
    }

    fn settle(&mut self, mean: f64) {
        either!(self, lane => lane.settle(mean));
    }

    fn reset(&mut self) {
        either!(self, lane => lane.reset());
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        either!(self, lane => lane.tape(tape))
    }
}
