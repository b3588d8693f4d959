//! Sliding sums, side by side.

use super::bank::Lane;
use super::error::EngineError;
use super::history::{Gate, History, number};
use super::kernel::Args;
use super::math::{Pair, sum_error, tame};
use super::tape::Tape;

/// Sum of the last `n` values; does not drift (see `Pair`).
pub(super) struct Sum {
    history: History,
    gate: Gate,
    sum: Pair,
}

impl Sum {
    pub fn new(n: usize) -> Self {
        Self {
            history: History::new(n, 0.0),
            gate: Gate::new(n as u64),
            sum: Pair::default(),
        }
    }
}

impl Lane for Sum {
    #[inline(always)]
    fn one(&mut self, x: f64) -> f64 {
        let new = number(x);
        let old = self.history.push(new);
        self.sum.slide(new, old);
        if self.gate.pass(x) { tame(self.sum.value()) } else { f64::NAN }
    }

    fn column(&mut self, x: &[f64], out: &mut [f64]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = self.one(*x);
        }
    }

    #[inline(always)]
    fn block(lanes: &mut [Self], args: Args<'_>, out: &mut [f64]) {
        let columns = out
            .chunks_mut(args.stride)
            .enumerate()
            .map(|(i, out)| (args.get(i), &mut out[..args.rows]));
        let columns = lanes.iter_mut().zip(columns).map(|(lane, (x, out))| (lane, x, out));
        if args.rows < FEW {
            columns.for_each(|(lane, x, out)| lane.column(x, out));
            return;
        }
        let mut slots: Vec<Slot<'_>> = columns.collect();
        for side in slots.chunks_mut(6) {
            match side {
                [a] => slide([a]),
                [a, b] => slide([a, b]),
                [a, b, c] => slide([a, b, c]),
                [a, b, c, d] => slide([a, b, c, d]),
                [a, b, c, d, e] => slide([a, b, c, d, e]),
                [a, b, c, d, e, f] => slide([a, b, c, d, e, f]),
                _ => {}
            }
        }
    }

    fn reset(&mut self) {
        self.history.reset();
        self.gate.reset();
        self.sum = Pair::default();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.history.tape(tape)?;
        self.gate.tape(tape)?;
        tape.f64(&mut self.sum.high)?;
        tape.f64(&mut self.sum.low)
    }
}

/// A sum, what it reads and where it writes.
type Slot<'a> = (&'a mut Sum, &'a [f64], &'a mut [f64]);

/// Fewer rows than this are added one by one.
const FEW: usize = 8;
/// Rows that stand between two steps of `slide`: few enough for the nearest cache.
const TILE: usize = 64;

/// Running totals of some series side by side, row by row.
#[inline(always)]
fn accumulate<const N: usize>(total: &mut [f64; N], x: &[[f64; TILE]; N], out: &mut [[f64; TILE]; N], rows: usize) {
    let mut t = *total;
    for r in 0..rows {
        for i in 0..N {
            t[i] += x[i][r];
            out[i][r] = t[i];
        }
    }
    *total = t;
}

/// Sums side by side. The differences and the errors of all rows are vector work; only two additions a row wait for the row before.
#[inline(always)]
fn slide<const N: usize>(mut slots: [&mut Slot<'_>; N]) {
    let rows = slots[0].1.len();
    let (mut difference, mut error, mut sums) = ([[0.0; TILE]; N], [[0.0; TILE]; N], [[0.0; TILE]; N]);
    let mut lows = [[0.0; TILE]; N];
    let mut high = slots.each_ref().map(|slot| slot.0.sum.high);
    let mut low = slots.each_ref().map(|slot| slot.0.sum.low);
    for at in (0..rows).step_by(TILE) {
        let m = TILE.min(rows - at);
        for i in 0..N {
            let (old, new) = slots[i].0.history.append(&slots[i].1[at..at + m], number);
            for (((d, e), new), old) in difference[i].iter_mut().zip(&mut error[i]).zip(new).zip(old) {
                *d = new - old;
                *e = sum_error(*new, -old, *d);
            }
        }
        let before = high;
        accumulate(&mut high, &difference, &mut sums, m);
        for i in 0..N {
            error[i][0] += sum_error(before[i], difference[i][0], sums[i][0]);
            for r in 1..m {
                error[i][r] += sum_error(sums[i][r - 1], difference[i][r], sums[i][r]);
            }
        }
        accumulate(&mut low, &error, &mut lows, m);
        for i in 0..N {
            for ((out, sum), low) in slots[i].2[at..at + m].iter_mut().zip(&sums[i]).zip(&lows[i]) {
                *out = tame(sum + low);
            }
        }
    }
    for (slot, (high, low)) in slots.iter_mut().zip(high.into_iter().zip(low)) {
        slot.0.sum = Pair { high, low };
        slot.0.gate.close(slot.1, slot.2);
    }
}
