//! `tickcast._engine`: option values, sensitivities and implied volatility over arrays.

use numpy::{PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyUntypedArrayMethods};
use pyo3::prelude::*;
use tickcast_engine::options::Contract;

use crate::features::feature_error;

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
    let out: Bound<'py, PyArray1<f64>> = py.import("numpy")?.call_method1("empty", (price.len(), "float64"))?.cast_into()?;
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
    let out: Bound<'py, PyArray2<f64>> = py
        .import("numpy")?
        .call_method1("empty", ((forward.len(), 5), "float64"))?
        .cast_into()?;
    let contracts = Contracts::new(&forward, &strike, &years, &discount, &side)?;
    let volatility = volatility.as_slice()?;
    let spot = spot.as_ref().map(|spot| spot.as_slice()).transpose()?;
    {
        let mut written = out.readwrite();
        let written = written.as_slice_mut()?;
        py.detach(|| {
            for (i, out) in written.chunks_exact_mut(5).enumerate() {
                let contract = contracts.at(i);
                let greeks = match spot {
                    Some(spot) => contract.spot_greeks(spot[i], volatility[i]),
                    None => contract.greeks(volatility[i]),
                };
                out.copy_from_slice(&[greeks.price, greeks.delta, greeks.gamma, greeks.vega, greeks.theta]);
            }
        });
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
