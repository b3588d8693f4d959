//! One-dimensional laws over a unitless variable z, with the formulas of `tickcast.distributions`.

use serde::{Deserialize, Serialize};

/// The least width that a tail or a segment is given, in units of z.
const FLOOR: f64 = 1e-12;

/// What the parameters of a forecast mean, per horizon.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Law {
    /// Mass per bucket; `edges` holds one increasing row per horizon. A lattice puts each mass on its bucket's centre, otherwise inner
    /// buckets are flat and the two outer ones decay exponentially with their width as mean distance.
    Buckets { edges: Vec<Vec<f64>>, lattice: bool },
    /// Values at increasing probability levels, linear in between, with exponential tails that continue the outer segments.
    Quantiles { levels: Vec<f64> },
}

/// What is said about one horizon; log-returns except `p_up` = P(R > 0).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Outputs {
    pub p_up: f64,
    pub e_r: f64,
    pub q05: f64,
    pub q50: f64,
    pub q95: f64,
    pub std: f64,
}

impl Outputs {
    /// Every figure is a number, the probability lies in [0, 1] and the quantiles do not cross.
    pub fn sound(&self) -> bool {
        let all = [self.p_up, self.e_r, self.q05, self.q50, self.q95, self.std];
        all.iter().all(|x| x.is_finite()) && (0.0..=1.0).contains(&self.p_up) && self.q05 <= self.q50 && self.q50 <= self.q95
    }
}

impl Law {
    /// Parameters per horizon. Err when the law itself is malformed or does not have `horizons` rows.
    pub fn check(&self, horizons: usize) -> Result<usize, String> {
        match self {
            Law::Buckets { edges, .. } => {
                let size = edges.first().map_or(0, |row| row.len().saturating_sub(1));
                if edges.len() != horizons || size < 3 || edges.iter().any(|row| row.len() != size + 1) {
                    return Err(format!(
                        "bucket edges do not have {horizons} rows of one length, four edges at least"
                    ));
                }
                if edges
                    .iter()
                    .any(|row| !row.windows(2).all(|w| w[1] > w[0]) || row.iter().any(|e| !e.is_finite()))
                {
                    return Err("bucket edges do not increase".into());
                }
                Ok(size)
            }
            Law::Quantiles { levels } => {
                let inside = levels.first().is_some_and(|x| *x > 0.0) && levels.last().is_some_and(|x| *x < 1.0);
                if levels.len() < 3 || !inside || !levels.windows(2).all(|w| w[1] > w[0]) {
                    return Err("quantile levels do not increase strictly between 0 and 1".into());
                }
                Ok(levels.len())
            }
        }
    }

    /// Checks one horizon's parameters and normalises bucket masses. Err names what is wrong; nothing that passes yields NaN.
    pub fn settle(&self, values: &mut [f64]) -> Result<(), &'static str> {
        match self {
            Law::Buckets { .. } => {
                let total: f64 = values.iter().sum();
                let sound = values.iter().all(|p| *p >= 0.0) && (total - 1.0).abs() < 1e-4;
                if !sound {
                    return Err("bucket probabilities are negative, not finite, or do not sum to one");
                }
                values.iter_mut().for_each(|p| *p /= total);
            }
            Law::Quantiles { .. } => {
                // A float32 sum of positive steps may fall by its last bit; a crossing beyond that is refused.
                for i in 1..values.len() {
                    if values[i] < values[i - 1] && values[i - 1] - values[i] <= 1e-6 * values[i - 1].abs().max(1.0) {
                        values[i] = values[i - 1];
                    }
                }
                if values.iter().any(|v| !v.is_finite()) || values.windows(2).any(|w| w[1] < w[0]) {
                    return Err("quantile values cross or are not finite");
                }
            }
        }
        Ok(())
    }

    /// P(Z <= z) of horizon `h` under settled `values`.
    pub fn cdf(&self, h: usize, values: &[f64], z: f64) -> f64 {
        match self {
            Law::Buckets { edges, lattice } => Buckets::new(&edges[h], *lattice, values).cdf(z),
            Law::Quantiles { levels } => Quantiles { t: levels, v: values }.cdf(z),
        }
    }

    /// Smallest z with P(Z <= z) >= level, 0 < level < 1.
    pub fn quantile(&self, h: usize, values: &[f64], level: f64) -> f64 {
        match self {
            Law::Buckets { edges, lattice } => Buckets::new(&edges[h], *lattice, values).quantile(level),
            Law::Quantiles { levels } => Quantiles { t: levels, v: values }.quantile(level),
        }
    }

    /// Mean and variance of Z.
    pub fn moments(&self, h: usize, values: &[f64]) -> (f64, f64) {
        match self {
            Law::Buckets { edges, lattice } => Buckets::new(&edges[h], *lattice, values).moments(),
            Law::Quantiles { levels } => Quantiles { t: levels, v: values }.moments(),
        }
    }

    /// The figures of horizon `h` in log-returns, `scale` being the log-return of one unit of z.
    pub fn outputs(&self, h: usize, values: &[f64], scale: f64) -> Outputs {
        let (mean, variance) = self.moments(h, values);
        let at = |level| self.quantile(h, values, level) * scale;
        Outputs {
            p_up: 1.0 - self.cdf(h, values, 0.0),
            e_r: mean * scale,
            q05: at(0.05),
            q50: at(0.5),
            q95: at(0.95),
            std: variance.sqrt() * scale,
        }
    }
}

