//! One forecast with the facts it rests on.

use serde::{Deserialize, Serialize};

use crate::law::Outputs;

/// A forecast of `h` horizons for the row at `ts`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Answer {
    pub ts: i64,
    pub session: i64,
    pub segment: i64,
    pub price: f64,
    /// (h,) log-return of one unit of z.
    pub scale: Vec<f64>,
    /// (h, b) row-major parameters of the calibrated law of z.
    pub law: Vec<f64>,
    /// (h,) figures in log-returns.
    pub outputs: Vec<Outputs>,
}
