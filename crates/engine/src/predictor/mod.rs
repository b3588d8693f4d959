//! From live events to a calibrated forecast: feature engine → network or fixed law → calibrators → figures.

mod answer;
mod forecaster;
mod golden;
mod live;
mod manifest;
mod network;
mod reason;
mod sessions;
mod symbol;

pub use answer::Answer;
pub use live::{Event, Predictor};
pub use manifest::{BundleFault, Contents, Input, Manifest, digest};
pub use reason::{Reason, nearest};
