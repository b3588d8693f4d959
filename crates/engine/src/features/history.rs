//! The last `n` values of a series, and the count that says whether a window of them is whole.

use super::bank::Lane;
use super::error::EngineError;
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

    /// Take up to `BLOCK` values in. Returns the `n` values before them and these.
    pub fn extend(&mut self, x: &[f64]) -> &[f64] {
        let m = x.len();
        self.append(x, |x| x);
        &self.buffer[self.end - m - self.n..self.end]
    }

    /// Take values in and write those leaving, of which only the first `n` have to be remembered.
    fn shift(&mut self, x: &[f64], out: &mut [f64]) {
        let (n, m) = (self.n, x.len());
        if m < n {
            let (old, _) = self.append(x, |x| x);
            out.copy_from_slice(old);
        } else {
            out[..n].copy_from_slice(&self.buffer[self.end - n..self.end]);
            out[n..].copy_from_slice(&x[..m - n]);
            self.buffer[..n].copy_from_slice(&x[m - n..]);
            self.end = n;
        }
    }

    /// Take one value in and return the one that leaves.
    #[inline(always)]
    pub fn push(&mut self, x: f64) -> f64 {
        if self.end == self.buffer.len() {
            self.buffer.copy_within(self.end - self.n..self.end, 0);
            self.end = self.n;
        }
        self.buffer[self.end] = x;
        let old = self.buffer[self.end - self.n];
        self.end += 1;
        old
    }

    /// The last `m` values, oldest first; of those taken in, no more than `n` before the last call.
    #[inline(always)]
    pub fn recent(&self, m: usize) -> &[f64] {
        &self.buffer[self.end - m..self.end]
    }

    /// Take the last `m` values back, those just appended.
    pub fn rewind(&mut self, m: usize) {
        self.end -= m;
    }

    /// Change the last `n` values, each by itself.
    pub fn change(&mut self, f: impl Fn(f64) -> f64) {
        let kept = self.end - self.n..self.end;
        self.buffer[kept].iter_mut().for_each(|x| *x = f(*x));
    }

    /// The last `n` values, oldest first.
    pub fn window(&self) -> &[f64] {
        &self.buffer[self.end - self.n..self.end]
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
            if !self.pass(*x) {
                *out = f64::NAN;
            }
        }
    }

    /// Whether the window that ends with `x` is whole.
    #[inline(always)]
    pub fn pass(&mut self, x: f64) -> bool {
        self.run = if x.is_nan() { 0 } else { (self.run + 1).min(self.n) };
        self.run == self.n
    }

    pub fn reset(&mut self) {
        self.run = 0;
    }

    pub fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.u64(&mut self.run)
    }
}

/// What a window adds up for `x`: nothing where it is NaN.
#[inline(always)]
pub(super) fn number(x: f64) -> f64 {
    if x.is_nan() { 0.0 } else { x }
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

impl Lane for Lag {
    #[inline(always)]
    fn one(&mut self, x: f64) -> f64 {
        self.0.push(x)
    }

    fn column(&mut self, x: &[f64], out: &mut [f64]) {
        self.0.shift(x, out);
    }

    fn reset(&mut self) {
        self.0.reset();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.0.tape(tape)
    }
}
