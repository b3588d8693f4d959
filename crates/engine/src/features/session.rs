//! Operators that know where a session begins and what the row before was.

use super::error::EngineError;
use super::kernel::{Args, Kernel, Rows};
use super::math::{Pair, tame};
use super::tape::Tape;
use super::vector::{Work, widest};

/// Sum since the session opened; a NaN leaves the state as it is.
#[derive(Default)]
pub(super) struct CumulativeSum(Pair);

impl Kernel for CumulativeSum {
    fn update(&mut self, _rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        for (out, x) in out.iter_mut().zip(args.get(0)) {
            if x.is_nan() {
                *out = f64::NAN;
            } else {
                self.0.add(*x, 0.0);
                *out = tame(self.0.value());
            }
        }
    }

    fn reset(&mut self) {
        self.0 = Pair::default();
    }

    fn open(&mut self) {
        self.0 = Pair::default();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.f64(&mut self.0.high)?;
        tape.f64(&mut self.0.low)
    }
}

/// Tick rule: the sign of the last change of price, carried over ticks without change; 0 before the first change.
pub(super) struct TickSide {
    last: f64,
    side: f64,
}

impl Default for TickSide {
    fn default() -> Self {
        Self { last: f64::NAN, side: 0.0 }
    }
}

impl Kernel for TickSide {
    fn update(&mut self, _rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        let (mut last, mut side) = (self.last, self.side);
        // Ticks go up and down like a coin: choosing is cheaper than guessing.
        for (out, x) in out.iter_mut().zip(args.get(0)) {
            let down = if *x < last { -1.0 } else { side };
            side = if *x > last { 1.0 } else { down };
            *out = if x.is_nan() { f64::NAN } else { side };
            last = if x.is_nan() { last } else { *x };
        }
        (self.last, self.side) = (last, side);
    }

    fn reset(&mut self) {
        *self = Self::default();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.f64(&mut self.last)?;
        tape.f64(&mut self.side)
    }
}

/// Seconds since the row before; NaN on the first.
pub(super) struct Elapsed {
    last: i64,
}

const NEVER: i64 = i64::MIN;

impl Default for Elapsed {
    fn default() -> Self {
        Self { last: NEVER }
    }
}

/// Seconds from each row to the next.
struct Apart<'a> {
    ts: &'a [i64],
    out: &'a mut [f64],
}

impl Work for Apart<'_> {
    #[inline(always)]
    fn run(self) {
        for (out, pair) in self.out[1..].iter_mut().zip(self.ts.windows(2)) {
            *out = pair[1].saturating_sub(pair[0]) as f64 / 1e9;
        }
    }
}

impl Kernel for Elapsed {
    fn update(&mut self, rows: Rows<'_>, _args: Args<'_>, out: &mut [f64]) {
        let (Some(first), Some(last)) = (rows.ts.first(), rows.ts.last()) else {
            return;
        };
        out[0] = if self.last == NEVER {
            f64::NAN
        } else {
            first.saturating_sub(self.last) as f64 / 1e9
        };
        self.last = *last;
        widest(Apart { ts: rows.ts, out });
    }

    fn reset(&mut self) {
        self.last = NEVER;
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.i64(&mut self.last)
    }
}

/// Minutes since the session's first row.
pub(super) struct SinceOpen {
    open: i64,
}

impl Default for SinceOpen {
    fn default() -> Self {
        Self { open: NEVER }
    }
}

impl Kernel for SinceOpen {
    fn update(&mut self, rows: Rows<'_>, _args: Args<'_>, out: &mut [f64]) {
        for (out, ts) in out.iter_mut().zip(rows.ts) {
            if self.open == NEVER {
                self.open = *ts;
            }
            *out = ts.saturating_sub(self.open) as f64 / 6e10;
        }
    }

    fn reset(&mut self) {
        self.open = NEVER;
    }

    fn open(&mut self) {
        self.open = NEVER;
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.i64(&mut self.open)
    }
}

/// Minutes until the session's close; NaN where the session is unknown (0).
pub(super) struct ToClose;

impl Kernel for ToClose {
    fn update(&mut self, rows: Rows<'_>, _args: Args<'_>, out: &mut [f64]) {
        for (out, ts) in out.iter_mut().zip(rows.ts) {
            *out = if rows.session == 0 {
                f64::NAN
            } else {
                rows.session.saturating_sub(*ts) as f64 / 6e10
            };
        }
    }
}

/// The value 1 on every event: what an arrival count counts.
pub(super) struct One;

impl Kernel for One {
    fn update(&mut self, _rows: Rows<'_>, _args: Args<'_>, out: &mut [f64]) {
        out.fill(1.0);
    }
}

/// Exponentially weighted mean or deviation whose memory halves every `halflife` ns of event time; a NaN leaves the state as it is.
pub(super) struct TimeDecay {
    rate: f64,
    adjust: bool,
    deviation: bool,
    warmup: i64,
    first: i64,
    last: i64,
    mean: f64,
    variance: f64,
    weight: f64,
}

impl TimeDecay {
    pub fn new(halflife: i64, adjust: bool, deviation: bool) -> Self {
        let rate = -std::f64::consts::LN_2 / halflife as f64;
        let warmup = if adjust { 0 } else { halflife };
        Self {
            rate,
            adjust,
            deviation,
            warmup,
            first: NEVER,
            last: NEVER,
            mean: 0.0,
            variance: 0.0,
            weight: 0.0,
        }
    }

    fn step(&mut self, ts: i64, x: f64) -> f64 {
        if x.is_nan() {
            return f64::NAN;
        }
        if self.first == NEVER {
            (self.first, self.mean, self.variance, self.weight) = (ts, x, 0.0, 1.0);
        } else {
            let keep = super::math::exp(self.rate * ts.saturating_sub(self.last) as f64);
            self.weight = keep * self.weight + 1.0;
            let alpha = if self.adjust { 1.0 / self.weight } else { 1.0 - keep };
            let d = x - self.mean;
            self.variance = (1.0 - alpha) * (self.variance + alpha * d * d);
            self.mean += alpha * d;
        }
        self.last = ts;
        if ts.saturating_sub(self.first) < self.warmup {
            f64::NAN
        } else if self.deviation {
            self.variance.sqrt()
        } else {
            self.mean
        }
    }
}

impl Kernel for TimeDecay {
    fn update(&mut self, rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        for ((out, ts), x) in out.iter_mut().zip(rows.ts).zip(args.get(0)) {
            *out = self.step(*ts, *x);
        }
    }

    fn reset(&mut self) {
        (self.first, self.last) = (NEVER, NEVER);
        (self.mean, self.variance, self.weight) = (0.0, 0.0, 0.0);
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.i64(&mut self.first)?;
        tape.i64(&mut self.last)?;
        tape.f64(&mut self.mean)?;
        tape.f64(&mut self.variance)?;
        tape.f64(&mut self.weight)
    }
}
