//! Where bars of activity end: at a number of trades, a quantity, an amount, or where buying and selling are out of balance.

use std::collections::VecDeque;

/// What of a trade is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Ticks,
    Volume,
    Dollars,
}

impl Measure {
    /// The measure called `ticks`, `volume` or `dollars`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ticks" => Some(Self::Ticks),
            "volume" => Some(Self::Volume),
            "dollars" => Some(Self::Dollars),
            _ => None,
        }
    }

    /// What a trade counts: 1, its size, or price times size.
    fn of(self, price: f64, size: f64) -> f64 {
        match self {
            Self::Ticks => 1.0,
            Self::Volume => size,
            Self::Dollars => price * size,
        }
    }
}

/// How much imbalance is to be expected in a bar, learned from the bars and trades before: López de Prado, Advances in Financial Machine
/// Learning, 2.3.2.1.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// Trades of a bar as expected now, and the bounds it is kept in.
    ticks: f64,
    least: f64,
    most: f64,
    /// Trades of the last bars, and how many bars are remembered.
    lengths: VecDeque<f64>,
    bars: usize,
    /// Signed measures of the last trades, how many are remembered, what one weighs that is forgotten, and how many there have been.
    signed: VecDeque<f64>,
    window: usize,
    gone: f64,
    seen: f64,
    /// Weighted sum of the remembered ones and of their weights, kept from trade to trade once the window is full.
    running: Option<(f64, f64)>,
    /// Mean signed measure of a trade; NaN until enough trades were seen.
    imbalance: f64,
}

impl Expectation {
    /// `ticks` trades are expected in the first bar, and then within `bounds`; `bars` and `window` are the spans, in bars and in trades, of the
    /// two exponentially weighted means.
    pub fn new(ticks: f64, bounds: (f64, f64), bars: usize, window: usize) -> Self {
        Self {
            ticks,
            least: bounds.0,
            most: bounds.1,
            lengths: VecDeque::new(),
            bars: bars.max(1),
            signed: VecDeque::new(),
            window: window.max(1),
            gone: keep(window.max(1)).powf(window.max(1) as f64),
            seen: 0.0,
            running: None,
            imbalance: f64::NAN,
        }
    }

    /// A trade with this signed measure.
    fn take(&mut self, signed: f64) {
        let oldest = if self.signed.len() == self.window {
            self.signed.pop_front()
        } else {
            None
        };
        self.signed.push_back(signed);
        if let (Some((sum, _)), Some(oldest)) = (&mut self.running, oldest) {
            let keep = keep(self.window);
            *sum = *sum * keep + signed - oldest * self.gone; // what rounding leaves fades with the weights
        } else if self.signed.len() == self.window {
            self.running = Some(weighted(&self.signed, self.window));
        }
        self.seen += 1.0;
        if self.imbalance.is_nan() {
            self.learn();
        }
    }

    /// Take the mean signed measure anew; unknown before as many trades as a bar is expected to have.
    fn learn(&mut self) {
        self.imbalance = if self.seen < self.ticks {
            f64::NAN
        } else {
            let (sum, weight) = self.running.unwrap_or_else(|| weighted(&self.signed, self.signed.len()));
            sum / weight
        };
    }

    /// A bar of `count` trades has ended.
    fn close(&mut self, count: f64) {
        if self.lengths.len() == self.bars {
            self.lengths.pop_front();
        }
        self.lengths.push_back(count);
        let (sum, weight) = weighted(&self.lengths, self.bars);
        self.ticks = (sum / weight).max(self.least).min(self.most);
        self.learn();
    }

    /// Whether the sum of a bar's signed measures goes beyond what is expected.
    fn exceeded(&self, theta: f64) -> bool {
        theta.abs() > self.ticks * self.imbalance.abs() // never while it is NaN
    }
}

/// What an exponentially weighted mean of this span keeps of a weight from one value to the next.
fn keep(span: usize) -> f64 {
    1.0 - 2.0 / (span as f64 + 1.0)
}

