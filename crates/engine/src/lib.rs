//! tickcast's core: the feature engine, the predictor, the server and what stored rows need. Knows no Python.

pub mod bars;
pub mod book;
pub mod calibrators;
pub mod features;
pub mod law;
pub mod options;
pub mod predictor;
pub mod rows;
pub mod scales;
pub mod server;
pub mod trees;
