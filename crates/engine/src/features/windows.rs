//! The windows made of a `Statistic`, by name, over rows and over event time.

use super::addends;
use super::deviation::Deviation;
use super::kernel::Kernel;
use super::long::{Long, Sums};
use super::moments::Moments;
use super::operators::Body;
use super::order::{Rank, Since};
use super::pairs::{Line, Related, Relation, Trend};
use super::ramp::Ramp;
use super::short::{Ago, Answer, Dispersion, Distance, MOST, Place, Rising, Shape, Short};
use super::slide::{RowWindow, Statistic, TimeWindow};

/// Whether there is such a window here.
pub(super) fn known(op: &str) -> bool {
    matches!(
        op,
        "skew"
            | "kurt"
            | "rank"
            | "argmin"
            | "argmax"
            | "argmin_first"
            | "argmax_first"
            | "slope"
            | "rsquare"
            | "resid"
            | "wma"
            | "mad"
            | "cov"
            | "corr"
            | "beta"
    )
}

/// How many series an operator reads.
pub(super) fn series(op: &str) -> usize {
    if matches!(op, "cov" | "corr" | "beta") { 2 } else { 1 }
}

/// A window over the last `n` rows.
pub(super) fn counted(op: &str, n: usize) -> Option<Box<dyn Kernel>> {
    fn over<S: Statistic<N> + 'static, const N: usize>(n: usize, statistic: S) -> Option<Box<dyn Kernel>> {
        Some(Box::new(RowWindow::new(n, statistic)))
    }
    // two series cost twice as much to add up anew
    let most = if series(op) == 2 { MOST / 2 } else { MOST };
    if n <= most {
        return short(op, n);
    }
    match op {
        "mad" => over(n, Deviation::default()),
        "rank" => over(n, Rank::default()),
        "argmin" => over(n, Since::<1, false>::default()),
        "argmax" => over(n, Since::<-1, false>::default()),
        "argmin_first" => over(n, Since::<1, true>::default()),
        "argmax_first" => over(n, Since::<-1, true>::default()),
        _ => long(op, n),
    }
}

/// Unbiased variance of the last `n` rows.
pub(super) fn variance(n: usize) -> Option<Box<dyn Kernel>> {
    if n <= MOST { short("var", n) } else { long("var", n) }
}

/// A window over many rows, of sums that slide.
fn long(op: &str, n: usize) -> Option<Box<dyn Kernel>> {
    fn of<A: Sums<N, K> + 'static, const N: usize, const K: usize>(n: usize, sums: A) -> Option<Box<dyn Kernel>> {
        Some(Box::new(Long::new(n, sums)))
    }
    match op {
        "var" => of(n, addends::Spread),
        "skew" => of(n, addends::Shape::<3>),
        "kurt" => of(n, addends::Shape::<4>),
        "wma" => of(n, addends::Rising),
        _ => match (line(op), relation(op)) {
            (Some(line), _) => of(n, line),
            (_, Some(relation)) => of(n, relation),
            _ => None,
        },
    }
}

/// A window so short that it is added up anew for every row.
fn short(op: &str, n: usize) -> Option<Box<dyn Kernel>> {
    fn of<A: Answer<N> + 'static, const N: usize>(n: usize, answer: A) -> Option<Box<dyn Kernel>> {
        Some(Box::new(Short::new(n, answer)))
    }
    match op {
        "mad" => of(n, Distance),
        "var" => of(n, Dispersion),
        "skew" => of(n, Shape::<3>),
        "kurt" => of(n, Shape::<4>),
        "rank" => of(n, Place),
        "wma" => of(n, Rising),
        "argmin" => of(n, Ago::<1, false>),
        "argmax" => of(n, Ago::<-1, false>),
        "argmin_first" => of(n, Ago::<1, true>),
        "argmax_first" => of(n, Ago::<-1, true>),
        _ => match (line(op), relation(op)) {
            (Some(line), _) => of(n, line),
            (_, Some(relation)) => of(n, relation),
            _ => None,
        },
    }
}

/// A window over event time; `crosses` names the axis of the series where it is answered on another.
pub(super) fn timed(op: &str, span: i64, crosses: Option<usize>) -> Option<Body> {
    fn over<S: Statistic<N> + 'static, const N: usize>(span: i64, crosses: Option<usize>, statistic: S) -> Option<Body> {
        let window = TimeWindow::new(span, statistic);
        Some(match crosses {
            Some(from) => Body::Sampler(from, Box::new(window)),
            None => Body::Kernel(Box::new(window)),
        })
    }
    match op {
        "var" => over(span, crosses, Moments::<2>::default()),
        "skew" => over(span, crosses, Moments::<3>::default()),
        "kurt" => over(span, crosses, Moments::<4>::default()),
        "rank" => over(span, crosses, Rank::default()),
        "wma" => over(span, crosses, Ramp::default()),
        "mad" => over(span, crosses, Deviation::default()),
        "argmin" => over(span, crosses, Since::<1, false>::default()),
        "argmax" => over(span, crosses, Since::<-1, false>::default()),
        "argmin_first" => over(span, crosses, Since::<1, true>::default()),
        "argmax_first" => over(span, crosses, Since::<-1, true>::default()),
        _ => match (line(op), relation(op)) {
            (Some(line), _) => over(span, crosses, Trend::new(line, 1e9)),
            (_, Some(relation)) => over(span, crosses, Related::new(relation)),
            _ => None,
        },
    }
}

fn line(op: &str) -> Option<Line> {
    match op {
        "slope" => Some(Line::Slope),
        "rsquare" => Some(Line::RSquare),
        "resid" => Some(Line::Residual),
        _ => None,
    }
}

fn relation(op: &str) -> Option<Relation> {
    match op {
        "cov" => Some(Relation::Covariance),
        "corr" => Some(Relation::Correlation),
        "beta" => Some(Relation::Beta),
        _ => None,
    }
}
