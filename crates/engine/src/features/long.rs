//! Windows of many rows, answered from sums that slide.
//!
//! A row adds what enters and takes away what leaves: the differences, their errors and the answers of a block are vector work, only the
//! additions wait for the row before. Values are kept as distances to a base near them, exactly, so that powers lose nothing to the level.
//! Every so many rows, counted from the first, and once a giant has left that took the last bits of the others along, the base is chosen
//! anew and the sums are added up again from the window.
#![allow(
    clippy::needless_range_loop,
    reason = "plain loops over arrays become vectors, iterators over them are compiled on their own"
)]

use super::error::EngineError;
use super::history::{Gate, History, number};
use super::kernel::{Args, Kernel, Rows};
use super::math::{Pair, sum_error};
use super::moments::tape_pairs;
use super::sums::{FEW, TILE, Tile};
use super::tape::Tape;
use super::vector::{Work, widest};

/// `K` sums over a window of `N` series, and what they answer.
pub(super) trait Sums<const N: usize, const K: usize>: Send + Sync {
    /// Which of the sums is that of the squares of each series.
    const SQUARES: [usize; N];

    /// What row number `k` adds to each sum, with the rounding error of it.
    fn terms(&self, k: f64, x: [f64; N]) -> [(f64, f64); K];

    /// The answer over the `n` rows up to number `k`; `newest` and the sums are seen from `base`.
    fn answer(&self, n: f64, k: f64, sums: [Pair; K], newest: [f64; N], base: [f64; N]) -> f64;
}

/// Rows between two fresh starts of the sums: at least this, and many times the window.
const FRESH: usize = 4096;
/// A giant is a value whose square is this many times the sum of the squares inside.
const GIANT: f64 = 4096.0;

/// A window of `n` rows that answers `A`.
pub(super) struct Long<A, const N: usize, const K: usize> {
    n: usize,
    /// Number of the last row since the sums began, and rows left until they begin again.
    row: u64,
    left: u64,
    base: [f64; N],
    /// Largest distances since the sums began.
    peak: [f64; N],
    histories: [History; N],
    gate: Gate,
    pairs: [Pair; K],
    sums: A,
}

impl<A: Sums<N, K>, const N: usize, const K: usize> Long<A, N, K> {
    pub fn new(n: usize, sums: A) -> Self {
        Self {
            n,
            row: 0,
            left: n as u64,
            base: [0.0; N],
            peak: [0.0; N],
            histories: std::array::from_fn(|_| History::new(n, 0.0)),
            gate: Gate::new(n as u64),
            pairs: [Pair::default(); K],
            sums,
        }
    }

    fn one(&mut self, x: [f64; N]) -> f64 {
        let mut new: [f64; N] = std::array::from_fn(|i| number(x[i] - self.base[i]));
        let old: [f64; N] = std::array::from_fn(|i| self.histories[i].push(new[i]));
        self.row += 1;
        let n = self.n as f64;
        for (pair, (x, error)) in self.pairs.iter_mut().zip(change(&self.sums, n, self.row as f64, new, old)) {
            pair.add(x, error);
        }
        let mut sound = true;
        for ((peak, x), square) in self.peak.iter_mut().zip(new).zip(A::SQUARES) {
            *peak = larger(*peak, x.abs());
            sound &= holds(*peak, self.pairs[square].value());
        }
        if !sound {
            self.begin();
            new = self.histories.each_ref().map(|history| history.window()[self.n - 1]);
        }
        if self.gate.pass(hole(x)) {
            self.sums.answer(n, self.row as f64, self.pairs, new, self.base)
        } else {
            f64::NAN
        }
    }

    /// At most a tile of rows.
    #[inline(always)]
    fn tile(&mut self, tile: &mut Tile<K>, x: [&[f64]; N], out: &mut [f64]) {
        let (m, n, before) = (out.len(), self.n as f64, self.row as f64);
        let (mut new, mut old) = ([[0.0; TILE]; N], [[0.0; TILE]; N]);
        for i in 0..N {
            let base = self.base[i];
            let (left, entered) = self.histories[i].append(x[i], |x| number(x - base));
            old[i][..m].copy_from_slice(left);
            new[i][..m].copy_from_slice(entered);
        }
        for r in 0..m {
            let change = change(&self.sums, n, before + 1.0 + r as f64, pick(&new, r), pick(&old, r));
            for i in 0..K {
                (tile.added[i][r], tile.error[i][r]) = change[i];
            }
        }
        let (mut pairs, mut peak, mut sound) = (self.pairs, self.peak, true);
        tile.add(&mut pairs, m);
        for i in 0..N {
            for x in &new[i][..m] {
                peak[i] = larger(peak[i], x.abs());
            }
            let square = A::SQUARES[i];
            for r in 0..m {
                sound &= holds(peak[i], tile.high[square][r] + tile.low[square][r]);
            }
        }
        if !sound {
            // one of these rows may begin anew: which one, only row by row can tell
            self.histories.iter_mut().for_each(|history| history.rewind(m));
            for (r, out) in out.iter_mut().enumerate() {
                *out = self.one(std::array::from_fn(|i| x[i][r]));
            }
            return;
        }
        (self.pairs, self.peak) = (pairs, peak);
        for r in 0..m {
            let mut pairs = [Pair::default(); K];
            for i in 0..K {
                (pairs[i].high, pairs[i].low) = (tile.high[i][r], tile.low[i][r]);
            }
            out[r] = self.sums.answer(n, before + 1.0 + r as f64, pairs, pick(&new, r), self.base);
        }
        self.row += m as u64;
        if N == 1 {
            return self.gate.close(x[0], out);
        }
        let mut holes = [0.0; TILE];
        for x in x {
            for (hole, x) in holes.iter_mut().zip(x) {
                *hole += x * 0.0;
            }
        }
        self.gate.close(&holes[..m], out);
    }

