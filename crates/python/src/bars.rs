//! `tickcast._engine`: where bars of activity end.

use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tickcast_engine::bars::{Expectation, Measure, Sampler, Trade};

/// Tells of each trade whether it ends its bar; remembers from one call to the next.
#[pyclass(name = "BarSampler")]
pub(crate) struct PyBarSampler(Sampler);

#[pymethods]
impl PyBarSampler {
    /// `measure` is ticks, volume or dollars. With `expectation` (ticks, least, most, bars, window) it is the imbalance that counts.
    #[new]
    #[pyo3(signature = (measure, limit, expectation=None))]
    fn new(measure: &str, limit: f64, expectation: Option<(f64, f64, f64, usize, usize)>) -> PyResult<Self> {
        let measure = Measure::named(measure).ok_or_else(|| PyValueError::new_err(format!("no measure called {measure:?}")))?;
        let expectation = expectation.map(|(ticks, least, most, bars, window)| Expectation::new(ticks, (least, most), bars, window));
        Ok(Self(Sampler::new(measure, limit, expectation)))
    }

    /// (n,) bool: which trades end their bar. ValueError where the lengths differ.
    fn take<'py>(
        &mut self,
        py: Python<'py>,
        price: PyReadonlyArray1<'py, f64>,
        size: PyReadonlyArray1<'py, f64>,
        side: PyReadonlyArray1<'py, i8>,
        stretch: PyReadonlyArray1<'py, i64>,
        segment: PyReadonlyArray1<'py, i64>,
    ) -> PyResult<Bound<'py, PyArray1<bool>>> {
        let (price, size, side) = (price.as_slice()?, size.as_slice()?, side.as_slice()?);
        let (stretch, segment) = (stretch.as_slice()?, segment.as_slice()?);
        if [size.len(), side.len(), stretch.len(), segment.len()] != [price.len(); 4] {
            return Err(PyValueError::new_err("columns of trades differ in length"));
        }
        let sampler = &mut self.0;
        let ends: Vec<bool> = py.detach(|| {
            let rows = price.iter().zip(size).zip(side).zip(stretch).zip(segment);
            rows.map(|((((price, size), side), stretch), segment)| {
                sampler.take(Trade {
                    price: *price,
                    size: *size,
                    side: *side,
                    stretch: *stretch,
                    segment: *segment,
                })
            })
            .collect()
        });
        Ok(PyArray1::from_vec(py, ends))
    }
}
