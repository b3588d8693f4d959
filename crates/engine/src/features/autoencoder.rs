//! The encoder half of an autoencoder: two dense layers with tanh.

use super::error::EngineError;
use super::fitted::{Learned, Model};
use super::math::tanh;
use super::principal::dot;

const MAX_UNITS: usize = 256;

/// `latent = tanh(W2 tanh(W1 z + b1) + b2)`; weights are units x inputs.
pub(super) struct Autoencoder {
    first: Layer,
    second: Layer,
    hidden: Vec<f64>,
}

struct Layer {
    weights: Vec<f64>,
    bias: Vec<f64>,
}

impl Layer {
    fn new(learned: &mut Learned<'_>, units: usize, inputs: usize) -> Result<Self, EngineError> {
        Ok(Self {
            weights: learned.many(units * inputs)?.to_vec(),
            bias: learned.many(units)?.to_vec(),
        })
    }

    fn unit(&self, i: usize, x: &[f64]) -> f64 {
        tanh(self.bias[i] + dot(&self.weights[i * x.len()..][..x.len()], x))
    }
}

impl Autoencoder {
    pub fn new(learned: &mut Learned<'_>, series: usize) -> Result<Self, EngineError> {
        let (hidden, latent) = (learned.size(MAX_UNITS)?, learned.size(MAX_UNITS)?);
        Ok(Self {
            first: Layer::new(learned, hidden, series)?,
            second: Layer::new(learned, latent, hidden)?,
            hidden: vec![0.0; hidden],
        })
    }
}

impl Model for Autoencoder {
    fn outputs(&self) -> usize {
        self.second.bias.len()
    }

    fn take(&mut self, z: &[f64]) {
        for (i, hidden) in self.hidden.iter_mut().enumerate() {
            *hidden = self.first.unit(i, z);
        }
    }

    fn read(&self, part: usize, _within: usize) -> f64 {
        self.second.unit(part, &self.hidden)
    }
}
