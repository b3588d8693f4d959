//! `tickcast._engine.Engine`: the feature engine.

use numpy::ndarray::Dim;
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
use tickcast_engine::features::{Columns, Engine, EngineError, Events, Graph, Row, State, Table};

use crate::memory::empty;

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

fn slices<'a>(columns: &'a [PyReadonlyArray1<'_, f64>]) -> PyResult<Vec<&'a [f64]>> {
    columns.iter().map(|column| Ok(column.as_slice()?)).collect()
}

/// As many rows as were counted, into one piece of memory.
fn fill<'py>(py: Python<'py>, engine: &mut Engine, streams: &[Events<'_>], until: Option<i64>, rows: usize) -> PyResult<Answer<'py>> {
    let width = engine.graph().features.len();
    let answer: Answer<'py> = (
        empty(py, Dim(rows))?,
        empty(py, Dim(rows))?,
        empty(py, Dim(rows))?,
        empty(py, Dim(rows))?,
        empty(py, Dim([rows, width]))?,
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
            engine.batch_into(streams, &mut sink)?;
            until.map_or(Ok(()), |until| engine.advance_into(until, &mut sink))
        };
        py.detach(run).map_err(|error| refuse(py, &error))?;
        if sink.written != rows {
            // memory that nobody wrote to is not handed out
            let written = sink.written;
            return Err(feature_error(
                py,
                &format!("{written} rows were answered where {rows} were counted"),
            ));
        }
    }
    Ok(answer)
}

/// As many rows as the data makes.
fn grow<'py>(py: Python<'py>, engine: &mut Engine, streams: &[Events<'_>], until: Option<i64>) -> PyResult<Answer<'py>> {
    let width = engine.graph().features.len();
    let mut table = Table { width, ..Table::default() };
    let run = || -> Result<(), EngineError> {
        engine.batch_into(streams, &mut table)?;
        until.map_or(Ok(()), |until| engine.advance_into(until, &mut table))
    };
    py.detach(run).map_err(|error| refuse(py, &error))?;
    let rows = table.ts.len();
    Ok((
        PyArray1::from_vec(py, table.ts),
        PyArray1::from_vec(py, table.session),
        PyArray1::from_vec(py, table.segment),
        PyArray1::from_vec(py, table.price),
        PyArray1::from_vec(py, table.values).reshape([rows, width])?,
    ))
}

/// Evaluates one feature graph over its streams.
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

    /// Take many events in; returns (ts, session, segment, price, values) of the rows they make known, and of those up to `until`.
    ///
    /// `sides`: (ts, columns) of each side stream in the graph's order.
    #[pyo3(signature = (ts, session, segment, columns, until=None, sides=Vec::new()))]
    #[allow(clippy::too_many_arguments, reason = "columns side by side, as numpy holds them")]
    fn batch<'py>(
        &mut self,
        py: Python<'py>,
        ts: Stamps<'py>,
        session: Stamps<'py>,
        segment: Stamps<'py>,
        columns: Vec<PyReadonlyArray1<'py, f64>>,
        until: Option<i64>,
        sides: Vec<(Stamps<'py>, Vec<PyReadonlyArray1<'py, f64>>)>,
    ) -> PyResult<Answer<'py>> {
        let main = slices(&columns)?;
        let others = sides.iter().map(|(_, columns)| slices(columns)).collect::<PyResult<Vec<_>>>()?;
        let mut streams = vec![Events {
            ts: ts.as_slice()?,
            session: session.as_slice()?,
            segment: segment.as_slice()?,
            columns: &main,
        }];
        for ((ts, _), columns) in sides.iter().zip(&others) {
            streams.push(Events {
                ts: ts.as_slice()?,
                columns,
                ..Events::default()
            });
        }
        let engine = &mut self.inner;
        let rows = py.detach(|| engine.count(&streams, until)).map_err(|error| refuse(py, &error))?;
        match rows {
            Some(rows) => fill(py, engine, &streams, until, rows),
            None => grow(py, engine, &streams, until),
        }
    }

    /// Take one event in, of the main stream or of side number `stream` (from 1); returns the rows it makes known as
    /// (ts, session, segment, price, values).
    #[pyo3(signature = (ts, session, segment, values, stream=0))]
    fn push(&mut self, py: Python<'_>, ts: i64, session: i64, segment: i64, values: Vec<f64>, stream: usize) -> PyResult<Vec<LiveRow>> {
        let mut rows = Vec::new();
        let mut keep = |row: Row<'_>| rows.push((row.ts, row.session, row.segment, row.price, row.values.to_vec()));
        self.inner
            .push_to(stream, (ts, session, segment), &values, &mut keep)
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

    /// Forget everything: as new, for much less than a new engine costs.
    fn clear(&mut self, py: Python<'_>) -> PyResult<()> {
        self.inner.clear().map_err(|error| refuse(py, &error))
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