/// Sum of `values` with exponentially falling weights of this span, the newest weighing one, and the sum of the weights.
fn weighted(values: &VecDeque<f64>, span: usize) -> (f64, f64) {
    let keep = keep(span);
    let (mut sum, mut weight, mut power) = (0.0, 0.0, 1.0);
    for x in values {
        sum = sum * keep + x;
        weight += power;
        power *= keep;
    }
    (sum, weight)
}

/// A trade as a sampler sees it: price in the quote currency, size in contracts or shares, side of the aggressor (+1 buys, -1 sells, 0 not
/// told); `stretch` and `segment` name what no bar spans.
#[derive(Debug, Clone, Copy)]
pub struct Trade {
    pub price: f64,
    pub size: f64,
    pub side: i8,
    pub stretch: i64,
    pub segment: i64,
}

/// Tells of each trade whether it ends its bar. All sums begin with the bar, so it does not matter how trades are cut into chunks.
#[derive(Debug, Clone)]
pub struct Sampler {
    measure: Measure,
    limit: f64,
    expectation: Option<Expectation>,
    sum: f64,
    count: f64,
    last: f64,
    sign: f64,
    within: Option<(i64, i64)>,
}

impl Sampler {
    /// A bar ends with the trade that brings its measure to `limit`, or its signed measure beyond what is expected.
    pub fn new(measure: Measure, limit: f64, expectation: Option<Expectation>) -> Self {
        Self {
            measure,
            limit,
            expectation,
            sum: 0.0,
            count: 0.0,
            last: f64::NAN,
            sign: 0.0,
            within: None,
        }
    }

    /// Whether this trade ends its bar.
    pub fn take(&mut self, trade: Trade) -> bool {
        let within = (trade.stretch, trade.segment);
        if self.within != Some(within) {
            if self.within.is_none_or(|(_, segment)| segment != trade.segment) {
                // another contract's price says nothing of this one's direction
                (self.last, self.sign) = (f64::NAN, 0.0);
            }
            (self.sum, self.count, self.within) = (0.0, 0.0, Some(within));
        }
        let amount = self.measure.of(trade.price, trade.size);
        self.count += 1.0;
        let Some(expectation) = &mut self.expectation else {
            self.sum += amount;
            return self.sum >= self.limit && self.close();
        };
        if trade.price > self.last {
            self.sign = 1.0;
        } else if trade.price < self.last {
            self.sign = -1.0;
        }
        self.last = trade.price;
        if trade.side != 0 {
            self.sign = f64::from(trade.side);
        }
        self.sum += self.sign * amount;
        expectation.take(self.sign * amount);
        if !expectation.exceeded(self.sum) {
            return false;
        }
        expectation.close(self.count);
        self.close()
    }

    /// The bar ends: what comes next begins from nothing.
    fn close(&mut self) -> bool {
        (self.sum, self.count) = (0.0, 0.0);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(price: f64, size: f64, stretch: i64) -> Trade {
        Trade {
            price,
            size,
            side: 0,
            stretch,
            segment: 0,
        }
    }

    #[test]
    fn a_bar_ends_with_the_trade_that_fills_it_and_with_its_stretch() {
        let mut sampler = Sampler::new(Measure::Volume, 10.0, None);
        let sizes = [(4.0, 0), (5.0, 0), (9.0, 0), (9.0, 0), (1.0, 1), (9.0, 1)];
        let ends: Vec<bool> = sizes
            .iter()
            .map(|(size, stretch)| sampler.take(trade(1.0, *size, *stretch)))
            .collect();
        assert_eq!(ends, [false, false, true, false, false, true]);
    }

    #[test]
    fn imbalance_waits_until_it_knows_what_to_expect() {
        let expectation = Expectation::new(3.0, (0.0, f64::INFINITY), 2, 100);
        let mut sampler = Sampler::new(Measure::Ticks, 0.0, Some(expectation));
        // signs 0 + + : of three trades 0.86 a trade is expected, so 2.57 in a bar of three; the fifth brings the sum beyond it
        let ends: Vec<bool> = (0..5).map(|i| sampler.take(trade(f64::from(i), 1.0, 0))).collect();
        assert_eq!(ends, [false, false, false, true, false]);
    }
}