struct Buckets<'a> {
    edges: &'a [f64],
    mass: &'a [f64],
    lattice: bool,
}

impl<'a> Buckets<'a> {
    fn new(edges: &'a [f64], lattice: bool, mass: &'a [f64]) -> Self {
        Self { edges, mass, lattice }
    }

    fn centre(&self, k: usize) -> f64 {
        (self.edges[k + 1] + self.edges[k]) / 2.0
    }

    fn width(&self, k: usize) -> f64 {
        self.edges[k + 1] - self.edges[k]
    }

    /// Mass below edge `k`; summed in order, as numpy's cumsum does.
    fn below(&self, k: usize) -> f64 {
        if k == self.mass.len() {
            1.0
        } else {
            self.mass[..k].iter().sum::<f64>().min(1.0)
        }
    }

    fn cdf(&self, z: f64) -> f64 {
        let last = self.mass.len() - 1;
        if self.lattice {
            let largest = (0..=last).map(|k| self.centre(k).abs()).fold(0.0, f64::max);
            let shifted = z + 1e-9 * largest;
            return self.below((0..=last).take_while(|k| self.centre(*k) <= shifted).count());
        }
        let p = if z < self.edges[1] {
            self.mass[0] * ((z - self.edges[1]).min(0.0) / self.width(0)).exp()
        } else if z >= self.edges[last] {
            1.0 - self.mass[last] * (-(z - self.edges[last]).max(0.0) / self.width(last)).exp()
        } else {
            let k = (self.edges.partition_point(|e| *e <= z) - 1).min(last);
            self.below(k) + self.mass[k] * ((z - self.edges[k]) / self.width(k))
        };
        p.clamp(0.0, 1.0)
    }

    fn quantile(&self, level: f64) -> f64 {
        let last = self.mass.len() - 1;
        let (mut k, mut below) = (0, 0.0);
        while k < last {
            let upto: f64 = below + self.mass[k];
            if upto.min(1.0) >= level {
                break;
            }
            below = upto;
            k += 1;
        }
        if self.lattice {
            return self.centre(k);
        }
        let held = self.mass[k].max(f64::MIN_POSITIVE);
        if k == 0 {
            self.edges[1] + self.width(0) * (level / held).ln()
        } else if k == last {
            self.edges[last] - self.width(last) * ((1.0 - level) / held).min(1.0).ln()
        } else {
            self.edges[k] + self.width(k) * ((level - below.min(1.0)) / held).clamp(0.0, 1.0)
        }
    }

    fn moments(&self) -> (f64, f64) {
        let last = self.mass.len() - 1;
        let (mut mean, mut second) = (0.0, 0.0);
        for (k, mass) in self.mass.iter().enumerate() {
            let width = self.width(k);
            let (middle, within) = match (self.lattice, k) {
                (true, _) => (self.centre(k), 0.0),
                (false, 0) => (self.edges[1] - width, width * width),
                (false, k) if k == last => (self.edges[last] + width, width * width),
                (false, _) => (self.centre(k), width * width / 12.0),
            };
            mean += mass * middle;
            second += mass * (middle * middle + within);
        }
        (mean, (second - mean * mean).max(0.0))
    }
}

struct Quantiles<'a> {
    t: &'a [f64],
    v: &'a [f64],
}

