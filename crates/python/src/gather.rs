//! `tickcast._engine.gather_windows`: windows for training.

use numpy::{PyArray3, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyReadwriteArray3, PyUntypedArrayMethods};
use pyo3::prelude::*;
use tickcast_engine::features::gather;

use crate::features::feature_error;

/// (m, length, k) float32: for each end the rows `end - length + 1 ..= end` of `values` (n, k) float32, C order.
///
/// FeatureError where a window does not lie inside the table.
#[pyfunction]
pub(crate) fn gather_windows<'py>(
    py: Python<'py>,
    values: PyReadonlyArray2<'py, f32>,
    ends: PyReadonlyArray1<'py, i64>,
    length: usize,
) -> PyResult<Bound<'py, PyArray3<f32>>> {
    let shape = (ends.len(), length, values.shape()[1]);
    let out: Bound<'py, PyArray3<f32>> = py.import("numpy")?.call_method1("empty", (shape, "float32"))?.cast_into()?;
    gather_windows_into(py, values, ends, length, out.readwrite())?;
    Ok(out)
}

/// As `gather_windows`, into an output (m, length, k) float32, C order, that exists.
#[pyfunction]
pub(crate) fn gather_windows_into<'py>(
    py: Python<'py>,
    values: PyReadonlyArray2<'py, f32>,
    ends: PyReadonlyArray1<'py, i64>,
    length: usize,
    mut out: PyReadwriteArray3<'py, f32>,
) -> PyResult<()> {
    let width = values.shape()[1];
    if out.shape() != [ends.len(), length, width] {
        return Err(feature_error(
            py,
            &format!("the output is {:?} where {:?} is needed", out.shape(), [ends.len(), length, width]),
        ));
    }
    let (values, ends, out) = (values.as_slice()?, ends.as_slice()?, out.as_slice_mut()?);
    py.detach(|| gather(values, width, ends, length, out))
        .map_err(|error| feature_error(py, &error.to_string()))
}
