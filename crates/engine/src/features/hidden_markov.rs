//! Hidden Markov model with Gaussian states: probabilities of the states given the rows so far, never the rows to come.

use super::error::EngineError;
use super::fitted::{Learned, Model};
use super::math::{exp, ln};
use super::tape::Tape;

const MAX_STATES: usize = 16;

/// The forward recursion (Rabiner 1989, normalised): `p_j ~ density_j(z) * sum_i p_i move_ij`, from the stationary distribution on.
pub(super) struct HiddenMarkov {
    start: Vec<f64>,
    /// From state x to state.
    moves: Vec<f64>,
    /// State x series.
    means: Vec<f64>,
    precisions: Vec<f64>,
    /// Half the logarithm of the product of a state's precisions.
    peaks: Vec<f64>,
    state: Vec<f64>,
    prior: Vec<f64>,
    fresh: u64,
}

impl HiddenMarkov {
    pub fn new(learned: &mut Learned<'_>, series: usize) -> Result<Self, EngineError> {
        let states = learned.size(MAX_STATES)?;
        let start = learned.positives(states)?.to_vec();
        let moves = learned.positives(states * states)?.to_vec();
        let means = learned.many(states * series)?.to_vec();
        let variances = learned.positives(states * series)?;
        let precisions: Vec<f64> = variances.iter().map(|v| 1.0 / v).collect();
        let peaks = variances
            .chunks(series)
            .map(|own| own.iter().fold(0.0, |sum, v| sum - 0.5 * ln(*v)))
            .collect();
        let state = start.clone();
        Ok(Self {
            prior: start.clone(),
            start,
            moves,
            means,
            precisions,
            peaks,
            state,
            fresh: 1,
        })
    }
}

impl Model for HiddenMarkov {
    fn outputs(&self) -> usize {
        self.start.len()
    }

    fn take(&mut self, z: &[f64]) {
        let states = self.start.len();
        for j in 0..states {
            self.prior[j] = if self.fresh == 1 {
                self.start[j]
            } else {
                (0..states).fold(0.0, |sum, i| sum + self.state[i] * self.moves[i * states + j])
            };
        }
        let mut best = f64::NEG_INFINITY;
        for j in 0..states {
            let own = j * z.len();
            let distance = z.iter().enumerate().fold(0.0, |sum, (i, z)| {
                let d = z - self.means[own + i];
                sum + d * d * self.precisions[own + i]
            });
            self.state[j] = self.peaks[j] - 0.5 * distance;
            best = if self.state[j] > best { self.state[j] } else { best };
        }
        let mut total = 0.0;
        for (state, prior) in self.state.iter_mut().zip(&self.prior) {
            *state = prior * exp(*state - best);
            total += *state;
        }
        self.state.iter_mut().for_each(|state| *state /= total);
        self.fresh = 0;
    }

    fn read(&self, part: usize, _within: usize) -> f64 {
        self.state[part]
    }

    fn reset(&mut self) {
        self.state.copy_from_slice(&self.start);
        self.fresh = 1;
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.u64(&mut self.fresh)?;
        tape.values(&mut self.state)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::HiddenMarkov;
    use crate::features::fitted::{Learned, Model};

    /// States, start, moves, means, variances of two states and one series.
    const LEARNED: [f64; 11] = [2.0, 0.75, 0.25, 0.9, 0.1, 0.3, 0.7, 0.0, 0.0, 0.25, 4.0];

    #[test]
    fn the_first_row_is_bayes_and_later_ones_remember() {
        let mut model = HiddenMarkov::new(&mut Learned::new(&LEARNED), 1).unwrap();
        model.take(&[1.0]);
        let density = |variance: f64, z: f64| (-z * z / (2.0 * variance)).exp() / variance.sqrt();
        let (calm, wild) = (0.75 * density(0.25, 1.0), 0.25 * density(4.0, 1.0));
        assert!((model.read(1, 0) - wild / (calm + wild)).abs() < 1e-14);
        let before = wild / (calm + wild);
        let prior = (1.0 - before) * 0.1 + before * 0.7;
        model.take(&[0.2]);
        let (calm, wild) = ((1.0 - prior) * density(0.25, 0.2), prior * density(4.0, 0.2));
        assert!((model.read(0, 0) - calm / (calm + wild)).abs() < 1e-14);
        model.reset();
        model.take(&[1.0]);
        assert_eq!(model.read(1, 0).to_bits(), before.to_bits());
    }

    #[test]
    fn a_row_from_another_world_leaves_probabilities() {
        let mut model = HiddenMarkov::new(&mut Learned::new(&LEARNED), 1).unwrap();
        for z in [1000.0, 0.0, -1000.0, 1000.0] {
            model.take(&[z]);
            assert!((model.read(0, 0) + model.read(1, 0) - 1.0).abs() < 1e-15);
        }
        assert!(model.read(1, 0) > 0.999);
    }
}
