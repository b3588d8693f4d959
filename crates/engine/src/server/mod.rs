//! Forecasts over HTTP and WebSocket.

mod gate;
mod routes;
mod run;
mod sheet;
mod swap;

pub use run::{Server, Settings};
pub use swap::Swapped;
