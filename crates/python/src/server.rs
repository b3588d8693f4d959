//! `tickcast._engine.Server`: the forecast server.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use pyo3::prelude::*;
use tickcast_engine::predictor::Predictor;
use tickcast_engine::server::{Server, Settings};

use crate::predictor::{bundle_error, raise};

/// Serves one bundle until `stop`.
#[pyclass(module = "tickcast._engine", name = "Server")]
pub(crate) struct PyServer {
    inner: Server,
}

#[pymethods]
impl PyServer {
    /// Opens the bundle and listens. BundleError or ServeError says why not.
    #[new]
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (folder, onnxruntime, host, port, token, names=Vec::new(), patience=5.0))]
    fn new(
        py: Python<'_>,
        folder: PathBuf,
        onnxruntime: PathBuf,
        host: &str,
        port: u16,
        token: String,
        names: Vec<String>,
        patience: f64,
    ) -> PyResult<Self> {
        let refuse = |message: String| raise(py, "ServeError", message, ("field", None));
        let host: IpAddr = host
            .parse()
            .map_err(|_| refuse(format!("{host:?} is no IP address. Use 127.0.0.1")))?;
        let predictor = py
            .detach(|| Predictor::open(&folder, &onnxruntime))
            .map_err(|fault| bundle_error(py, &folder, &fault))?;
        let patience = Duration::try_from_secs_f64(patience).map_err(|_| refuse(format!("patience of {patience} s is no time")))?;
        let settings = Settings {
            host,
            port,
            token,
            names,
            patience,
            onnxruntime,
        };
        let inner = py.detach(|| Server::start(predictor, settings)).map_err(refuse)?;
        Ok(Self { inner })
    }

    /// (host, port) it listens on.
    #[getter]
    fn address(&self) -> (String, u16) {
        (self.inner.address().ip().to_string(), self.inner.address().port())
    }

    /// Exchange the bundle; returns (hash now, hash before, what was kept). BundleError leaves the old one serving.
    fn load(&self, py: Python<'_>, folder: PathBuf) -> PyResult<(String, String, &'static str)> {
        let done = py
            .detach(|| self.inner.load(&folder))
            .map_err(|fault| bundle_error(py, &folder, &fault))?;
        Ok((done.bundle, done.before, done.kept.words().0))
    }

    /// Stop listening; answers under way are finished.
    fn stop(&mut self, py: Python<'_>) {
        py.detach(|| self.inner.stop());
    }
}
