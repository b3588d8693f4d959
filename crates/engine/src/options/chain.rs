//! A chain at one moment: what put-call parity says of rate and forwards, and the volatility of each quote.

use crate::options::black::Contract;

/// Nanoseconds in a year of 365 days, the year of all volatilities and rates here.
pub const YEAR: f64 = 365.0 * 86_400.0 * 1e9;
/// Strikes nearest to the forward that vote on it.
const VOTERS: usize = 21;
/// Strikes further from the forward than this (in log) do not vote on the rate: early exercise bends parity there.
const NEAR: f64 = 0.2;
/// Expiries nearer than this do not vote on the rate: their boxes are all spread and no interest.
const SOONEST: f64 = 14.0 / 365.0;
/// A rate beyond this, either way, is a chain that contradicts itself.
const MOST_RATE: f64 = 0.5;
/// Fewer boxes than this do not tell a rate.
const FEWEST_BOXES: usize = 4;

/// One contract's latest quote; NaN stands for what the feed does not give.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quote {
    /// Moment of settlement, ns UTC.
    pub expiry: i64,
    /// Strike in quote currency.
    pub strike: f64,
    /// +1 call, -1 put.
    pub side: f64,
    /// Best bid.
    pub bid: f64,
    /// Best offer.
    pub ask: f64,
    /// Implied volatility by the feed.
    pub iv: f64,
    /// Contracts traded.
    pub volume: f64,
    /// Contracts open.
    pub open_interest: f64,
    /// Price of the underlying by the feed.
    pub underlying: f64,
}

/// Why a quote has no volatility.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Trouble {
    /// Nobody bids.
    NoBid = 1,
    /// Nobody offers.
    NoOffer = 2,
    /// The bid is above the offer.
    Crossed = 3,
    /// No strike of the expiry has both a call and a put quoted, so its forward is not known.
    NoForward = 4,
    /// No volatility gives the middle of bid and offer: below intrinsic value or above the most it can be.
    NoVolatility = 5,
    /// Bid and offer are so far apart that the volatility could be any.
    Wide = 6,
    /// The contract has settled.
    Expired = 7,
}

/// What a reduction takes for a usable quote.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// Most that half the spread may move the volatility, as a share of it.
    pub spread: f64,
    /// Widest distance of two neighbouring strikes, in log(strike / forward), that is interpolated over.
    pub gap: f64,
    /// Take the feed's volatility where it has one, else only our own.
    pub feed: bool,
}

impl Quote {
    /// The middle of a two-sided quote.
    pub fn middle(&self) -> Result<f64, Trouble> {
        if self.bid.is_nan() || self.bid <= 0.0 {
            return Err(Trouble::NoBid);
        }
        if self.ask.is_nan() || self.ask <= 0.0 {
            return Err(Trouble::NoOffer);
        }
        if self.bid > self.ask {
            return Err(Trouble::Crossed);
        }
        Ok(0.5 * (self.bid + self.ask))
    }

    /// Whether the feed says anything of a market in it.
    fn has_market(&self) -> bool {
        self.bid.is_finite() || self.ask.is_finite()
    }
}

/// The quotes of one expiry, by strike, put before call, with what they imply.
#[derive(Debug, Clone, Copy)]
pub struct Expiry<'a> {
    /// Moment of settlement, ns UTC.
    pub ts: i64,
    /// Years to it.
    pub years: f64,
    /// Forward of the underlying; NaN where it is not known.
    pub forward: f64,
    /// Present value of 1 paid then.
    pub discount: f64,
    /// Quotes sorted by strike, the put of a strike before its call.
    pub quotes: &'a [Quote],
}

