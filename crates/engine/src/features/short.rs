//! Windows of few rows, each answered from its rows alone.
//!
//! Up to `MOST` rows it costs less to add a window up anew than to slide: no row waits for the one before, so a block is computed in
//! vector lanes, and nothing that has left a window weighs on its bits. Every window is seen from its newest value, which lies within its
//! range: squares lose nothing to the level, and a flat window has distances of exactly 0.

use super::error::EngineError;
use super::history::{BLOCK, Gate, History};
use super::kernel::{Args, Kernel, Rows};
use super::math::tame;
use super::pairs::{Line, Relation};
use super::tape::Tape;
use super::vector::{Work, widest};

/// Longest window that is added up anew.
pub(super) const MOST: usize = 64;

/// Rows computed side by side.
const SIDE: usize = 16;

/// `L` rows next to each other, one lane each.
type Lanes<const L: usize> = [f64; L];

/// What a window of rows of `N` series is asked for.
pub(super) trait Answer<const N: usize>: Send + Sync {
    /// The answers for `L` rows; `x[i][j + l]` is value `j` of `n`, oldest first, of the window of lane `l`.
    fn lanes<const L: usize>(&self, n: usize, x: [&[f64]; N]) -> Lanes<L>;

    /// Whether a NaN in the window has to be looked for because it does not reach the answer by itself.
    const BLIND: bool = false;
}

/// A window of `n` rows that answers `A`.
pub(super) struct Short<A, const N: usize> {
    n: usize,
    histories: [History; N],
    gate: Gate,
    answer: A,
}

impl<A: Answer<N>, const N: usize> Short<A, N> {
    pub fn new(n: usize, answer: A) -> Self {
        Self {
            n,
            histories: std::array::from_fn(|_| History::new(n, f64::NAN)),
            gate: Gate::new(n as u64),
            answer,
        }
    }

    #[inline(always)]
    fn fill(&mut self, x: [&[f64]; N], out: &mut [f64]) {
        let m = out.len();
        for (history, x) in self.histories.iter_mut().zip(x) {
            history.append(x, |x| x);
        }
        let seen = self.histories.each_ref().map(|history| history.recent(self.n - 1 + m));
        let whole = m - m % SIDE;
        for (r, out) in (0..whole).step_by(SIDE).zip(out.chunks_exact_mut(SIDE)) {
            let mut part = seen;
            for x in &mut part {
                *x = &x[r..r + self.n + SIDE - 1];
            }
            out.copy_from_slice(&self.answer.lanes::<SIDE>(self.n, part));
        }
        for (r, out) in out.iter_mut().enumerate().skip(whole) {
            *out = self.answer.lanes::<1>(self.n, seen.map(|x| &x[r..r + self.n]))[0];
        }
        if A::BLIND {
            self.gate.close(x[0], out);
        }
    }
}

/// A window and the rows before it.
struct Filling<'a, A, const N: usize> {
    window: &'a mut Short<A, N>,
    x: [&'a [f64]; N],
    out: &'a mut [f64],
}

impl<A: Answer<N>, const N: usize> Work for Filling<'_, A, N> {
    #[inline(always)]
    fn run(self) {
        self.window.fill(self.x, self.out);
    }
}

impl<A: Answer<N>, const N: usize> Kernel for Short<A, N> {
    fn update(&mut self, _rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        debug_assert!(out.len() <= BLOCK);
        let x = std::array::from_fn(|i| args.get(i));
        if args.rows < SIDE {
            self.fill(x, out);
        } else {
            widest(Filling { window: self, x, out });
        }
    }

    fn reset(&mut self) {
        self.histories.iter_mut().for_each(History::reset);
        self.gate.reset();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.histories.iter_mut().try_for_each(|history| history.tape(tape))?;
        self.gate.tape(tape)
    }
}

/// Value `j` of the windows of all lanes.
#[inline(always)]
fn at<const L: usize>(x: &[f64], j: usize) -> Lanes<L> {
    let mut lanes = [0.0; L];
    lanes.copy_from_slice(&x[j..j + L]);
    lanes
}

/// Add `f(d, e)` of all lanes.
#[inline(always)]
fn add<const L: usize>(sum: &mut Lanes<L>, d: Lanes<L>, e: Lanes<L>, f: impl Fn(f64, f64) -> f64) {
    for l in 0..L {
        sum[l] += f(d[l], e[l]);
    }
}

#[inline(always)]
fn apart<const L: usize>(mut x: Lanes<L>, base: Lanes<L>) -> Lanes<L> {
    for l in 0..L {
        x[l] -= base[l];
    }
    x
}

