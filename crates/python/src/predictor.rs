//! `tickcast._engine.Predictor`: a bundle, from live events to forecasts.

use std::path::{Path, PathBuf};

use numpy::{PyArray1, PyArray2, PyArray3, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use tickcast_engine::law::Law;
use tickcast_engine::predictor::{Answer, BundleFault, Fields, Predictor, Reason};

/// An error of `tickcast.errors` with its message, and the file or field it is about.
pub(crate) fn raise(py: Python<'_>, class: &str, message: String, place: (&str, Option<&str>)) -> PyErr {
    let made = py
        .import("tickcast.errors")
        .and_then(|errors| errors.getattr(class))
        .and_then(|class| {
            let words = pyo3::types::PyDict::new(py);
            words.set_item(place.0, place.1)?;
            class.call((message,), Some(&words))
        });
    made.map_or_else(|error| error, PyErr::from_value)
}

/// BundleError naming the file.
pub(crate) fn bundle_error(py: Python<'_>, folder: &Path, fault: &BundleFault) -> PyErr {
    let file = folder.join(&fault.file).display().to_string();
    raise(
        py,
        "BundleError",
        format!("{}. {}", fault.message, fault.hint),
        ("file", Some(&file)),
    )
}

fn refuse(py: Python<'_>, reason: &Reason) -> PyErr {
    raise(py, "ServeError", format!("{}: {reason}", reason.code()), ("field", reason.field()))
}

type Forecasts<'py> = (
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray3<f64>>,
    Bound<'py, PyArray2<f64>>,
    Bound<'py, PyArray3<f64>>,
);

/// Forecasts of one bundle for any number of symbols.
#[pyclass(module = "tickcast._engine", name = "Predictor")]
pub(crate) struct PyPredictor {
    inner: Predictor,
}

#[pymethods]
impl PyPredictor {
    /// Verifies the folder, loads it and replays its golden events. BundleError names the file that is wrong.
    #[new]
    fn new(py: Python<'_>, folder: PathBuf, onnxruntime: PathBuf) -> PyResult<Self> {
        let opened = py.detach(|| Predictor::open(&folder, &onnxruntime));
        let inner = opened.map_err(|fault| bundle_error(py, &folder, &fault))?;
        Ok(Self { inner })
    }

    #[getter]
    fn hash(&self) -> &str {
        self.inner.hash()
    }

    #[getter]
    fn horizons(&self) -> Vec<String> {
        self.inner.manifest().horizons.clone()
    }

    #[getter]
    fn unit(&self) -> &str {
        &self.inner.manifest().unit
    }

    #[getter]
    fn inputs(&self) -> Vec<String> {
        self.inner.manifest().inputs.iter().map(|input| input.name.clone()).collect()
    }

    /// (kind, bucket edges (h, b + 1) or one row of levels, lattice).
    #[getter]
    fn law(&self) -> (&str, Vec<Vec<f64>>, bool) {
        match self.inner.law() {
            Law::Buckets { edges, lattice } => ("buckets", edges.clone(), *lattice),
            Law::Quantiles { levels } => ("quantiles", vec![levels.clone()], false),
        }
    }

    /// Takes one event as a JSON object; returns how many forecasts it made known. ServeError names the field.
    fn update(&mut self, py: Python<'_>, event: &str) -> PyResult<usize> {
        let inner = &mut self.inner;
        let taken = py.detach(|| {
            let fields: Fields = serde_json::from_str(event).map_err(|error| Reason::Malformed {
                message: error.to_string(),
            })?;
            let event = inner.event(&fields)?;
            let mut made = 0;
            inner.update(&event, &mut |_| made += 1).map(|()| made)
        });
        taken.map_err(|reason| refuse(py, &reason))
    }

    /// Time has come to `ts`.
    fn advance(&mut self, py: Python<'_>, symbol: &str, ts: i64) -> PyResult<usize> {
        let (inner, mut made) = (&mut self.inner, 0);
        let done = py.detach(|| inner.advance(symbol, ts, &mut |_| made += 1));
        done.map(|()| made).map_err(|reason| refuse(py, &reason))
    }

