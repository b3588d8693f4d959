//! `tickcast._engine`: hashes of stored rows, and their numbers on lattices.

use numpy::{PyArray1, PyReadonlyArray1, PyReadwriteArray1, ToPyArray};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use tickcast_engine::rows::{self, Cells, Page};

/// Values of a column, as numpy hands them over.
#[derive(FromPyObject)]
pub(crate) enum Values<'py> {
    I8(PyReadonlyArray1<'py, i8>),
    I32(PyReadonlyArray1<'py, i32>),
    I64(PyReadonlyArray1<'py, i64>),
    F64(PyReadonlyArray1<'py, f64>),
    Text(PyReadonlyArray1<'py, u64>),
    SameText(u64),
}

impl Values<'_> {
    fn cells(&self) -> PyResult<Cells<'_>> {
        Ok(match self {
            Self::I8(values) => Cells::I8(values.as_slice()?),
            Self::I32(values) => Cells::I32(values.as_slice()?),
            Self::I64(values) => Cells::I64(values.as_slice()?),
            Self::F64(values) => Cells::F64(values.as_slice()?),
            Self::Text(values) => Cells::Text(values.as_slice()?),
            Self::SameText(value) => Cells::SameText(*value),
        })
    }
}

type Column<'py> = (String, Values<'py>, Option<PyReadonlyArray1<'py, bool>>);

/// (count,) uint64: a hash per row of columns given as name, values and, where it has nulls, which values are there.
///
/// Values are int8, int32, int64 or float64, or uint64 hashes of texts, or one such hash for all. ValueError where a length differs.
#[pyfunction]
pub(crate) fn row_hashes<'py>(py: Python<'py>, columns: Vec<Column<'py>>, count: usize) -> PyResult<Bound<'py, PyArray1<u64>>> {
    let mut given = Vec::with_capacity(columns.len());
    for (name, values, valid) in &columns {
        let cells = values.cells()?;
        let valid = valid.as_ref().map(|valid| valid.as_slice()).transpose()?;
        let lengths = [length(&cells).unwrap_or(count), valid.map_or(count, <[bool]>::len)];
        if lengths != [count; 2] {
            return Err(PyValueError::new_err(format!("column {name} has not {count} values")));
        }
        given.push((rows::key(name), cells, valid));
    }
    let mut out = vec![0; count];
    py.detach(|| rows::row_hashes(&given, &mut out));
    Ok(PyArray1::from_vec(py, out))
}

fn length(cells: &Cells<'_>) -> Option<usize> {
    match cells {
        Cells::I8(values) => Some(values.len()),
        Cells::I32(values) => Some(values.len()),
        Cells::I64(values) => Some(values.len()),
        Cells::F64(values) => Some(values.len()),
        Cells::Text(values) => Some(values.len()),
        Cells::SameText(_) => None,
    }
}

/// Hashes of texts, for `row_hashes`.
#[pyfunction]
pub(crate) fn text_hashes(texts: Vec<String>) -> Vec<u64> {
    texts.iter().map(|text| rows::text(text.as_bytes())).collect()
}

type Found<'py, R> = Option<(Bound<'py, PyAny>, i64, R)>;

/// Places, step and divisor of the coarsest decimal lattice on which all values lie; None where there is none.
#[pyfunction]
pub(crate) fn float_lattice<'py>(py: Python<'py>, values: PyReadonlyArray1<'py, f64>) -> PyResult<Found<'py, f64>> {
    let values = values.as_slice()?;
    let found = py.detach(|| rows::float_lattice(values));
    Ok(found.map(|lattice| (narrow(py, &lattice.places), lattice.step, lattice.divisor)))
}

/// Places, step and start of the coarsest lattice of whole numbers; None where they span too much.
#[pyfunction]
pub(crate) fn int_lattice<'py>(py: Python<'py>, values: PyReadonlyArray1<'py, i64>) -> PyResult<Found<'py, i64>> {
    let values = values.as_slice()?;
    let found = py.detach(|| rows::int_lattice(values));
    Ok(found.map(|lattice| (narrow(py, &lattice.places), lattice.step, lattice.start)))
}

/// The places as int32 where all fit, else as int64.
fn narrow<'py>(py: Python<'py>, places: &[i64]) -> Bound<'py, PyAny> {
    if places.iter().fold(true, |fits, place| fits & (i64::from(*place as i32) == *place)) {
        return PyArray1::from_iter(py, places.iter().map(|place| *place as i32)).into_any();
    }
    places.to_pyarray(py).into_any()
}

