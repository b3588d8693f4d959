//! The only PyO3 code: `tickcast._engine`.

mod bars;
mod book;
mod features;
mod gather;
mod memory;
mod online;
mod options;
mod predictor;
mod rows;
mod server;

use pyo3::prelude::*;

/// The Rust core of tickcast.
#[pymodule]
mod _engine {
    use super::*;

    #[pymodule_export]
    use super::bars::PyBarSampler;
    #[pymodule_export]
    use super::book::PyBook;
    #[pymodule_export]
    use super::features::PyEngine;
    #[pymodule_export]
    use super::gather::{gather_windows, gather_windows_into};
    #[pymodule_export]
    use super::online::PyLastRows;
    #[pymodule_export]
    use super::options::{implied_volatility, option_chain, option_greeks, option_surface, option_troubles};
    #[pymodule_export]
    use super::predictor::PyPredictor;
    #[pymodule_export]
    use super::rows::{
        float_lattice, float_page, floats_of, floats_of_page, int_lattice, int_page, ints_of, ints_of_page, parquet_file, parquet_places,
        row_hashes, text_hashes,
    };
    #[pymodule_export]
    use super::server::PyServer;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