/// One number per lane. A loop and no closure over an array: that one is compiled on its own, without the wide vectors.
macro_rules! lanes {
    ($l:ident => $value:expr) => {{
        let mut out = [0.0; L];
        for $l in 0..L {
            out[$l] = $value;
        }
        out
    }};
}

impl Answer<2> for Relation {
    #[inline(always)]
    fn lanes<const L: usize>(&self, n: usize, x: [&[f64]; 2]) -> Lanes<L> {
        let [x, y] = x;
        let (first, second) = (at::<L>(x, n - 1), at::<L>(y, n - 1));
        let [mut sd, mut se, mut dd, mut ee, mut de] = [[0.0; L]; 5];
        for j in 0..n - 1 {
            let (d, e) = (apart(at::<L>(x, j), first), apart(at::<L>(y, j), second));
            add(&mut sd, d, d, |d, _| d);
            add(&mut se, e, e, |e, _| e);
            add(&mut dd, d, d, |d, e| d * e);
            add(&mut ee, e, e, |d, e| d * e);
            add(&mut de, d, e, |d, e| d * e);
        }
        let n = n as f64;
        lanes!(l => {
            let (x, y, mixed) = (dd[l] - sd[l] * sd[l] / n, ee[l] - se[l] * se[l] / n, de[l] - sd[l] * se[l] / n);
            match self {
                Self::Covariance => tame(mixed / (n - 1.0)),
                Self::Correlation if x <= 0.0 || y <= 0.0 => f64::NAN,
                Self::Correlation => tame((mixed / (x.sqrt() * y.sqrt())).clamp(-1.0, 1.0)),
                Self::Beta if y <= 0.0 => f64::NAN,
                Self::Beta => tame(mixed / y),
            }
        })
    }
}

impl Answer<1> for Line {
    #[inline(always)]
    fn lanes<const L: usize>(&self, n: usize, [x]: [&[f64]; 1]) -> Lanes<L> {
        let base = at::<L>(x, n - 1);
        let [mut sum, mut square, mut mixed] = [[0.0; L]; 3];
        let middle = (n as f64 - 1.0) / 2.0;
        let mut k = -middle;
        for j in 0..n - 1 {
            let d = apart(at::<L>(x, j), base);
            add(&mut mixed, d, d, |d, _| k * d);
            if *self != Self::Slope {
                add(&mut sum, d, d, |d, _| d);
                add(&mut square, d, d, |d, e| d * e);
            }
            k += 1.0;
        }
        let n = n as f64;
        let times = n * (n * n - 1.0) / 12.0;
        lanes!(l => {
            let slope = mixed[l] / times;
            let spread = square[l] - sum[l] * sum[l] / n;
            tame(match self {
                Self::Slope => slope,
                Self::RSquare if spread <= 0.0 => f64::NAN,
                Self::RSquare => {
                    let share = slope * (mixed[l] / spread);
                    if share > 1.0 { 1.0 } else { share } // lets a NaN through
                }
                Self::Residual => {
                    let (height, line) = (-sum[l] / n, slope * middle);
                    let off = height - line;
                    // a perfect fit leaves the rounding of the sums
                    if off.abs() <= 1e-15 * n * (height.abs() + line.abs()) {
                        0.0
                    } else {
                        off
                    }
                }
            })
        })
    }
}

/// Rank of the newest value as a share of the window, in (0, 1]; ties get the mean of their ranks (pandas: `rank(pct=True)`).
pub(super) struct Place;

impl Answer<1> for Place {
    const BLIND: bool = true;

    #[inline(always)]
    fn lanes<const L: usize>(&self, n: usize, [x]: [&[f64]; 1]) -> Lanes<L> {
        let newest = at::<L>(x, n - 1);
        let mut halves = [0_i64; L]; // of places: those below count two, equal ones one
        for j in 0..n {
            let value = at::<L>(x, j);
            for l in 0..L {
                halves[l] += i64::from(value[l] < newest[l]) + i64::from(value[l] <= newest[l]);
            }
        }
        lanes!(l => (halves[l] + 1) as f64 / (2.0 * n as f64))
    }
}

/// Rows since the smallest (`SIGN` 1) or largest (-1) value: 0 is the newest row. Of equal ones the latest, or the `FIRST`.
pub(super) struct Ago<const SIGN: i8, const FIRST: bool>;

impl<const SIGN: i8, const FIRST: bool> Answer<1> for Ago<SIGN, FIRST> {
    const BLIND: bool = true;

