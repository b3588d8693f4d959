//! Sliding sums, side by side.

use super::bank::Lane;
use super::error::EngineError;
use super::history::{Gate, History, number};
use super::kernel::Args;
use super::math::{Pair, sum_error, tame, total};
use super::tape::Tape;

/// Rows between two fresh starts of a sum: at least this, and many times the window.
const FRESH: usize = 16_384;

/// Sum of the last `n` values; does not drift (see `Pair`). A giant takes the last bits of the others along: every so many rows the window
/// is added up again.
pub(super) struct Sum {
    history: History,
    gate: Gate,
    sum: Pair,
    /// Rows until then.
    left: u64,
}

impl Sum {
    pub fn new(n: usize) -> Self {
        Self {
            history: History::new(n, 0.0),
            gate: Gate::new(n as u64),
            sum: Pair::default(),
            left: FRESH.max(16 * n) as u64,
        }
    }

    #[cold]
    fn again(&mut self) {
        let window = self.history.window();
        self.left = FRESH.max(16 * window.len()) as u64;
        self.sum = Pair::default();
        for x in window {
            self.sum.add(*x, 0.0);
        }
    }
}

impl Lane for Sum {
    #[inline(always)]
    fn one(&mut self, x: f64) -> f64 {
        let new = number(x);
        let old = self.history.push(new);
        self.sum.slide(new, old);
        self.left -= 1;
        if self.left == 0 {
            self.again();
        }
        if self.gate.pass(x) { tame(self.sum.value()) } else { f64::NAN }
    }

    fn column(&mut self, x: &[f64], out: &mut [f64]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = self.one(*x);
        }
    }

    #[inline(always)]
    fn block(lanes: &mut [Self], args: Args<'_>, out: &mut [f64]) {
        let due = lanes.iter().any(|lane| lane.left <= args.rows as u64);
        let columns = out
            .chunks_mut(args.stride)
            .enumerate()
            .map(|(i, out)| (args.get(i), &mut out[..args.rows]));
        let columns = lanes.iter_mut().zip(columns).map(|(lane, (x, out))| (lane, x, out));
        if args.rows < FEW || due {
            columns.for_each(|(lane, x, out)| lane.column(x, out));
            return;
        }
        let mut slots: Vec<Slot<'_>> = columns.collect();
        for side in slots.chunks_mut(8) {
            match side {
                [a] => slide([a]),
                [a, b] => slide([a, b]),
                [a, b, c] => slide([a, b, c]),
                [a, b, c, d] => slide([a, b, c, d]),
                [a, b, c, d, e] => slide([a, b, c, d, e]),
                [a, b, c, d, e, f] => slide([a, b, c, d, e, f]),
                [a, b, c, d, e, f, g] => slide([a, b, c, d, e, f, g]),
                [a, b, c, d, e, f, g, h] => slide([a, b, c, d, e, f, g, h]),
                _ => {}
            }
        }
    }

    fn reset(&mut self) {
        self.history.reset();
        self.gate.reset();
        self.sum = Pair::default();
        self.left = FRESH.max(16 * self.history.window().len()) as u64;
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.history.tape(tape)?;
        self.gate.tape(tape)?;
        tape.u64(&mut self.left)?;
        if self.left == 0 {
            return Err(EngineError::state("a window has no row left"));
        }
        tape.f64(&mut self.sum.high)?;
        tape.f64(&mut self.sum.low)
    }
}

/// A sum, what it reads and where it writes.
type Slot<'a> = (&'a mut Sum, &'a [f64], &'a mut [f64]);

/// Fewer rows than this are added one by one.
pub(super) const FEW: usize = 8;
/// Rows that stand between two steps of a sliding sum: few enough for the nearest cache.
pub(super) const TILE: usize = 64;

/// Some rows of `N` pairs that change side by side: what is added, the error of that, and what the pair holds then.
pub(super) struct Tile<const N: usize> {
    pub added: [[f64; TILE]; N],
    pub error: [[f64; TILE]; N],
    pub high: [[f64; TILE]; N],
    pub low: [[f64; TILE]; N],
}

impl<const N: usize> Tile<N> {
    #[inline(always)]
    pub fn new() -> Self {
        let zero = [[0.0; TILE]; N];
        Self {
            added: zero,
            error: zero,
            high: zero,
            low: zero,
        }
    }

    /// Add `rows` rows to the pairs, the bits of `Pair::add`. Errors are vector work; only two additions a row wait for the row before.
    #[inline(always)]
    pub fn add(&mut self, pairs: &mut [Pair; N], rows: usize) {
        let high = accumulate(pairs.map(|pair| pair.high), &self.added, &mut self.high, rows);
        for (i, pair) in pairs.iter().enumerate() {
            let (added, error, after) = (&self.added[i][..rows], &mut self.error[i][..rows], &self.high[i][..rows]);
            error[0] += sum_error(pair.high, added[0], after[0]);
            for r in 1..rows {
                error[r] += sum_error(after[r - 1], added[r], after[r]);
            }
        }
        let low = accumulate(pairs.map(|pair| pair.low), &self.error, &mut self.low, rows);
        *pairs = std::array::from_fn(|i| Pair {
            high: high[i],
            low: low[i],
        });
    }
}

/// Running totals of some series side by side; returns where they end.
#[inline(always)]
fn accumulate<const N: usize>(mut total: [f64; N], x: &[[f64; TILE]; N], out: &mut [[f64; TILE]; N], rows: usize) -> [f64; N] {
    for r in 0..rows.min(TILE) {
        for i in 0..N {
            total[i] += x[i][r];
            out[i][r] = total[i];
        }
    }
    total
}

#[inline(always)]
fn slide<const N: usize>(mut slots: [&mut Slot<'_>; N]) {
    let rows = slots[0].1.len();
    let mut tile = Tile::<N>::new();
    let mut pairs = slots.each_ref().map(|slot| slot.0.sum);
    for at in (0..rows).step_by(TILE) {
        let m = TILE.min(rows - at);
        for (i, slot) in slots.iter_mut().enumerate() {
            let (old, new) = slot.0.history.append(&slot.1[at..at + m], number);
            for (((d, e), new), old) in tile.added[i].iter_mut().zip(&mut tile.error[i]).zip(new).zip(old) {
                *d = new - old;
                *e = sum_error(*new, -old, *d);
            }
        }
        tile.add(&mut pairs, m);
        for (i, slot) in slots.iter_mut().enumerate() {
            for ((out, high), low) in slot.2[at..at + m].iter_mut().zip(&tile.high[i]).zip(&tile.low[i]) {
                *out = tame(total(*high, *low));
            }
        }
    }
    for (slot, pair) in slots.iter_mut().zip(pairs) {
        slot.0.sum = pair;
        slot.0.left -= rows as u64;
        slot.0.gate.close(slot.1, slot.2);
    }
}