impl Quantiles<'_> {
    fn tails(&self) -> (f64, f64) {
        let (t, v, n) = (self.t, self.v, self.t.len());
        let left = t[0] * (v[1] - v[0]) / (t[1] - t[0]);
        let right = (1.0 - t[n - 1]) * (v[n - 1] - v[n - 2]) / (t[n - 1] - t[n - 2]);
        (left.max(FLOOR), right.max(FLOOR))
    }

    fn cdf(&self, z: f64) -> f64 {
        let (left, right) = self.tails();
        let (t, v, n) = (self.t, self.v, self.t.len());
        let k = v.partition_point(|x| *x <= z);
        if k == 0 {
            return t[0] * ((z - v[0]).min(0.0) / left).exp();
        }
        if k == n {
            return 1.0 - (1.0 - t[n - 1]) * (-(z - v[n - 1]).max(0.0) / right).exp();
        }
        let share = if v[k] > v[k - 1] { (z - v[k - 1]) / (v[k] - v[k - 1]) } else { 0.0 };
        t[k - 1] + (t[k] - t[k - 1]) * share
    }

    fn quantile(&self, level: f64) -> f64 {
        let (left, right) = self.tails();
        let (t, v, n) = (self.t, self.v, self.t.len());
        if level < t[0] {
            return v[0] + left * (level / t[0]).min(1.0).ln();
        }
        if level > t[n - 1] {
            return v[n - 1] - right * ((1.0 - level) / (1.0 - t[n - 1])).min(1.0).ln();
        }
        let k = t.partition_point(|x| *x < level).clamp(1, n - 1);
        let share = (level - t[k - 1]) / (t[k] - t[k - 1]);
        v[k - 1] + (v[k] - v[k - 1]) * share.clamp(0.0, 1.0)
    }

    fn moments(&self) -> (f64, f64) {
        let (left, right) = self.tails();
        let (t, v, n) = (self.t, self.v, self.t.len());
        let (t0, t1) = (t[0], 1.0 - t[n - 1]);
        let pairs = || (1..n).map(|k| (t[k] - t[k - 1], v[k - 1], v[k]));
        let mean = pairs().map(|(p, a, b)| (a + b) / 2.0 * p).sum::<f64>() + t0 * (v[0] - left) + t1 * (v[n - 1] + right);
        let inner: f64 = pairs()
            .map(|(p, a, b)| (a - mean, b - mean, p))
            .map(|(a, b, p)| (a * a + a * b + b * b) / 3.0 * p)
            .sum();
        let (low, high) = (v[0] - mean, v[n - 1] - mean);
        let under = t0 * (low * low - 2.0 * low * left + 2.0 * left * left);
        let over = t1 * (high * high + 2.0 * high * right + 2.0 * right * right);
        (mean, (inner + under + over).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn laws() -> Vec<(Law, Vec<f64>)> {
        let edges = vec![vec![-3.0, -1.0, 0.5, 1.0, 4.0]];
        let mass = vec![0.2, 0.3, 0.4, 0.1];
        vec![
            (
                Law::Buckets {
                    edges: edges.clone(),
                    lattice: false,
                },
                mass.clone(),
            ),
            (Law::Buckets { edges, lattice: true }, mass),
            (
                Law::Quantiles {
                    levels: vec![0.1, 0.4, 0.5, 0.9],
                },
                vec![-1.0, -0.1, 0.0, 2.0],
            ),
        ]
    }

    #[test]
    fn cdf_rises_and_inverts_its_quantile() {
        for (law, values) in laws() {
            let mut before = 0.0;
            for i in 0..2000 {
                let p = law.cdf(0, &values, -10.0 + 0.01 * f64::from(i));
                assert!(p >= before && (0.0..=1.0).contains(&p));
                before = p;
            }
            for i in 1..100 {
                let level = f64::from(i) / 100.0;
                let reached = law.cdf(0, &values, law.quantile(0, &values, level));
                let lattice = matches!(law, Law::Buckets { lattice: true, .. });
                assert!(
                    if lattice {
                        reached >= level - 1e-12
                    } else {
                        (reached - level).abs() < 1e-12
                    },
                    "{law:?} {level} {reached}"
                );
            }
        }
    }

    #[test]
    fn moments_are_those_of_the_quantile_function() {
        for (law, values) in laws() {
            let n = 200_000;
            let draws: Vec<f64> = (0..n)
                .map(|i| law.quantile(0, &values, (f64::from(i) + 0.5) / f64::from(n)))
                .collect();
            let mean = draws.iter().sum::<f64>() / f64::from(n);
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
            let (m, v) = law.moments(0, &values);
            assert!(
                (m - mean).abs() < 1e-3 && (v - variance).abs() < 2e-2,
                "{law:?} {m} {mean} {v} {variance}"
            );
        }
    }

    #[test]
    fn what_is_no_law_is_refused() {
        for (law, values) in laws() {
            assert!(law.check(2).is_err() || matches!(law, Law::Quantiles { .. }));
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let mut broken = values.clone();
                broken[1] = bad;
                assert!(law.settle(&mut broken).is_err());
            }
            assert!(law.settle(&mut values.clone()).is_ok());
        }
        assert!(
            Law::Quantiles {
                levels: vec![0.5, 0.4, 0.9]
            }
            .check(1)
            .is_err()
        );
    }
}
