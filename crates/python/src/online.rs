//! `tickcast._engine.LastRows`: the last feature row of every symbol.

use std::sync::{Mutex, PoisonError};

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use tickcast_engine::features::{LastRows, Row, Writer};

use crate::features::feature_error;

type Read<'py> = (i64, i64, i64, f64, Bound<'py, PyArray1<f64>>, usize);

/// The last row of each symbol; readers never wait for a writer.
#[pyclass(module = "tickcast._engine", name = "LastRows", frozen)]
pub(crate) struct PyLastRows {
    rows: LastRows,
    writers: Vec<Mutex<Writer>>,
    ttl: Vec<i64>,
}

#[pymethods]
impl PyLastRows {
    /// Rows for these symbols, one value per time to live (ns).
    #[new]
    fn new(symbols: Vec<String>, ttl: Vec<i64>) -> Self {
        let (rows, writers) = LastRows::new(&symbols, ttl.len());
        let writers = writers.into_iter().map(Mutex::new).collect();
        Self { rows, writers, ttl }
    }

    /// Make this the last row of the symbol at `place`.
    #[expect(clippy::too_many_arguments, reason = "a row as the engine hands it out")]
    fn put(
        &self,
        py: Python<'_>,
        place: usize,
        ts: i64,
        session: i64,
        segment: i64,
        price: f64,
        values: PyReadonlyArray1<'_, f64>,
    ) -> PyResult<()> {
        let Some(writer) = self.writers.get(place) else {
            return Err(feature_error(py, "there is no such symbol"));
        };
        let values = values.as_slice()?;
        let row = Row {
            ts,
            session,
            segment,
            price,
            values,
        };
        let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.put(&row).map_err(|error| feature_error(py, &error.to_string()))
    }

    /// (ts, session, segment, price, values, how many are stale at `now`) of the symbol at `place`; None before its first row.
    fn read<'py>(&self, py: Python<'py>, place: usize, now: i64) -> Option<Read<'py>> {
        let mut values = vec![f64::NAN; self.ttl.len()];
        let (stamp, stale) = self.rows.fresh(place, now, &self.ttl, &mut values)?;
        Some((
            stamp.ts,
            stamp.session,
            stamp.segment,
            stamp.price,
            PyArray1::from_vec(py, values),
            stale,
        ))
    }
}
