//! Sliding variance.

use super::bank::Lane;
use super::error::EngineError;
use super::history::{Gate, History, number};
use super::kernel::Args;
use super::math::{Pair, square, sum_error, tame, variance};
use super::sums::{FEW, TILE, Tile};
use super::tape::Tape;

/// Unbiased variance of the last `n` values, from sums kept in about 100 bits.
pub(super) struct Variance {
    n: f64,
    history: History,
    gate: Gate,
    /// Sum and sum of squares.
    pairs: [Pair; 2],
}

impl Variance {
    pub fn new(n: usize) -> Self {
        Self {
            n: n as f64,
            history: History::new(n, 0.0),
            gate: Gate::new(n as u64),
            pairs: [Pair::default(); 2],
        }
    }

    #[inline(always)]
    fn wide(&mut self, x: &[f64], out: &mut [f64]) {
        let mut tile = Tile::<2>::new();
        for (x, out) in x.chunks(TILE).zip(out.chunks_mut(TILE)) {
            let (old, new) = self.history.append(x, number);
            let ([d, d2], [e, e2]) = (&mut tile.added, &mut tile.error);
            for r in 0..x.len() {
                ((d[r], e[r]), (d2[r], e2[r])) = change(new[r], old[r]);
            }
            tile.add(&mut self.pairs, x.len());
            for (r, out) in out.iter_mut().enumerate() {
                let (high, low) = (&tile.high, &tile.low);
                let first = Pair {
                    high: high[0][r],
                    low: low[0][r],
                };
                let second = Pair {
                    high: high[1][r],
                    low: low[1][r],
                };
                *out = tame(variance(first, second, self.n));
            }
        }
        self.gate.close(x, out);
    }
}

/// What `new` coming and `old` going adds to the sum and to the sum of squares, each with its error.
#[inline(always)]
fn change(new: f64, old: f64) -> ((f64, f64), (f64, f64)) {
    let ((p, p_low), (q, q_low)) = (square(new), square(old));
    let (d, d2) = (new - old, p - q);
    ((d, sum_error(new, -old, d)), (d2, sum_error(p, -q, d2) + (p_low - q_low)))
}

impl Lane for Variance {
    fn one(&mut self, x: f64) -> f64 {
        let new = number(x);
        let old = self.history.push(new);
        let ((d, e), (d2, e2)) = change(new, old);
        self.pairs[0].add(d, e);
        self.pairs[1].add(d2, e2);
        let [first, second] = self.pairs;
        if self.gate.pass(x) {
            tame(variance(first, second, self.n))
        } else {
            f64::NAN
        }
    }

    fn column(&mut self, x: &[f64], out: &mut [f64]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = self.one(*x);
        }
    }

    #[inline(always)]
    fn block(lanes: &mut [Self], args: Args<'_>, out: &mut [f64]) {
        for (i, (lane, out)) in lanes.iter_mut().zip(out.chunks_mut(args.stride)).enumerate() {
            let (x, out) = (args.get(i), &mut out[..args.rows]);
            if x.len() < FEW {
                lane.column(x, out);
            } else {
                lane.wide(x, out);
            }
        }
    }

    fn reset(&mut self) {
        self.history.reset();
        self.gate.reset();
        self.pairs = [Pair::default(); 2];
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.history.tape(tape)?;
        self.gate.tape(tape)?;
        for pair in &mut self.pairs {
            tape.f64(&mut pair.high)?;
            tape.f64(&mut pair.low)?;
        }
        Ok(())
    }
}
