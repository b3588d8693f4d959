//! One-sided filters: a weighted sum of the value now and of values before it.

use super::error::EngineError;
use super::history::History;
use super::kernel::{Args, Kernel, Rows};
use super::math::tame;
use super::tape::Tape;

/// `sum of weights[k] * x[t - k * spacing]`, `k` from 0. No tap lies ahead of the row it answers. NaN where a tapped value is.
///
/// Terms are added in the order of `k`, four sums side by side, whether a block or a single row is asked for.
pub(super) struct Filter {
    weights: Vec<f64>,
    spacing: usize,
    reach: usize,
    history: History,
    sums: [Vec<f64>; 4],
}

impl Filter {
    pub fn new(weights: Vec<f64>, spacing: usize) -> Self {
        let reach = weights.len().saturating_sub(1) * spacing;
        Self {
            weights,
            spacing,
            reach,
            history: History::new(reach, f64::NAN),
            sums: Default::default(),
        }
    }
}

impl Kernel for Filter {
    fn update(&mut self, _rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        let past = self.history.extend(args.get(0));
        if let [out] = out {
            let mut sums = [0.0; 4];
            for (k, weight) in self.weights.iter().enumerate() {
                sums[k % 4] += weight * past[self.reach - k * self.spacing];
            }
            *out = tame((sums[0] + sums[1]) + (sums[2] + sums[3]));
            return;
        }
        for sum in &mut self.sums {
            sum.clear();
            sum.resize(out.len(), 0.0);
        }
        for (k, weight) in self.weights.iter().enumerate() {
            let first = self.reach - k * self.spacing;
            for (sum, x) in self.sums[k % 4].iter_mut().zip(&past[first..]) {
                *sum += weight * x;
            }
        }
        let [a, b, c, d] = &self.sums;
        for (r, out) in out.iter_mut().enumerate() {
            *out = tame((a[r] + b[r]) + (c[r] + d[r]));
        }
    }

    fn reset(&mut self) {
        self.history.reset();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.history.tape(tape)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn run(filter: &mut Filter, x: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; x.len()];
        let (args, ids) = (x.to_vec(), [0]);
        let rows = Rows {
            ts: &vec![0; x.len()],
            session: 0,
        };
        let args = Args {
            buffer: &args,
            stride: x.len(),
            ids: &ids,
            rows: x.len(),
        };
        filter.update(rows, args, &mut out);
        out
    }

    #[test]
    fn an_impulse_comes_out_as_the_weights_and_never_before_it() {
        let weights = vec![0.5, -0.25, 3.0, 7.0, 11.0];
        for spacing in [1, 2, 4] {
            let mut x = vec![0.0; 60];
            x[30] = 1.0;
            let found = run(&mut Filter::new(weights.clone(), spacing), &x);
            let reach = 4 * spacing;
            assert!(found[..reach].iter().all(|y| y.is_nan()));
            for (t, y) in found.iter().enumerate().skip(reach) {
                let tap = t.checked_sub(30).filter(|lag| lag % spacing == 0).map(|lag| lag / spacing);
                assert_eq!(*y, tap.and_then(|k| weights.get(k)).copied().unwrap_or(0.0), "{t}");
            }
        }
    }

    #[test]
    fn a_row_at_a_time_gives_the_bits_of_a_block() {
        let x: Vec<f64> = (0..400).map(|i| (f64::from(i) * 0.7).sin() / 3.0).collect();
        let weights: Vec<f64> = (0..37).map(|k| 1.0 / f64::from(k + 3)).collect();
        let block = run(&mut Filter::new(weights.clone(), 3), &x);
        let mut filter = Filter::new(weights, 3);
        for (x, y) in x.iter().zip(block) {
            assert_eq!(run(&mut filter, &[*x])[0].to_bits() | 1 << 63, y.to_bits() | 1 << 63);
        }
    }
}
