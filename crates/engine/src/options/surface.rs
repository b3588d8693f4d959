//! A chain reduced to one row: volatilities at fixed tenors and moneyness, put/call ratios, means weighted by open interest.

use crate::options::chain::{Expiry, Quote, Rules, Trouble, expiries, underlying};
use crate::options::normal::normal_cdf;

/// Days ahead of the surface's tenors.
pub const TENORS: [f64; 4] = [7.0, 30.0, 60.0, 90.0];
/// Strike / forward of the surface's cells.
pub const MONEYNESS: [f64; 5] = [0.95, 0.975, 1.0, 1.025, 1.05];
const YEAR_DAYS: f64 = 365.0;
/// Numbers in a row: underlying, forward, days, rate; volatilities; volumes and interest; means; counts.
pub const WIDTH: usize = 4 + 1 + 4 + 20 + 8 + 6 + 7 + 2;

/// The usable volatilities of one expiry, by strike.
struct Smile {
    years: f64,
    /// (log(strike / forward), total variance σ² years), sorted.
    points: Vec<(f64, f64)>,
}

impl Smile {
    /// Total variance at this log-moneyness, on the line between the neighbouring strikes; None beyond them or over a gap.
    fn at(&self, moneyness: f64, gap: f64) -> Option<f64> {
        let above = self.points.partition_point(|point| point.0 < moneyness);
        let high = self.points.get(above)?;
        if high.0 == moneyness {
            return Some(high.1);
        }
        let low = self.points.get(above.checked_sub(1)?)?;
        (high.0 - low.0 <= gap).then(|| between(*low, *high, moneyness))
    }

    /// Total variance where the forward delta of the put (-1) or call (+1) is a quarter, on the line between the neighbouring strikes' deltas.
    fn quarter(&self, side: f64, gap: f64) -> Option<f64> {
        let delta = |point: &(f64, f64)| {
            let deviation = point.1.sqrt();
            normal_cdf(side * (-point.0 / deviation + 0.5 * deviation))
        };
        let middle = self.points.partition_point(|point| point.0 < 0.0);
        let outwards: Vec<&(f64, f64)> = if side < 0.0 {
            self.points[..middle].iter().rev().collect()
        } else {
            self.points[middle..].iter().collect()
        };
        for pair in outwards.windows(2) {
            let (near, far) = (delta(pair[0]), delta(pair[1]));
            if near >= 0.25 && far <= 0.25 {
                if (pair[0].0 - pair[1].0).abs() > gap {
                    return None;
                }
                let share = if near > far { (near - 0.25) / (near - far) } else { 0.0 };
                return Some(pair[0].1 + share * (pair[1].1 - pair[0].1));
            }
        }
        None
    }
}

fn between(low: (f64, f64), high: (f64, f64), x: f64) -> f64 {
    low.1 + (high.1 - low.1) * (x - low.0) / (high.0 - low.0)
}

/// Volatility at `years` ahead, total variance being a line between the nearest expiries that know it; NaN where none brackets.
fn at_tenor(known: &[(f64, Option<f64>)], years: f64) -> f64 {
    let found = |each: &(f64, Option<f64>)| each.1.map(|variance| (each.0, variance));
    let low = known.iter().rev().filter(|each| each.0 <= years).find_map(found);
    let high = known.iter().filter(|each| each.0 >= years).find_map(found);
    match (low, high) {
        (Some(low), Some(high)) if low.0 == high.0 => (low.1 / years).sqrt(),
        (Some(low), Some(high)) => (between(low, high, years) / years).sqrt(),
        _ => f64::NAN,
    }
}

/// Sums of one side's contracts that know the number.
#[derive(Default, Clone, Copy)]
struct Count {
    total: f64,
    known: bool,
}

impl Count {
    fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.total += value;
            self.known = true;
        }
    }

    fn value(self) -> f64 {
        if self.known { self.total } else { f64::NAN }
    }
}

/// Sums weighted by open interest: delta, gamma, vega, theta, gamma with puts negative; then moneyness and days.
#[derive(Default)]
struct Weighted {
    weight: f64,
    sums: [f64; 7],
}

impl Weighted {
    fn add(&mut self, weight: f64, values: [f64; 7]) {
        if weight > 0.0 && values.iter().all(|value| value.is_finite()) {
            self.weight += weight;
            for (sum, value) in self.sums.iter_mut().zip(values) {
                *sum += weight * value;
            }
        }
    }

    fn means(&self) -> [f64; 7] {
        self.sums.map(|sum| if self.weight > 0.0 { sum / self.weight } else { f64::NAN })
    }
}

