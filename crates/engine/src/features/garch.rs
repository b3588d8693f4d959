//! GARCH(1,1): the variance of the next return, filtered (Bollerslev 1986).

use super::error::EngineError;
use super::fitted::{Learned, Model};
use super::tape::Tape;

/// `h' = omega + alpha z^2 + beta h` in units of the training variance, from that variance on, as in the fit.
///
/// The stationary variance would be another start, but where alpha + beta is close to 1 it is a matter of chance.
pub(super) struct Garch {
    omega: f64,
    alpha: f64,
    beta: f64,
    scale: f64,
    variance: f64,
}

impl Garch {
    pub fn new(learned: &mut Learned<'_>, scale: f64) -> Result<Self, EngineError> {
        let (omega, alpha, beta) = (learned.positive()?, learned.one()?, learned.one()?);
        if alpha < 0.0 || beta < 0.0 || alpha + beta >= 1.0 {
            return Err(learned.refuse("has alpha + beta of 1 or more"));
        }
        Ok(Self {
            omega,
            alpha,
            beta,
            scale,
            variance: 1.0,
        })
    }
}

impl Model for Garch {
    fn outputs(&self) -> usize {
        1
    }

    fn take(&mut self, z: &[f64]) {
        self.variance = self.omega + self.alpha * (z[0] * z[0]) + self.beta * self.variance;
    }

    fn read(&self, _part: usize, _within: usize) -> f64 {
        self.scale * self.variance.sqrt()
    }

    fn reset(&mut self) {
        self.variance = 1.0;
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.f64(&mut self.variance)
    }
}
