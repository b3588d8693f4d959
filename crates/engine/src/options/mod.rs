//! Options: prices, sensitivities and implied volatility by Black's formula, and chains reduced to one row per moment.

mod black;
mod chain;
mod implied;
mod normal;
mod snapshot;
mod standing;
mod surface;

pub use black::{Contract, Greeks};
pub use chain::{Expiry, Quote, Rules, Trouble, YEAR, expiries};
pub use normal::{normal_cdf, normal_density};
pub use snapshot::{PRICED, price_rows};
pub use standing::{Columns, surface_rows};
pub use surface::{MONEYNESS, TENORS, WIDTH, reduce};
