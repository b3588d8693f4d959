//! From live events to a calibrated forecast: feature engine → network or fixed law → calibrators → figures.

mod answer;
mod forecaster;
mod golden;
mod manifest;
mod network;
mod predictor;
mod reason;
mod sessions;
mod symbol;

pub use answer::Answer;
pub use manifest::{BundleFault, Contents, Input, Manifest, digest};
pub use predictor::{Event, Predictor};
pub use reason::{Reason, nearest};
