//! What the windows of many rows add up, and what they answer from it.
#![allow(
    clippy::needless_range_loop,
    reason = "plain loops over arrays become vectors, iterators over them are compiled on their own"
)]

use super::long::Sums;
use super::math::{Pair, square, tame, variance};
use super::moments::shape;
use super::pairs::{Line, Relation, share};
use super::wide::{Wide, product};

#[inline(always)]
fn widen<const K: usize>(pairs: [Pair; K]) -> [Wide; K] {
    let mut out = [Wide { high: 0.0, low: 0.0 }; K];
    for i in 0..K {
        out[i] = Wide::from(pairs[i]);
    }
    out
}

/// Unbiased variance.
pub(super) struct Spread;

impl Sums<1, 2> for Spread {
    const SQUARES: [usize; 1] = [1];

    #[inline(always)]
    fn terms(&self, _k: f64, [x]: [f64; 1]) -> [(f64, f64); 2] {
        [(x, 0.0), square(x)]
    }

    #[inline(always)]
    fn answer(&self, n: f64, _k: f64, [first, second]: [Pair; 2], _newest: [f64; 1], _base: [f64; 1]) -> f64 {
        tame(variance(first, second, n))
    }
}

impl Sums<2, 5> for Relation {
    const SQUARES: [usize; 2] = [2, 3];

    #[inline(always)]
    fn terms(&self, _k: f64, [x, y]: [f64; 2]) -> [(f64, f64); 5] {
        [(x, 0.0), (y, 0.0), square(x), square(y), product(x, y)]
    }

    #[inline(always)]
    fn answer(&self, n: f64, _k: f64, sums: [Pair; 5], _newest: [f64; 2], _base: [f64; 2]) -> f64 {
        let [s, t, xx, yy, xy] = widen(sums);
        let (x, y) = (xx.scaled(n).less(s.times(s)), yy.scaled(n).less(t.times(t)));
        let mixed = xy.scaled(n).less(s.times(t));
        let flat = |spread: f64| spread <= 0.0;
        let value = match self {
            Self::Covariance => mixed / (n * (n - 1.0)),
            Self::Correlation => (mixed / (x.sqrt() * y.sqrt())).clamp(-1.0, 1.0),
            Self::Beta => mixed / y,
        };
        let unknown = match self {
            Self::Covariance => false,
            Self::Correlation => flat(x) || flat(y),
            Self::Beta => flat(y),
        };
        if unknown { f64::NAN } else { tame(value) }
    }
}

impl Sums<1, 3> for Line {
    const SQUARES: [usize; 1] = [1];

    #[inline(always)]
    fn terms(&self, k: f64, [x]: [f64; 1]) -> [(f64, f64); 3] {
        [(x, 0.0), square(x), product(k, x)]
    }

    #[inline(always)]
    fn answer(&self, n: f64, k: f64, sums: [Pair; 3], [newest]: [f64; 1], _base: [f64; 1]) -> f64 {
        let [s, q, w] = widen(sums);
        let middle = 0.5 * (n - 1.0);
        // sums of the products of the distances to both means, n times the one and n²(n² - 1)/12 for time
        let mixed = w.less(s.scaled(k - middle));
        let slope = mixed / (n * (n * n - 1.0) / 12.0);
        let spread = q.scaled(n).less(s.times(s));
        let height = Wide { high: newest, low: 0.0 }.minus(s.over(n));
        let line = Wide { high: slope, low: 0.0 }.scaled(middle);
        let off = height.minus(line).value();
        tame(match self {
            Self::Slope => slope,
            Self::RSquare if spread <= 0.0 => f64::NAN,
            Self::RSquare => share(slope * (n * mixed / spread)),
            // a perfect fit leaves the rounding of the slope
            Self::Residual if off.abs() <= 1e-15 * (height.high.abs() + line.high.abs()) => 0.0,
            Self::Residual => off,
        })
    }
}

/// Mean with weights 1 for the oldest value to `n` for the newest.
pub(super) struct Rising;

impl Sums<1, 3> for Rising {
    const SQUARES: [usize; 1] = [1];

    #[inline(always)]
    fn terms(&self, k: f64, [x]: [f64; 1]) -> [(f64, f64); 3] {
        [(x, 0.0), (x * x, 0.0), product(k, x)]
    }

    #[inline(always)]
    fn answer(&self, n: f64, k: f64, sums: [Pair; 3], _newest: [f64; 1], [base]: [f64; 1]) -> f64 {
        let [s, _, w] = widen(sums);
        let weighted = w.minus(s.scaled(k - n)).over(0.5 * n * (n + 1.0));
        tame(weighted.plus(Wide { high: base, low: 0.0 }).value())
    }
}

/// Skewness (`K` 3) or excess kurtosis (4).
pub(super) struct Shape<const K: usize>;

impl<const K: usize> Sums<1, K> for Shape<K> {
    const SQUARES: [usize; 1] = [1];

    #[inline(always)]
    fn terms(&self, _k: f64, [x]: [f64; 1]) -> [(f64, f64); K] {
        let (high, low) = square(x);
        let second = Wide { high, low };
        let (third, fourth) = (second.scaled(x), second.times(second));
        let all = [(x, 0.0), (high, low), (third.high, third.low), (fourth.high, fourth.low)];
        let mut terms = [(0.0, 0.0); K];
        terms.copy_from_slice(&all[..K]);
        terms
    }

    #[inline(always)]
    fn answer(&self, n: f64, _k: f64, sums: [Pair; K], _newest: [f64; 1], _base: [f64; 1]) -> f64 {
        let mut all = [Pair::default(); 4];
        all[..K].copy_from_slice(&sums);
        shape::<K>(n, widen(all))
    }
}