impl Expiry<'_> {
    /// The contract of a quote of this expiry.
    pub fn contract(&self, quote: &Quote) -> Contract {
        Contract {
            forward: self.forward,
            strike: quote.strike,
            years: self.years,
            discount: self.discount,
            side: quote.side,
        }
    }

    /// Volatility per year of one quote, or why it has none.
    pub fn volatility(&self, quote: &Quote, rules: &Rules) -> Result<f64, Trouble> {
        if self.years <= 0.0 {
            return Err(Trouble::Expired);
        }
        if self.forward.is_nan() {
            return Err(Trouble::NoForward);
        }
        let by_feed = rules.feed && quote.iv > 0.0 && quote.iv.is_finite();
        if by_feed && !quote.has_market() {
            return Ok(quote.iv);
        }
        let middle = quote.middle()?;
        if by_feed {
            return Ok(quote.iv);
        }
        let contract = self.contract(quote);
        let found = contract.implied_volatility(middle);
        if found.is_nan() || found <= 0.0 {
            return Err(Trouble::NoVolatility);
        }
        let doubt = 0.5 * (quote.ask - quote.bid);
        if doubt > rules.spread * found * contract.vega(found) {
            return Err(Trouble::Wide);
        }
        Ok(found)
    }
}

/// The put-call pairs of one expiry.
struct Pairs {
    years: f64,
    /// (strike, middle of the call less middle of the put), by strike.
    found: Vec<(f64, f64)>,
    /// The forward if money cost nothing; NaN without a pair.
    rough: f64,
}

fn pairs(quotes: &[Quote]) -> Vec<(f64, f64)> {
    quotes
        .windows(2)
        .filter(|pair| pair[0].strike == pair[1].strike && pair[0].side < pair[1].side)
        .filter_map(|pair| Some((pair[0].strike, pair[1].middle().ok()? - pair[0].middle().ok()?)))
        .collect()
}

fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 {
        values[half]
    } else {
        0.5 * (values[half - 1] + values[half])
    }
}

/// The flat rate that boxes imply: two strikes' pairs lend and borrow, C - P = D (F - K) at each. The median over boxes half a chain wide, each
/// weighing its distance times its years, for the error of its rate falls with both. 0 where there are too few, or all expiries are near: then it matters
/// little.
fn rate(groups: &[Pairs]) -> f64 {
    let mut boxes: Vec<(f64, f64)> = Vec::new();
    for Pairs { years, found, rough } in groups {
        let near: Vec<&(f64, f64)> = found.iter().filter(|pair| (pair.0 / rough).ln().abs() <= NEAR).collect();
        let half = near.len().div_ceil(2);
        for (low, high) in near.iter().zip(near.iter().skip(half)) {
            let width = high.0 - low.0;
            let discount = (low.1 - high.1) / width;
            if discount > 0.0 && *years >= SOONEST {
                boxes.push((0.0 - discount.ln() / years, width / rough * years));
            }
        }
    }
    if boxes.len() < FEWEST_BOXES {
        return 0.0;
    }
    boxes.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let half = 0.5 * boxes.iter().map(|each| each.1).sum::<f64>();
    let mut passed = 0.0;
    for (rate, weight) in &boxes {
        passed += weight;
        if passed >= half {
            return if rate.abs() <= MOST_RATE { *rate } else { 0.0 };
        }
    }
    0.0
}

