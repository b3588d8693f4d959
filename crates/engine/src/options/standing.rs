//! Standing quotes: the latest of each contract as a feed of quotes goes by, reduced at given moments to rows that know nothing later.

use std::collections::BTreeMap;

use crate::options::chain::{Quote, Rules};
use crate::options::surface::{WIDTH, reduce};

/// Columns of quotes of one underlying, in time order; NaN for what the feed does not give.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// When each quote could be known, ns UTC, never falling.
    pub ts: &'a [i64],
    /// Moment of settlement, ns UTC.
    pub expiry: &'a [i64],
    /// strike, side, bid, ask, iv, volume, open interest, underlying.
    pub values: [&'a [f64]; 8],
}

impl Columns<'_> {
    /// The quote in row `i`.
    pub fn quote(&self, i: usize) -> Quote {
        let [strike, side, bid, ask, iv, volume, open_interest, underlying] = self.values.map(|column| column[i]);
        Quote {
            expiry: self.expiry[i],
            strike,
            side,
            bid,
            ask,
            iv,
            volume,
            open_interest,
            underlying,
        }
    }
}

/// One row of `WIDTH` numbers for each moment of `at` (ns UTC, rising), from the latest quote of each contract with `at - max_age <= ts <= at` that
/// has not settled at that moment.
///
/// `quotes.ts` and `at` must be in order; `out` holds `at.len() * WIDTH` numbers.
pub fn surface_rows(quotes: &Columns<'_>, at: &[i64], max_age: i64, rules: &Rules, out: &mut [f64]) {
    let mut standing: BTreeMap<(i64, u64, bool), (i64, usize)> = BTreeMap::new();
    let mut next = 0;
    let mut chain: Vec<Quote> = Vec::new();
    for (now, row) in at.iter().zip(out.chunks_exact_mut(WIDTH)) {
        while next < quotes.ts.len() && quotes.ts[next] <= *now {
            let [strike, side, ..] = quotes.values;
            if strike[next] > 0.0 && side[next].abs() == 1.0 {
                // the bits of positive numbers sort as the numbers do
                let key = (quotes.expiry[next], strike[next].to_bits(), side[next] > 0.0);
                standing.insert(key, (quotes.ts[next], next));
            }
            next += 1;
        }
        // both only ever get worse: what has settled or grown old never comes back
        standing.retain(|key, quote| key.0 > *now && now.saturating_sub(quote.0) <= max_age);
        chain.clear();
        chain.extend(standing.values().map(|quote| quotes.quote(quote.1)));
        reduce(&chain, *now, rules, row);
    }
}
