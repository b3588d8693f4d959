//! From live events to a calibrated forecast: feature engine → network or fixed law → calibrators → figures.

mod admission;
mod answer;
mod forecaster;
mod golden;
mod live;
mod manifest;
mod network;
mod reason;
mod sessions;
mod symbol;

pub use admission::{Event, Fields};
pub use answer::Answer;
pub use live::{Kept, Predictor};
pub use manifest::{BundleFault, Contents, Input, Manifest, digest};
pub use reason::{Reason, nearest};
