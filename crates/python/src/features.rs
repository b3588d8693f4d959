//! `tickcast._engine.Engine`: the feature engine.

use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use tickcast_engine::features::{Columns, Engine, EngineError, Graph, Row, State};

/// `tickcast.errors.FeatureError` with this message.
pub(crate) fn feature_error(py: Python<'_>, message: &str) -> PyErr {
    match py
        .import("tickcast.errors")
        .and_then(|errors| errors.getattr("FeatureError"))
        .and_then(|class| class.call1((message,)))
    {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

fn refuse(py: Python<'_>, error: &EngineError) -> PyErr {
    feature_error(py, &error.to_string())
}

type Stamps<'py> = PyReadonlyArray1<'py, i64>;
type Answer<'py> = (
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<i64>>,
    Bound<'py, PyArray1<f64>>,
    Bound<'py, PyArray2<f64>>,
);
type LiveRow = (i64, i64, i64, f64, Vec<f64>);

/// Evaluates one feature graph over one stream.
#[pyclass(module = "tickcast._engine", name = "Engine")]
pub(crate) struct PyEngine {
    inner: Engine,
}

#[pymethods]
impl PyEngine {
    #[new]
    fn new(py: Python<'_>, graph: &str) -> PyResult<Self> {
        let graph = Graph::from_json(graph).map_err(|error| refuse(py, &error))?;
        let inner = Engine::new(&graph).map_err(|error| refuse(py, &error))?;
        Ok(Self { inner })
    }

    /// Take many events in; returns (ts, session, segment, price, values) of the rows they make known, up to `until` on a grid.
    #[pyo3(signature = (ts, session, segment, columns, until=None))]
    fn batch<'py>(
        &mut self,
        py: Python<'py>,
        ts: Stamps<'py>,
        session: Stamps<'py>,
        segment: Stamps<'py>,
        columns: Vec<PyReadonlyArray1<'py, f64>>,
        until: Option<i64>,
    ) -> PyResult<Answer<'py>> {
        let (ts, session, segment) = (ts.as_slice()?, session.as_slice()?, segment.as_slice()?);
        let columns = columns.iter().map(|column| column.as_slice()).collect::<Result<Vec<_>, _>>()?;
        let engine = &mut self.inner;
        let rows = py
            .detach(|| engine.count(ts, session, segment, until))
            .map_err(|error| refuse(py, &error))?;
        let width = engine.graph().features.len();
        let numpy = py.import("numpy")?;
        let stamps = || -> PyResult<Bound<'py, PyArray1<i64>>> { Ok(numpy.call_method1("empty", (rows, "int64"))?.cast_into()?) };
        let answer: Answer<'py> = (
            stamps()?,
            stamps()?,
            stamps()?,
            numpy.call_method1("empty", (rows, "float64"))?.cast_into()?,
            numpy.call_method1("empty", ((rows, width), "float64"))?.cast_into()?,
        );
        {
            let (mut a, mut b, mut c) = (answer.0.readwrite(), answer.1.readwrite(), answer.2.readwrite());
            let (mut d, mut e) = (answer.3.readwrite(), answer.4.readwrite());
            let mut sink = Columns {
                ts: a.as_slice_mut()?,
                session: b.as_slice_mut()?,
                segment: c.as_slice_mut()?,
                price: d.as_slice_mut()?,
                values: e.as_slice_mut()?,
                written: 0,
            };
            let run = || -> Result<(), EngineError> {
                engine.batch_into(ts, session, segment, &columns, &mut sink)?;
                until.map_or(Ok(()), |until| engine.advance_into(until, &mut sink))
            };
            py.detach(run).map_err(|error| refuse(py, &error))?;
        }
        debug_assert_eq!(answer.4.shape()[0], rows);
        Ok(answer)
    }

    /// Take one event in; returns the rows it makes known as (ts, session, segment, price, values).
    fn push(&mut self, py: Python<'_>, ts: i64, session: i64, segment: i64, values: Vec<f64>) -> PyResult<Vec<LiveRow>> {
        let mut rows = Vec::new();
        let mut keep = |row: Row<'_>| rows.push((row.ts, row.session, row.segment, row.price, row.values.to_vec()));
        self.inner
            .push(ts, session, segment, &values, &mut keep)
            .map_err(|error| refuse(py, &error))?;
        Ok(rows)
    }

    /// Time has come to `ts`; returns the rows that answers.
    fn advance(&mut self, py: Python<'_>, ts: i64) -> PyResult<Vec<LiveRow>> {
        let mut rows = Vec::new();
        let mut keep = |row: Row<'_>| rows.push((row.ts, row.session, row.segment, row.price, row.values.to_vec()));
        self.inner.advance(ts, &mut keep).map_err(|error| refuse(py, &error))?;
        Ok(rows)
    }

    /// Everything the engine remembers: version, fingerprint of the graph, then 64-bit words, all little-endian.
    fn save<'py>(&mut self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let state = self.inner.save().map_err(|error| refuse(py, &error))?;
        let words = [state.version, state.fingerprint].into_iter().chain(state.words);
        let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        Ok(PyBytes::new(py, &bytes))
    }

    /// Continue from what `save` gave.
    fn restore(&mut self, py: Python<'_>, state: &[u8]) -> PyResult<()> {
        let (chunks, rest) = state.as_chunks::<8>();
        let mut words = chunks.iter().map(|chunk| u64::from_le_bytes(*chunk));
        let (Some(version), Some(fingerprint), true) = (words.next(), words.next(), rest.is_empty()) else {
            return Err(feature_error(py, "saved state: it is cut short"));
        };
        let state = State {
            version,
            fingerprint,
            words: words.collect(),
        };
        self.inner.restore(&state).map_err(|error| refuse(py, &error))
    }

    /// Names of the input columns, in the order `batch` and `push` take them.
    #[getter]
    fn inputs<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, &self.inner.graph().inputs)
    }

    /// Names of the features.
    #[getter]
    fn names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.inner.graph().names())
    }
}