/// The chain's expiries with their forwards, and the rate.
///
/// `quotes` is sorted by expiry, strike, put before call; `now` in ns UTC. The forward of an expiry is the median of K + (C - P) / D over the strikes
/// nearest to it, D = exp(-rate · years). Under `rules.feed` an expiry without such pairs falls back on the feed's underlying.
pub fn expiries<'a>(quotes: &'a [Quote], now: i64, rules: &Rules) -> (Vec<Expiry<'a>>, f64) {
    let parts: Vec<&[Quote]> = quotes.chunk_by(|a, b| a.expiry == b.expiry).collect();
    let groups: Vec<Pairs> = parts
        .iter()
        .map(|part| {
            let found = pairs(part);
            let rough = median(&mut found.iter().map(|pair| pair.0 + pair.1).collect::<Vec<f64>>());
            let years = (part[0].expiry - now) as f64 / YEAR;
            Pairs { years, found, rough }
        })
        .collect();
    let rate = rate(&groups);
    let made = parts.iter().zip(groups).map(|(part, Pairs { years, mut found, rough })| {
        let discount = (-rate * years).exp();
        found.sort_by(|a, b| (a.0 - rough).abs().total_cmp(&(b.0 - rough).abs()));
        let mut votes: Vec<f64> = found.iter().take(VOTERS).map(|pair| pair.0 + pair.1 / discount).collect();
        let mut forward = median(&mut votes);
        if forward.is_nan() && rules.feed {
            forward = underlying(part) / discount;
        }
        if !(forward > 0.0 && forward.is_finite()) {
            forward = f64::NAN;
        }
        Expiry {
            ts: part[0].expiry,
            years,
            forward,
            discount,
            quotes: part,
        }
    });
    (made.collect(), rate)
}

/// Median of the feed's prices of the underlying, NaN where it gives none.
pub fn underlying(quotes: &[Quote]) -> f64 {
    median(
        &mut quotes
            .iter()
            .map(|quote| quote.underlying)
            .filter(|price| price.is_finite())
            .collect::<Vec<f64>>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000_000;
    const RULES: Rules = Rules {
        spread: 0.25,
        gap: 0.1,
        feed: false,
    };

    fn quote(days: i64, strike: f64, side: f64, half_spread: f64) -> Quote {
        let years = days as f64 / 365.0;
        let contract = Contract {
            forward: 100.0 * (0.02 * years).exp(),
            strike,
            years,
            discount: (-0.05 * years).exp(),
            side,
        };
        let price = contract.price(0.3);
        Quote {
            expiry: days * DAY,
            strike,
            side,
            bid: price - half_spread,
            ask: price + half_spread,
            iv: f64::NAN,
            volume: 1.0,
            open_interest: 1.0,
            underlying: f64::NAN,
        }
    }

    fn chain(half_spread: f64) -> Vec<Quote> {
        [30, 90]
            .iter()
            .flat_map(|days| (80..=120).flat_map(move |strike| [-1.0, 1.0].map(|side| quote(*days, f64::from(strike), side, half_spread))))
            .collect()
    }

    #[test]
    fn parity_gives_back_rate_and_forward() {
        let quotes = chain(0.02);
        let (found, rate) = expiries(&quotes, 0, &RULES);
        assert!((rate - 0.05).abs() < 1e-9);
        for expiry in found {
            assert!((expiry.forward / 100.0 - (0.02 * expiry.years).exp()).abs() < 1e-9);
            for quote in expiry.quotes.iter().filter(|quote| (quote.strike - 100.0).abs() < 10.0) {
                assert!((expiry.volatility(quote, &RULES).unwrap_or(f64::NAN) - 0.3).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn one_wild_quote_moves_no_forward() {
        let mut quotes = chain(0.02);
        quotes[40].bid = 0.1;
        quotes[40].ask = 90.0;
        let (found, _) = expiries(&quotes, 0, &RULES);
        assert!((found[0].forward / (0.02_f64 * 30.0 / 365.0).exp() - 100.0).abs() < 0.01);
        assert!(found[0].volatility(&quotes[40], &RULES).is_err());
    }

    #[test]
    fn without_pairs_nothing_is_known() {
        let calls: Vec<Quote> = chain(0.02).into_iter().filter(|quote| quote.side > 0.0).collect();
        let (found, rate) = expiries(&calls, 0, &RULES);
        assert_eq!(rate, 0.0);
        assert!(found[0].forward.is_nan());
        assert_eq!(found[0].volatility(&calls[0], &RULES), Err(Trouble::NoForward));
        assert!(expiries(&[], 0, &RULES).0.is_empty());
    }
}
