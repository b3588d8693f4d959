//! The feature engine: expressions over market events, the same bits over history and live.
//!
//! `Graph::from_json` reads what Python's parser made; `Engine::new` makes an engine that has seen nothing. `batch` takes history in
//! blocks, `push` and `advance` a live stream; both run the same operators, so a row's bits do not depend on which was used.

mod addends;
mod anchored;
mod autoencoder;
mod bank;
mod batch;
mod block;
mod calendar;
mod check;
mod clock;
mod deviation;
mod elementwise;
mod engine;
mod error;
mod extremes;
mod filter;
mod fitted;
mod garch;
mod gather;
mod graph;
mod hidden_markov;
mod history;
mod kernel;
mod long;
mod maker;
mod math;
mod moments;
mod online;
mod operators;
mod order;
mod pairs;
mod principal;
mod ramp;
mod rolling;
mod run_length;
mod schedule;
mod session;
mod short;
mod slide;
mod summary;
mod sums;
mod table;
mod tape;
#[cfg(test)]
mod tests;
mod timeline;
mod turn;
mod vector;
mod wide;
mod window;
mod windows;

pub use calendar::Zone;
pub use engine::{Engine, Events, State};
pub use error::EngineError;
pub use gather::{GatherError, gather};
pub use graph::{Column, Derived, Feature, Graph, Guard, How, Node, Policy, Side, Stale, Table as FittedTable, VERSION};
pub use online::{LastRows, Stamp, Writer};
pub use table::{Answer, Columns, Row, Sink, Table};
