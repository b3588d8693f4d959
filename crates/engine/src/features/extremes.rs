//! Sliding minimum and maximum over rows.

use super::bank::Lane;
use super::error::EngineError;
use super::history::Gate;
use super::kernel::Args;
use super::tape::Tape;

/// Minimum of the last `n` values (`SIGN` 1) or maximum (`SIGN` -1, as minimum of the negated values).
///
/// Rows come in stretches of `n`. A window is the end of one stretch and the beginning of the next: the minimum of the former has been
/// computed backwards when the stretch was full, that of the latter runs along (van Herk 1992; Gil and Werman 1993). Three comparisons a
/// row whatever `n` is, and no branch on the data.
pub(super) struct Extremes<const SIGN: i8> {
    /// Values of this stretch up to `at`, then minima from there to the end of the stretch before, then what is never smaller.
    stretch: Vec<f64>,
    at: usize,
    running: f64,
    gate: Gate,
}

impl<const SIGN: i8> Extremes<SIGN> {
    pub fn new(n: usize) -> Self {
        Self {
            stretch: vec![f64::INFINITY; n + 1],
            at: 0,
            running: f64::INFINITY,
            gate: Gate::new(n as u64),
        }
    }

    fn rows(&self) -> usize {
        self.stretch.len() - 1
    }

    fn turn(&mut self) {
        let mut least = f64::INFINITY;
        for x in self.stretch.iter_mut().rev() {
            least = smaller(*x, least);
            *x = least;
        }
        (self.at, self.running) = (0, f64::INFINITY);
    }
}

/// NaN never gets the say; both zeros are one number.
#[inline(always)]
fn enter<const SIGN: i8>(x: f64) -> f64 {
    let x = if x.is_nan() { f64::INFINITY * f64::from(SIGN) } else { x + 0.0 };
    if SIGN < 0 { -x } else { x }
}

#[inline(always)]
fn leave<const SIGN: i8>(x: f64) -> f64 {
    if SIGN < 0 { -x } else { x }
}

#[inline(always)]
fn smaller(x: f64, y: f64) -> f64 {
    if x < y { x } else { y }
}

impl<const SIGN: i8> Lane for Extremes<SIGN> {
    #[inline(always)]
    fn one(&mut self, x: f64) -> f64 {
        let value = enter::<SIGN>(x);
        self.running = smaller(value, self.running);
        let answer = smaller(self.stretch[self.at + 1], self.running);
        self.stretch[self.at] = value;
        self.at += 1;
        if self.at == self.rows() {
            self.turn();
        }
        if self.gate.pass(x) { leave::<SIGN>(answer) } else { f64::NAN }
    }

    #[inline(always)]
    fn column(&mut self, x: &[f64], out: &mut [f64]) {
        let mut done = 0;
        while done < x.len() {
            let m = (self.rows() - self.at).min(x.len() - done);
            let stretch = &mut self.stretch[self.at..=self.at + m];
            let mut running = self.running;
            for (i, (out, x)) in out[done..done + m].iter_mut().zip(&x[done..done + m]).enumerate() {
                let value = enter::<SIGN>(*x);
                running = smaller(value, running);
                *out = leave::<SIGN>(smaller(stretch[i + 1], running));
                stretch[i] = value;
            }
            self.running = running;
            self.at += m;
            done += m;
            if self.at == self.rows() {
                self.turn();
            }
        }
        self.gate.close(x, out);
    }

    #[inline(always)]
    fn block(lanes: &mut [Self], args: Args<'_>, out: &mut [f64]) {
        for (i, (lane, out)) in lanes.iter_mut().zip(out.chunks_mut(args.stride)).enumerate() {
            lane.column(args.get(i), &mut out[..args.rows]);
        }
    }

    fn reset(&mut self) {
        self.stretch.fill(f64::INFINITY);
        (self.at, self.running) = (0, f64::INFINITY);
        self.gate.reset();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        let rows = self.rows() as u64;
        let mut at = self.at as u64;
        tape.u64(&mut at)?;
        if at >= rows {
            return Err(EngineError::state("a window is longer than it can be"));
        }
        self.at = usize::try_from(at).unwrap_or(0);
        tape.f64(&mut self.running)?;
        tape.values(&mut self.stretch)?;
        self.gate.tape(tape)
    }
}

#[cfg(test)]
mod tests {
    use super::{Extremes, Lane};

    fn slow(x: &[f64], n: usize, pick: fn(f64, f64) -> f64) -> Vec<f64> {
        let window = |end: usize| if end >= n { Some(&x[end - n..end]) } else { None };
        let answer = |window: &[f64]| {
            let missing = window.iter().any(|x| x.is_nan());
            if missing {
                f64::NAN
            } else {
                window.iter().copied().fold(window[0], pick)
            }
        };
        (1..=x.len()).map(|end| window(end).map_or(f64::NAN, answer)).collect()
    }

    #[test]
    fn the_extreme_of_every_window_is_found_however_rows_are_cut() {
        let mut seed = 1_u64;
        let mut draw = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        for n in [1, 2, 3, 7, 50] {
            let value = |k: u64| if k == 0 { f64::NAN } else { k as f64 - 15.0 };
            let x: Vec<f64> = (0..400).map(|_| value(draw(30 + 10 * n as u64))).collect();
            let (mut least, mut most) = (Extremes::<1>::new(n), Extremes::<-1>::new(n));
            let (mut found, mut at) = ([vec![0.0; x.len()], vec![0.0; x.len()]], 0);
            while at < x.len() {
                let to = (at + draw(60) as usize).min(x.len());
                least.column(&x[at..to], &mut found[0][at..to]);
                most.column(&x[at..to], &mut found[1][at..to]);
                if let Some(next) = x.get(to) {
                    (found[0][to], found[1][to]) = (least.one(*next), most.one(*next));
                }
                at = (to + 1).min(x.len());
            }
            let same = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
            assert!(same(&found[0], &slow(&x, n, f64::min)), "minimum of {n}");
            assert!(same(&found[1], &slow(&x, n, f64::max)), "maximum of {n}");
            assert!(found[0].iter().any(|x| x.is_finite()), "{n}");
        }
    }
}
