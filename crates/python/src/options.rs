//! `tickcast._engine`: option values, sensitivities and implied volatility over arrays.

use numpy::ndarray::Dim;
use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::prelude::*;
use tickcast_engine::options::{Columns, Contract, PRICED, Rules, Trouble, WIDTH, price_rows, surface_rows};

use crate::features::feature_error;
use crate::memory::empty;

type Column<'py> = PyReadonlyArray1<'py, f64>;

/// (n,) implied volatility per year of prices (n,), NaN where there is none.
#[pyfunction]
pub(crate) fn implied_volatility<'py>(
    py: Python<'py>,
    price: Column<'py>,
    forward: Column<'py>,
    strike: Column<'py>,
    years: Column<'py>,
    discount: Column<'py>,
    side: Column<'py>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    same_length(py, &[&price, &forward, &strike, &years, &discount, &side])?;
    let out: Bound<'py, PyArray1<f64>> = empty(py, Dim(price.len()))?;
    let (price, contracts) = (price.as_slice()?, Contracts::new(&forward, &strike, &years, &discount, &side)?);
    {
        let mut written = out.readwrite();
        let written = written.as_slice_mut()?;
        py.detach(|| {
            for (i, out) in written.iter_mut().enumerate() {
                *out = contracts.at(i).implied_volatility(price[i]);
            }
        });
    }
    Ok(out)
}

/// (n, 5) price, delta, gamma, vega, theta at volatilities (n,); with respect to `spot` (n,) where given, else to the forward.
#[pyfunction]
#[pyo3(signature = (forward, strike, years, discount, side, volatility, spot=None))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn option_greeks<'py>(
    py: Python<'py>,
    forward: Column<'py>,
    strike: Column<'py>,
    years: Column<'py>,
    discount: Column<'py>,
    side: Column<'py>,
    volatility: Column<'py>,
    spot: Option<Column<'py>>,
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    same_length(py, &[&forward, &strike, &years, &discount, &side, &volatility])?;
    if let Some(spot) = &spot {
        same_length(py, &[&forward, spot])?;
    }
    let contracts = Contracts::new(&forward, &strike, &years, &discount, &side)?;
    let volatility = volatility.as_slice()?;
    let spot = spot.as_ref().map(|spot| spot.as_slice()).transpose()?;
    matrix(py, volatility.len(), 5, |written| {
        for (i, out) in written.chunks_exact_mut(5).enumerate() {
            let contract = contracts.at(i);
            let greeks = match spot {
                Some(spot) => contract.spot_greeks(spot[i], volatility[i]),
                None => contract.greeks(volatility[i]),
            };
            out.copy_from_slice(&[greeks.price, greeks.delta, greeks.gamma, greeks.vega, greeks.theta]);
        }
    })
}

/// (m, k) numbers of the surface at moments `at` (m,), from quotes of one underlying in time order; see `tickcast.options.surface`.
#[pyfunction]
pub(crate) fn option_surface<'py>(
    py: Python<'py>,
    ts: PyReadonlyArray1<'py, i64>,
    expiry: PyReadonlyArray1<'py, i64>,
    values: Vec<Column<'py>>,
    at: PyReadonlyArray1<'py, i64>,
    max_age: i64,
    rules: (f64, f64, bool),
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let quotes = columns(py, &ts, &expiry, &values)?;
    let at = at.as_slice()?;
    if !at.is_sorted() {
        return Err(feature_error(py, "the moments are not in time order"));
    }
    matrix(py, at.len(), WIDTH, |out| {
        surface_rows(&quotes, at, max_age, &self::rules(rules), out)
    })
}

/// (n, 9) years, forward, rate, volatility, delta, gamma, vega, theta and trouble of quotes (n,) in time order; those of one stamp are one chain.
#[pyfunction]
pub(crate) fn option_chain<'py>(
    py: Python<'py>,
    ts: PyReadonlyArray1<'py, i64>,
    expiry: PyReadonlyArray1<'py, i64>,
    values: Vec<Column<'py>>,
    rules: (f64, f64, bool),
) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let quotes = columns(py, &ts, &expiry, &values)?;
    matrix(py, quotes.ts.len(), PRICED, |out| price_rows(&quotes, &self::rules(rules), out))
}

/// What the last column of `option_chain` means, by number.
#[pyfunction]
pub(crate) fn option_troubles() -> Vec<(u8, &'static str)> {
    Trouble::NAMES.to_vec()
}

fn rules((spread, gap, feed): (f64, f64, bool)) -> Rules {
    Rules { spread, gap, feed }
}

fn columns<'a>(
    py: Python<'_>,
    ts: &'a PyReadonlyArray1<'_, i64>,
    expiry: &'a PyReadonlyArray1<'_, i64>,
    values: &'a [Column<'_>],
) -> PyResult<Columns<'a>> {
    let slices = values.iter().map(|column| column.as_slice()).collect::<Result<Vec<_>, _>>()?;
    let (ts, expiry) = (ts.as_slice()?, expiry.as_slice()?);
    let Ok(values) = <[&[f64]; 8]>::try_from(slices) else {
        return Err(feature_error(py, &format!("{} columns of quotes where 8 are needed", values.len())));
    };
    if expiry.len() != ts.len() || values.iter().any(|column| column.len() != ts.len()) {
        return Err(feature_error(py, "columns of quotes differ in length"));
    }
    if !ts.is_sorted() {
        return Err(feature_error(py, "the quotes are not in time order"));
    }
    Ok(Columns { ts, expiry, values })
}

/// A new (rows, width) array filled by `fill` without the interpreter lock.
fn matrix<'py>(py: Python<'py>, rows: usize, width: usize, fill: impl FnOnce(&mut [f64]) + Send) -> PyResult<Bound<'py, PyArray2<f64>>> {
    let out: Bound<'py, PyArray2<f64>> = empty(py, Dim([rows, width]))?;
    {
        let mut written = out.readwrite();
        let written = written.as_slice_mut()?;
        py.detach(|| fill(written));
    }
    Ok(out)
}

/// Columns of contracts, side by side.
struct Contracts<'a> {
    forward: &'a [f64],
    strike: &'a [f64],
    years: &'a [f64],
    discount: &'a [f64],
    side: &'a [f64],
}

impl<'a> Contracts<'a> {
    fn new(
        forward: &'a Column<'_>,
        strike: &'a Column<'_>,
        years: &'a Column<'_>,
        discount: &'a Column<'_>,
        side: &'a Column<'_>,
    ) -> PyResult<Self> {
        Ok(Self {
            forward: forward.as_slice()?,
            strike: strike.as_slice()?,
            years: years.as_slice()?,
            discount: discount.as_slice()?,
            side: side.as_slice()?,
        })
    }

    fn at(&self, i: usize) -> Contract {
        Contract {
            forward: self.forward[i],
            strike: self.strike[i],
            years: self.years[i],
            discount: self.discount[i],
            side: self.side[i],
        }
    }
}

fn same_length(py: Python<'_>, columns: &[&Column<'_>]) -> PyResult<()> {
    let lengths: Vec<usize> = columns.iter().map(|column| column.len()).collect();
    if lengths.iter().any(|length| *length != lengths[0]) {
        return Err(feature_error(py, &format!("columns of {lengths:?} rows do not belong together")));
    }
    Ok(())
}