/// Places on a lattice: int32 or int64.
#[derive(FromPyObject)]
pub(crate) enum Places<'py> {
    Narrow(PyReadonlyArray1<'py, i32>),
    Wide(PyReadonlyArray1<'py, i64>),
}

/// The floats of places on a lattice, written to `out`. ValueError where the lengths differ.
#[pyfunction]
pub(crate) fn floats_of(places: Places<'_>, step: i64, divisor: f64, mut out: PyReadwriteArray1<'_, f64>) -> PyResult<()> {
    let out = out.as_slice_mut()?;
    match &places {
        Places::Narrow(places) => rows::floats_of(fitting(places.as_slice()?, out.len())?, step, divisor, out),
        Places::Wide(places) => rows::floats_of(fitting(places.as_slice()?, out.len())?, step, divisor, out),
    }
    Ok(())
}

/// The whole numbers of places on a lattice, written to `out`. ValueError where the lengths differ.
#[pyfunction]
pub(crate) fn ints_of(places: Places<'_>, step: i64, start: i64, mut out: PyReadwriteArray1<'_, i64>) -> PyResult<()> {
    let out = out.as_slice_mut()?;
    match &places {
        Places::Narrow(places) => rows::ints_of(fitting(places.as_slice()?, out.len())?, step, start, out),
        Places::Wide(places) => rows::ints_of(fitting(places.as_slice()?, out.len())?, step, start, out),
    }
    Ok(())
}

fn fitting<T>(places: &[T], length: usize) -> PyResult<&[T]> {
    if places.len() == length {
        Ok(places)
    } else {
        Err(PyValueError::new_err(format!("{} places for {length} numbers", places.len())))
    }
}

type Packed<'py, R> = Option<(Bound<'py, PyBytes>, bool, i64, R)>;

/// Packed places, whether they are of 64 bits, step and divisor, as of `float_lattice`.
#[pyfunction]
pub(crate) fn float_page<'py>(py: Python<'py>, values: PyReadonlyArray1<'py, f64>) -> PyResult<Packed<'py, f64>> {
    let values = values.as_slice()?;
    let found = py.detach(|| rows::float_lattice(values).map(|found| (page(&found.places), found.step, found.divisor)));
    Ok(found.map(|((bytes, wide), step, divisor)| (PyBytes::new(py, &bytes), wide, step, divisor)))
}

/// Packed places, whether they are of 64 bits, step and start, as of `int_lattice`.
#[pyfunction]
pub(crate) fn int_page<'py>(py: Python<'py>, values: PyReadonlyArray1<'py, i64>) -> PyResult<Packed<'py, i64>> {
    let values = values.as_slice()?;
    let found = py.detach(|| rows::int_lattice(values).map(|found| (page(&found.places), found.step, found.start)));
    Ok(found.map(|((bytes, wide), step, start)| (PyBytes::new(py, &bytes), wide, step, start)))
}

/// Differences of two numbers that are kept in 32 bits must fit as well.
fn page(places: &[i64]) -> (Vec<u8>, bool) {
    let most = places.iter().fold(0, |all, place| all | (place ^ place >> 63));
    (rows::packed(places), most >> 30 != 0)
}

/// The floats of packed places that lie from `begin` to `end`, written to `out`. ValueError where these are not so many of them.
#[pyfunction]
pub(crate) fn floats_of_page(
    py: Python<'_>,
    content: &[u8],
    begin: usize,
    end: usize,
    step: i64,
    divisor: f64,
    mut out: PyReadwriteArray1<'_, f64>,
) -> PyResult<()> {
    let out = out.as_slice_mut()?;
    let bytes = content.get(begin..end).unwrap_or(&[]);
    whole(py.detach(|| {
        rows::unpacked(bytes, out.len(), |at, places| {
            rows::floats_of(places, step, divisor, &mut out[at..at + places.len()])
        })
    }))
}

/// The whole numbers of packed places that lie from `begin` to `end`, written to `out`. ValueError where these are not so many of them.
#[pyfunction]
pub(crate) fn ints_of_page(
    py: Python<'_>,
    content: &[u8],
    begin: usize,
    end: usize,
    step: i64,
    start: i64,
    mut out: PyReadwriteArray1<'_, i64>,
) -> PyResult<()> {
    let out = out.as_slice_mut()?;
    let bytes = content.get(begin..end).unwrap_or(&[]);
    whole(py.detach(|| {
        rows::unpacked(bytes, out.len(), |at, places| {
            rows::ints_of(places, step, start, &mut out[at..at + places.len()])
        })
    }))
}

fn whole(found: Option<()>) -> PyResult<()> {
    found.ok_or_else(|| PyValueError::new_err("a page is not what its file says"))
}

/// A Parquet file of pages given as name, whether of 64 bits, whether compressed by zstd, bytes before that, and bytes; with one text
/// under `key` in its metadata.
#[pyfunction]
pub(crate) fn parquet_file<'py>(
    py: Python<'py>,
    rows: usize,
    pages: Vec<(String, bool, bool, usize, Bound<'py, PyBytes>)>,
    key: &str,
    text: &str,
) -> Bound<'py, PyBytes> {
    let given: Vec<Page<'_>> = pages
        .iter()
        .map(|(name, wide, zstd, length, bytes)| Page {
            name,
            wide: *wide,
            zstd: *zstd,
            length: *length,
            bytes: bytes.as_bytes(),
        })
        .collect();
    PyBytes::new(py, &py.detach(|| rows::file(rows, &given, key, text)))
}

/// Where each of the first `count` pages of such a file begins and ends. ValueError where it is not such a file.
#[pyfunction]
pub(crate) fn parquet_places(content: &[u8], count: usize) -> PyResult<Vec<(usize, usize)>> {
    rows::places(content, count).ok_or_else(|| PyValueError::new_err("a page is not where its file says"))
}