    /// The latest forecast as (ts, session, segment, price, law (1, h, b), scale (1, h), outputs (1, h, 6)). ServeError says why there is none.
    #[allow(clippy::type_complexity)]
    fn predict<'py>(&self, py: Python<'py>, symbol: &str) -> PyResult<(i64, i64, i64, f64, Forecasts<'py>)> {
        let answer = self.inner.predict(symbol).map_err(|reason| refuse(py, &reason))?;
        let arrays = self.arrays(py, std::slice::from_ref(answer))?;
        Ok((answer.ts, answer.session, answer.segment, answer.price, arrays))
    }

    /// Takes columns of events in; returns (ts, law (n, h, b), scale (n, h), outputs (n, h, 6)) of every forecast they made known.
    #[pyo3(signature = (symbol, ts, segment, columns, until=None))]
    fn run<'py>(
        &mut self,
        py: Python<'py>,
        symbol: &str,
        ts: PyReadonlyArray1<'py, i64>,
        segment: PyReadonlyArray1<'py, i64>,
        columns: Vec<PyReadonlyArray1<'py, f64>>,
        until: Option<i64>,
    ) -> PyResult<Forecasts<'py>> {
        let (ts, segment) = (ts.as_slice()?, segment.as_slice()?);
        let columns = columns.iter().map(|column| column.as_slice()).collect::<Result<Vec<_>, _>>()?;
        if segment.len() != ts.len() || columns.iter().any(|column| column.len() != ts.len()) {
            return Err(raise(py, "ServeError", "columns differ in length".into(), ("field", None)));
        }
        let inner = &mut self.inner;
        let done = py.detach(|| {
            let mut answers: Vec<Answer> = Vec::new();
            for (i, at) in ts.iter().enumerate() {
                let values: Vec<f64> = columns.iter().map(|column| column[i]).collect();
                let event = inner
                    .ordered_event(symbol, *at, Some(segment[i]), &values)
                    .map_err(|reason| (i, reason))?;
                inner
                    .update(&event, &mut |answer| answers.push(answer.clone()))
                    .map_err(|reason| (i, reason))?;
            }
            if let Some(until) = until {
                inner
                    .advance(symbol, until, &mut |answer| answers.push(answer.clone()))
                    .map_err(|reason| (ts.len(), reason))?;
            }
            Ok(answers)
        });
        let answers = done.map_err(|(row, reason): (usize, Reason)| {
            raise(
                py,
                "ServeError",
                format!("event {}: {}: {reason}", row + 1, reason.code()),
                ("field", reason.field()),
            )
        })?;
        self.arrays(py, &answers)
    }

    /// Forgets every symbol.
    fn clear(&mut self) {
        self.inner.clear();
    }

    /// Everything remembered, as JSON text.
    fn save(&mut self, py: Python<'_>) -> PyResult<String> {
        self.inner.save().map_err(|reason| refuse(py, &reason))
    }

    /// Continues from what `save` gave, to the bit.
    fn restore(&mut self, py: Python<'_>, saved: &str) -> PyResult<()> {
        self.inner.restore(saved).map_err(|reason| refuse(py, &reason))
    }
}

impl PyPredictor {
    fn arrays<'py>(&self, py: Python<'py>, answers: &[Answer]) -> PyResult<Forecasts<'py>> {
        let (n, h, b) = (answers.len(), self.inner.manifest().horizons.len(), self.inner.size());
        let ts = PyArray1::from_iter(py, answers.iter().map(|answer| answer.ts));
        let law = PyArray1::from_iter(py, answers.iter().flat_map(|answer| answer.law.iter().copied())).reshape([n, h, b])?;
        let scale = PyArray1::from_iter(py, answers.iter().flat_map(|answer| answer.scale.iter().copied())).reshape([n, h])?;
        let figures = answers
            .iter()
            .flat_map(|answer| &answer.outputs)
            .flat_map(|o| [o.p_up, o.e_r, o.q05, o.q50, o.q95, o.std]);
        let outputs = PyArray1::from_iter(py, figures).reshape([n, h, 6])?;
        Ok((ts, law, scale, outputs))
    }
}
