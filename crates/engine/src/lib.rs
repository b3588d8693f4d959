//! tickcast's core: the feature engine, the predictor and the server. Knows no Python.

pub mod calibrators;
pub mod features;
pub mod law;
pub mod options;
pub mod predictor;
pub mod scales;
pub mod server;
pub mod trees;
