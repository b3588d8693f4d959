//! Principal components: scores of a standardised row on frozen loadings.

use super::error::EngineError;
use super::fitted::{Learned, Model};

/// `loadings` are components x series.
pub(super) struct Principal {
    loadings: Vec<f64>,
    z: Vec<f64>,
}

impl Principal {
    pub fn new(learned: &mut Learned<'_>, series: usize) -> Result<Self, EngineError> {
        let components = learned.size(series)?;
        Ok(Self {
            loadings: learned.many(components * series)?.to_vec(),
            z: vec![0.0; series],
        })
    }
}

impl Model for Principal {
    fn outputs(&self) -> usize {
        self.loadings.len() / self.z.len()
    }

    fn take(&mut self, z: &[f64]) {
        self.z.copy_from_slice(z);
    }

    fn read(&self, part: usize, _within: usize) -> f64 {
        let loadings = &self.loadings[part * self.z.len()..][..self.z.len()];
        dot(loadings, &self.z)
    }
}

/// Scalar product from left to right.
pub(super) fn dot(weights: &[f64], x: &[f64]) -> f64 {
    weights.iter().zip(x).fold(0.0, |sum, (w, x)| sum + w * x)
}