/// Reduce a chain at `now` (ns UTC) to `out` (`WIDTH` numbers). `quotes` is sorted by expiry, strike, put before call, and holds nothing that settled.
pub fn reduce(quotes: &[Quote], now: i64, rules: &Rules, out: &mut [f64]) {
    let (chain, rate) = expiries(quotes, now, rules);
    let spot = underlying(quotes);
    let mut smiles: Vec<Smile> = Vec::with_capacity(chain.len());
    let (mut weighted, mut priced) = (Weighted::default(), 0_usize);
    for expiry in &chain {
        let mut points = Vec::with_capacity(expiry.quotes.len() / 2 + 1);
        for strike in expiry.quotes.chunk_by(|a, b| a.strike == b.strike) {
            let Ok(volatility) = of_strike(expiry, strike, rules) else {
                continue;
            };
            let moneyness = (strike[0].strike / expiry.forward).ln();
            points.push((moneyness, volatility * volatility * expiry.years));
            for quote in strike {
                priced += 1;
                if quote.open_interest > 0.0 {
                    weigh(&mut weighted, expiry, quote, volatility, (spot, moneyness));
                }
            }
        }
        smiles.push(Smile {
            years: expiry.years,
            points,
        });
    }
    let mut row = Row { out, next: 0 };
    let front = chain
        .iter()
        .zip(&smiles)
        .find_map(|(expiry, smile)| Some((expiry, smile.at(0.0, rules.gap)?)));
    row.put(&[spot]);
    row.put(&front.map_or([f64::NAN; 2], |(expiry, _)| [expiry.forward, expiry.years * YEAR_DAYS]));
    row.put(&[if chain.is_empty() { f64::NAN } else { rate }]);
    row.put(&[front.map_or(f64::NAN, |(expiry, variance)| (variance / expiry.years).sqrt())]);
    volatilities(&smiles, rules.gap, &mut row);
    interest(quotes, &mut row);
    row.put(&weighted.means());
    row.put(&[quotes.len() as f64, priced as f64]);
}

struct Row<'a> {
    out: &'a mut [f64],
    next: usize,
}

impl Row<'_> {
    fn put(&mut self, values: &[f64]) {
        for (place, value) in self.out[self.next..].iter_mut().zip(values) {
            *place = *value;
        }
        self.next += values.len();
    }
}

/// Volatility of a strike: of its out-of-the-money option, whose spread is the smaller; of the other where that one has none.
fn of_strike(expiry: &Expiry<'_>, strike: &[Quote], rules: &Rules) -> Result<f64, Trouble> {
    let outside = if strike[0].strike < expiry.forward { -1.0 } else { 1.0 };
    let found = |side: f64| strike.iter().find(|quote| quote.side == side);
    let mut answer = Err(Trouble::NoForward);
    for quote in [found(outside), found(-outside)].into_iter().flatten() {
        answer = expiry.volatility(quote, rules);
        if answer.is_ok() {
            break;
        }
    }
    answer
}

fn weigh(weighted: &mut Weighted, expiry: &Expiry<'_>, quote: &Quote, volatility: f64, place: (f64, f64)) {
    let (spot, moneyness) = place;
    let contract = expiry.contract(quote);
    let greeks = contract.spot_greeks(if spot.is_nan() { expiry.forward } else { spot }, volatility);
    let values = [greeks.delta, greeks.gamma, greeks.vega, greeks.theta];
    let rest = [quote.side * greeks.gamma, moneyness, expiry.years * YEAR_DAYS];
    weighted.add(
        quote.open_interest,
        [values[0], values[1], values[2], values[3], rest[0], rest[1], rest[2]],
    );
}

fn volatilities(smiles: &[Smile], gap: f64, row: &mut Row<'_>) {
    let cells: Vec<Vec<(f64, Option<f64>)>> = MONEYNESS
        .iter()
        .map(|level| smiles.iter().map(|smile| (smile.years, smile.at(level.ln(), gap))).collect())
        .collect();
    let years = TENORS.map(|days| days / YEAR_DAYS);
    row.put(&years.map(|years| at_tenor(&cells[2], years)));
    for years in years {
        for cell in &cells {
            row.put(&[at_tenor(cell, years)]);
        }
    }
    let wings: Vec<Vec<(f64, Option<f64>)>> = [-1.0, 1.0]
        .iter()
        .map(|side| smiles.iter().map(|smile| (smile.years, smile.quarter(*side, gap))).collect())
        .collect();
    for years in years {
        row.put(&[at_tenor(&wings[0], years), at_tenor(&wings[1], years)]);
    }
}

fn interest(quotes: &[Quote], row: &mut Row<'_>) {
    let mut counts = [Count::default(); 4];
    for quote in quotes {
        let call = usize::from(quote.side > 0.0);
        counts[call].add(quote.volume);
        counts[2 + call].add(quote.open_interest);
    }
    for pair in [[counts[0], counts[1]], [counts[2], counts[3]]] {
        let (put, call) = (pair[0].value(), pair[1].value());
        row.put(&[put, call, if call > 0.0 { put / call } else { f64::NAN }]);
    }
}
