//! Snapshots: the quotes of one stamp are a chain, and each gets its volatility and greeks.

use crate::options::chain::{Quote, Rules, Trouble, expiries, underlying};
use crate::options::standing::Columns;

/// Numbers per quote: years, forward, rate, volatility, delta, gamma, vega, theta, trouble (0 where there is none).
pub const PRICED: usize = 9;

/// `PRICED` numbers for each quote, in the order given; quotes of one `ts` are one chain. `quotes.ts` must be in order.
pub fn price_rows(quotes: &Columns<'_>, rules: &Rules, out: &mut [f64]) {
    let mut from = 0;
    while from < quotes.ts.len() {
        let now = quotes.ts[from];
        let until = from + quotes.ts[from..].partition_point(|ts| *ts <= now);
        let mut places: Vec<usize> = (from..until).collect();
        let [strike, side, ..] = quotes.values;
        let key = |i: &usize| (quotes.expiry[*i], strike[*i], side[*i]);
        places.sort_by(|a, b| {
            let (a, b) = (key(a), key(b));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)).then(a.2.total_cmp(&b.2))
        });
        let chain: Vec<Quote> = places.iter().map(|i| quotes.quote(*i)).collect();
        price_chain(&chain, now, rules, |i, numbers| {
            let at = places[i] * PRICED;
            out[at..at + PRICED].copy_from_slice(&numbers);
        });
        from = until;
    }
}

fn price_chain(chain: &[Quote], now: i64, rules: &Rules, mut write: impl FnMut(usize, [f64; PRICED])) {
    let (groups, rate) = expiries(chain, now, rules);
    let spot = underlying(chain);
    let mut i = 0;
    for expiry in &groups {
        let base = if spot.is_nan() { expiry.forward } else { spot };
        for quote in expiry.quotes {
            let head = [expiry.years, expiry.forward, rate];
            let mut numbers = [f64::NAN; PRICED];
            numbers[..3].copy_from_slice(&head);
            match expiry.volatility(quote, rules) {
                Ok(volatility) => {
                    let greeks = expiry.contract(quote).spot_greeks(base, volatility);
                    numbers[3..8].copy_from_slice(&[volatility, greeks.delta, greeks.gamma, greeks.vega, greeks.theta]);
                    numbers[8] = 0.0;
                }
                Err(trouble) => numbers[8] = f64::from(trouble as u8),
            }
            write(i, numbers);
            i += 1;
        }
    }
}

impl Trouble {
    /// Every kind with its name, by number.
    pub const NAMES: [(u8, &'static str); 7] = [
        (Self::NoBid as u8, "no_bid"),
        (Self::NoOffer as u8, "no_offer"),
        (Self::Crossed as u8, "crossed"),
        (Self::NoForward as u8, "no_forward"),
        (Self::NoVolatility as u8, "no_volatility"),
        (Self::Wide as u8, "wide"),
        (Self::Expired as u8, "expired"),
    ];
}
