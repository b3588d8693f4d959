//! The only PyO3 code: `tickcast._engine`.

use pyo3::prelude::*;

/// The Rust core of tickcast.
#[pymodule]
mod _engine {
    use super::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))
    }
}
