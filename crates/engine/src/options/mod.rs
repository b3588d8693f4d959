//! European options: prices, sensitivities and implied volatility by Black's formula.

mod black;
mod implied;
mod normal;

pub use black::{Contract, Greeks};
pub use normal::{normal_cdf, normal_density};