    #[inline(always)]
    fn lanes<const L: usize>(&self, n: usize, [x]: [&[f64]; 1]) -> Lanes<L> {
        let mut best = at::<L>(x, 0);
        let mut since = [n as f64 - 1.0; L];
        for j in 1..n {
            let (value, age) = (at::<L>(x, j), (n - 1 - j) as f64);
            for l in 0..L {
                let better = match (SIGN > 0, FIRST) {
                    (true, true) => value[l] < best[l],
                    (true, false) => value[l] <= best[l],
                    (false, true) => value[l] > best[l],
                    (false, false) => value[l] >= best[l],
                };
                best[l] = if better { value[l] } else { best[l] };
                since[l] = if better { age } else { since[l] };
            }
        }
        since
    }
}

/// Mean with weights 1 for the oldest value to `n` for the newest.
pub(super) struct Rising;

impl Answer<1> for Rising {
    #[inline(always)]
    fn lanes<const L: usize>(&self, n: usize, [x]: [&[f64]; 1]) -> Lanes<L> {
        let base = at::<L>(x, n - 1);
        let mut sum = [0.0; L];
        let mut weight = 0.0;
        for j in 0..n - 1 {
            weight += 1.0;
            add(&mut sum, at(x, j), base, |x, base| weight * (x - base));
        }
        let total = 0.5 * n as f64 * (n as f64 + 1.0);
        lanes!(l => tame(base[l] + sum[l] / total))
    }
}

/// Mean distance to the mean.
pub(super) struct Distance;

impl Answer<1> for Distance {
    #[inline(always)]
    fn lanes<const L: usize>(&self, n: usize, [x]: [&[f64]; 1]) -> Lanes<L> {
        let base = at::<L>(x, n - 1);
        let [mut mean, mut sum] = [[0.0; L]; 2];
        for j in 0..n - 1 {
            add(&mut mean, at(x, j), base, |x, base| x - base);
        }
        let count = n as f64;
        mean.iter_mut().for_each(|mean| *mean /= count);
        for j in 0..n {
            add(&mut sum, apart(at::<L>(x, j), base), mean, |d, mean| (d - mean).abs());
        }
        lanes!(l => sum[l] / count)
    }
}

/// Unbiased variance.
pub(super) struct Dispersion;

impl Answer<1> for Dispersion {
    #[inline(always)]
    fn lanes<const L: usize>(&self, n: usize, [x]: [&[f64]; 1]) -> Lanes<L> {
        let base = at::<L>(x, n - 1);
        let [mut sum, mut square] = [[0.0; L]; 2];
        for j in 0..n - 1 {
            let d = apart(at::<L>(x, j), base);
            add(&mut sum, d, d, |d, _| d);
            add(&mut square, d, d, |d, e| d * e);
        }
        let n = n as f64;
        lanes!(l => tame((square[l] - sum[l] * sum[l] / n) / (n - 1.0)))
    }
}

/// Skewness (`K` 3) or excess kurtosis (4), both adjusted for the sample as pandas does (Joanes and Gill 1998: G1 and G2); NaN where flat.
pub(super) struct Shape<const K: usize>;

impl<const K: usize> Answer<1> for Shape<K> {
    #[inline(always)]
    fn lanes<const L: usize>(&self, n: usize, [x]: [&[f64]; 1]) -> Lanes<L> {
        let base = at::<L>(x, n - 1);
        let mut sum = [0.0; L];
        for j in 0..n - 1 {
            add(&mut sum, at(x, j), base, |x, base| x - base);
        }
        let count = n as f64;
        let mean: Lanes<L> = lanes!(l => sum[l] / count);
        let [mut second, mut high] = [[0.0; L]; 2];
        for j in 0..n {
            let d = apart(apart(at::<L>(x, j), base), mean);
            add(&mut second, d, d, |d, e| d * e);
            add(&mut high, d, d, |d, e| if K == 3 { d * e * d } else { (d * e) * (d * e) });
        }
        lanes!(l => shape::<K>(count, second[l], high[l]))
    }
}

#[inline(always)]
fn shape<const K: usize>(n: f64, second: f64, high: f64) -> f64 {
    // a flat window has distances of exactly 0
    if second <= 0.0 {
        return f64::NAN;
    }
    if K == 3 {
        let skew = (n * (n - 1.0)).sqrt() / (n - 2.0) * (n.sqrt() * high / (second * second.sqrt()));
        // a symmetric window: what is left is the rounding of its values
        return if skew.abs() < 1e-13 { 0.0 } else { tame(skew) };
    }
    let ratio = n * high / (second * second);
    tame((n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * ratio - 3.0 * (n - 1.0)))
}
