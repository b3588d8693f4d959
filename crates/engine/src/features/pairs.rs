//! Two series side by side, or one beside its time: covariance, correlation, regression.

use super::error::EngineError;
use super::math::{Pair, tame};
use super::moments::{Level, tape_pairs};
use super::slide::Statistic;
use super::tape::Tape;
use super::wide::Wide;

/// Sums of two series and of their products, each series seen from its own base.
#[derive(Debug, Clone, Copy, Default)]
struct Products {
    levels: [Level; 2],
    first: [Pair; 2],
    second: [Pair; 2],
    mixed: Pair,
}

/// `n` times the sums of squares and products of the distances to the means.
struct Spreads {
    x: f64,
    y: f64,
    mixed: f64,
}

impl Products {
    #[inline(always)]
    fn count(&mut self, [d, e]: [Wide; 2], sign: f64) {
        for ((first, second), d) in self.first.iter_mut().zip(&mut self.second).zip([d, e]) {
            let square = d.times(d);
            first.add(sign * d.high, sign * d.low);
            second.add(sign * square.high, sign * square.low);
        }
        let mixed = d.times(e);
        self.mixed.add(sign * mixed.high, sign * mixed.low);
    }

    #[inline(always)]
    fn enter(&mut self, [x, y]: [f64; 2]) {
        let [a, b] = &mut self.levels;
        let distances = [a.enter(x), b.enter(y)];
        self.count(distances, 1.0);
    }

    #[inline(always)]
    fn leave(&mut self, [x, y]: [f64; 2]) {
        let [a, b] = self.levels;
        self.count([a.distance(x), b.distance(y)], -1.0);
    }

    fn spreads(&self, n: f64) -> Spreads {
        let [s, t] = self.first.map(Wide::from);
        let [p, q] = self.second.map(|sum| Wide::from(sum).scaled(n));
        Spreads {
            x: p.less(s.times(s)),
            y: q.less(t.times(t)),
            mixed: Wide::from(self.mixed).scaled(n).less(s.times(t)),
        }
    }

    fn stale(&self, n: usize) -> bool {
        let sums = self.levels.iter().zip(self.first).zip(self.second);
        sums.into_iter()
            .any(|((level, first), second)| level.stale(first, second, n, 1024.0, 4_194_304.0))
    }

    fn renew(&mut self, n: usize) {
        for ((level, first), second) in self.levels.iter_mut().zip(self.first).zip(self.second) {
            level.renew(first, second, n);
        }
        *self = Self {
            levels: self.levels,
            ..Self::default()
        };
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.levels.iter_mut().try_for_each(|level| level.tape(tape))?;
        tape_pairs(&mut self.first, tape)?;
        tape_pairs(&mut self.second, tape)?;
        tape_pairs(std::slice::from_mut(&mut self.mixed), tape)
    }
}

/// What two series are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Relation {
    /// Unbiased covariance.
    Covariance,
    /// Pearson's correlation, within -1 and 1; NaN where a series is flat.
    Correlation,
    /// Slope of the first series on the second by least squares; NaN where the second is flat.
    Beta,
}

/// Covariance, correlation or slope of two series; NaN below two rows.
pub(super) struct Related {
    relation: Relation,
    products: Products,
}

impl Related {
    pub fn new(relation: Relation) -> Self {
        Self {
            relation,
            products: Products::default(),
        }
    }
}

impl Statistic<2> for Related {
    fn enter(&mut self, _at: i64, x: [f64; 2]) {
        self.products.enter(x);
    }

    fn leave(&mut self, _at: i64, x: [f64; 2]) {
        self.products.leave(x);
    }

    fn value(&self, n: usize) -> f64 {
        if n < 2 {
            return f64::NAN;
        }
        let n = n as f64;
        let spreads = self.products.spreads(n);
        let flat = |spread: f64| spread <= 0.0;
        match self.relation {
            Relation::Covariance => tame(spreads.mixed / (n * (n - 1.0))),
            Relation::Correlation if flat(spreads.x) || flat(spreads.y) => f64::NAN,
            Relation::Correlation => tame((spreads.mixed / (spreads.x.sqrt() * spreads.y.sqrt())).clamp(-1.0, 1.0)),
            Relation::Beta if flat(spreads.y) => f64::NAN,
            Relation::Beta => tame(spreads.mixed / spreads.y),
        }
    }

    fn stale(&self, n: usize) -> bool {
        self.products.stale(n)
    }

    fn renew(&mut self, n: usize) {
        self.products.renew(n);
    }

    fn clear(&mut self) {
        self.products = Products::default();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.products.tape(tape)
    }
}

/// What the line through a window is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// Change per row, or per second of event time.
    Slope,
    /// Share of the variance that the line explains; NaN where the series is flat.
    RSquare,
    /// How far the newest value lies above the line.
    Residual,
}

/// The line through a window by least squares on the number of the row, or on its stamp; NaN below two rows or over one stamp.
pub(super) struct Trend {
    line: Line,
    unit: f64,
    origin: i64,
    last: i64,
    products: Products,
}

const NEVER: i64 = i64::MIN;

impl Trend {
    /// `unit` is what the slope is stated in: 1 row, or 1e9 ns.
    pub fn new(line: Line, unit: f64) -> Self {
        Self {
            line,
            unit,
            origin: NEVER,
            last: NEVER,
            products: Products::default(),
        }
    }

    fn residual(&self, n: f64, slope: f64) -> f64 {
        let [height, time] = [0, 1].map(|i| self.products.levels[i].newest().minus(Wide::from(self.products.first[i]).over(n)));
        let line = time.scaled(slope);
        let value = height.minus(line).value();
        // a perfect fit leaves the rounding of the slope
        if value.abs() <= 1e-15 * (height.high.abs() + line.high.abs()) {
            0.0
        } else {
            value
        }
    }
}

impl Statistic<1> for Trend {
    fn enter(&mut self, at: i64, [x]: [f64; 1]) {
        if self.origin == NEVER {
            self.origin = at;
        }
        self.last = at;
        self.products.enter([x, at.saturating_sub(self.origin) as f64]);
    }

    fn leave(&mut self, at: i64, [x]: [f64; 1]) {
        self.products.leave([x, at.saturating_sub(self.origin) as f64]);
    }

    fn value(&self, n: usize) -> f64 {
        if n < 2 {
            return f64::NAN;
        }
        let n = n as f64;
        let spreads = self.products.spreads(n);
        if spreads.y <= 0.0 {
            return f64::NAN;
        }
        let slope = spreads.mixed / spreads.y;
        tame(match self.line {
            Line::Slope => slope * self.unit,
            Line::RSquare if spreads.x <= 0.0 => f64::NAN,
            Line::RSquare => share(slope * (spreads.mixed / spreads.x)),
            Line::Residual => self.residual(n, slope),
        })
    }

    fn stale(&self, n: usize) -> bool {
        self.products.stale(n)
    }

    fn renew(&mut self, n: usize) {
        self.products.renew(n);
        // time is counted from the newest row
        self.origin = self.last;
        self.products.levels[1] = Level::default();
    }

    fn clear(&mut self) {
        *self = Self::new(self.line, self.unit);
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.i64(&mut self.origin)?;
        tape.i64(&mut self.last)?;
        self.products.tape(tape)
    }
}

/// At most 1; a NaN stays one.
#[inline(always)]
pub(super) fn share(x: f64) -> f64 {
    if x > 1.0 { 1.0 } else { x }
}
