//! tickcast's core: the feature engine, the predictor and the server. Knows no Python.

pub mod features;