    #[inline(always)]
    fn fill(&mut self, x: [&[f64]; N], out: &mut [f64]) {
        let mut tile = Tile::<K>::new();
        let mut at = 0;
        while at < out.len() {
            let left = usize::try_from(self.left).unwrap_or(TILE);
            let m = TILE.min(out.len() - at).min(left);
            self.tile(&mut tile, x.map(|x| &x[at..at + m]), &mut out[at..at + m]);
            self.passed(m);
            at += m;
        }
    }

    fn passed(&mut self, rows: usize) {
        self.left -= rows as u64;
        if self.left == 0 {
            self.left = FRESH.max(16 * self.n) as u64;
            self.begin();
        }
    }

    /// Choose the bases anew and add the window up.
    fn begin(&mut self) {
        for (base, history) in self.base.iter_mut().zip(&mut self.histories) {
            let newest = history.window().last().map_or(0.0, |x| x + *base);
            // within a factor of 2 a difference is exact (Sterbenz); a series that spreads wider has no level to speak of
            let near = |x: &f64| {
                let ratio = (x + *base) / newest;
                (0.5..=2.0).contains(&ratio)
            };
            let next = if history.window().iter().all(near) { newest } else { 0.0 };
            history.change(|x| (x + *base) - next);
            *base = next;
        }
        self.row = self.n as u64;
        (self.pairs, self.peak) = ([Pair::default(); K], [0.0; N]);
        for j in 0..self.n {
            let x = self.histories.each_ref().map(|history| history.window()[j]);
            for (peak, x) in self.peak.iter_mut().zip(x) {
                *peak = larger(*peak, x.abs());
            }
            for (pair, (x, error)) in self.pairs.iter_mut().zip(self.sums.terms(j as f64 + 1.0, x)) {
                pair.add(x, error);
            }
        }
    }
}

#[inline(always)]
fn larger(x: f64, y: f64) -> f64 {
    if x > y { x } else { y }
}

/// Whether the squares inside still hold what a value of this size has left of them.
#[inline(always)]
fn holds(peak: f64, squares: f64) -> bool {
    peak * peak <= GIANT * squares
}

/// Row `r` of a tile.
#[inline(always)]
fn pick<const N: usize>(tile: &[[f64; TILE]; N], r: usize) -> [f64; N] {
    // loops and no closures over arrays: those are compiled on their own, without the wide vectors
    let mut row = [0.0; N];
    for i in 0..N {
        row[i] = tile[i][r];
    }
    row
}

/// What changes when `new` enters as number `k` and `old` leaves.
#[inline(always)]
fn change<A: Sums<N, K>, const N: usize, const K: usize>(sums: &A, n: f64, k: f64, new: [f64; N], old: [f64; N]) -> [(f64, f64); K] {
    let (mut gain, loss) = (sums.terms(k, new), sums.terms(k - n, old));
    for i in 0..K {
        let ((x, error), (y, wrong)) = (gain[i], loss[i]);
        let d = x - y;
        gain[i] = (d, sum_error(x, -y, d) + (error - wrong));
    }
    gain
}

/// NaN where one of these is, else a number.
#[inline(always)]
fn hole<const N: usize>(x: [f64; N]) -> f64 {
    x.into_iter().fold(0.0, |hole, x| hole + x * 0.0)
}

/// A window and the rows before it.
struct Filling<'a, A, const N: usize, const K: usize> {
    window: &'a mut Long<A, N, K>,
    x: [&'a [f64]; N],
    out: &'a mut [f64],
}

impl<A: Sums<N, K>, const N: usize, const K: usize> Work for Filling<'_, A, N, K> {
    #[inline(always)]
    fn run(self) {
        self.window.fill(self.x, self.out);
    }
}

impl<A: Sums<N, K>, const N: usize, const K: usize> Kernel for Long<A, N, K> {
    fn update(&mut self, _rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        let x: [&[f64]; N] = std::array::from_fn(|i| args.get(i));
        if out.len() >= FEW {
            return widest(Filling { window: self, x, out });
        }
        for (r, out) in out.iter_mut().enumerate() {
            *out = self.one(x.map(|x| x[r]));
            self.passed(1);
        }
    }

    fn reset(&mut self) {
        (self.row, self.left) = (0, self.n as u64);
        (self.base, self.peak) = ([0.0; N], [0.0; N]);
        self.histories.iter_mut().for_each(History::reset);
        self.gate.reset();
        self.pairs = [Pair::default(); K];
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.u64(&mut self.row)?;
        tape.u64(&mut self.left)?;
        if self.left == 0 {
            return Err(EngineError::state("a window has no row left"));
        }
        tape.values(&mut self.base)?;
        tape.values(&mut self.peak)?;
        self.histories.iter_mut().try_for_each(|history| history.tape(tape))?;
        self.gate.tape(tape)?;
        tape_pairs(&mut self.pairs, tape)
    }
}
