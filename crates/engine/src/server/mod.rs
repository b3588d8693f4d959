//! Forecasts over HTTP and WebSocket.

mod gate;
mod routes;
mod run;
mod sheet;

pub use run::{Server, Settings};
