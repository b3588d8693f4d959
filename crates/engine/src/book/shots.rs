//! Pictures of the first levels: after every event, every packet, every change, or on a grid of time.

use super::half::Half;
use super::price_book::PriceBook;

/// When a row is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// After each event, those inside a packet too.
    Event,
    /// After the last event of each packet.
    Packet,
    /// After a packet that changed one of the levels shown.
    Change,
    /// At each multiple of so many ns that has a packet in the interval before it, stamped with that multiple.
    Grid(i64),
}

/// Where rows go: columns side by side, `stride` numbers apart.
pub struct Sink<'a> {
    /// Stamp of the row.
    pub ts: &'a mut [i64],
    /// Number of the event, from 1, after which the book was so.
    pub row: &'a mut [i64],
    /// Prices, then sizes of the bids; prices, then sizes of the asks. NaN where a level is not occupied or not known.
    pub cells: &'a mut [f64],
    /// Rows that fit.
    pub stride: usize,
    /// Rows written.
    pub written: usize,
}

/// What was shown last, for rows that wait for a change or for their time.
#[derive(Clone, Debug)]
pub struct Shots {
    /// Levels a side.
    pub(super) levels: usize,
    pub(super) every: Every,
    pub(super) shown: Vec<f64>,
    spare: Vec<f64>,
    /// Of a grid: when the book shown last is due, and after which event it was so. 0: none waits.
    pub(super) due: i64,
    pub(super) row: i64,
}

impl Shots {
    /// Rows of `levels` levels a side.
    #[must_use]
    pub fn new(levels: usize, every: Every) -> Self {
        Self {
            levels,
            every,
            shown: vec![f64::NAN; 4 * levels],
            spare: vec![f64::NAN; 4 * levels],
            due: 0,
            row: 0,
        }
    }

    /// The book is visible at `ts`, after event number `row`.
    pub(super) fn visible(&mut self, book: &PriceBook, ts: i64, row: i64, sink: &mut Sink<'_>) {
        match self.every {
            Every::Event | Every::Packet => {
                let at = sink.written;
                if at < sink.stride {
                    show(&book.bid, self.levels, &mut sink.cells[at..], sink.stride);
                    show(
                        &book.ask,
                        self.levels,
                        &mut sink.cells[at + 2 * self.levels * sink.stride..],
                        sink.stride,
                    );
                    sink.stamp(ts, row);
                }
            }
            Every::Change => {
                self.look(book);
                let same = self.shown.iter().zip(&self.spare).all(|(a, b)| a.to_bits() == b.to_bits());
                std::mem::swap(&mut self.shown, &mut self.spare);
                if !same || self.row == 0 {
                    self.row = row;
                    sink.write(ts, row, &self.shown);
                }
            }
            Every::Grid(step) => {
                self.look(book);
                std::mem::swap(&mut self.shown, &mut self.spare);
                let over = ts.rem_euclid(step);
                self.due = if over == 0 { ts } else { ts.saturating_add(step - over) };
                self.row = row;
            }
        }
    }

    /// Time goes beyond `ts` (`after`), or has come to it: the row of the grid that waited for that is written.
    pub(super) fn advance(&mut self, ts: i64, after: bool, sink: &mut Sink<'_>) {
        if self.due != 0 && (self.due < ts || (!after && self.due == ts)) {
            sink.write(self.due, self.row, &self.shown);
            self.due = 0;
        }
    }

    fn look(&mut self, book: &PriceBook) {
        show(&book.bid, self.levels, &mut self.spare, 1);
        show(&book.ask, self.levels, &mut self.spare[2 * self.levels..], 1);
    }
}

impl Sink<'_> {
    fn stamp(&mut self, ts: i64, row: i64) {
        self.ts[self.written] = ts;
        self.row[self.written] = row;
        self.written += 1;
    }

    fn write(&mut self, ts: i64, row: i64, values: &[f64]) {
        if self.written < self.stride {
            let places = self.cells[self.written..].iter_mut().step_by(self.stride);
            places.zip(values).for_each(|(place, value)| *place = *value);
            self.stamp(ts, row);
        }
    }
}

/// Prices, then sizes of the first levels of one side, each `stride` numbers after the one before.
fn show(half: &Half, levels: usize, out: &mut [f64], stride: usize) {
    let there = (half.len() - half.dim).min(levels);
    let best_first = half.ranked();
    for (rank, level) in best_first.take(there).enumerate() {
        out[rank * stride] = level.price;
        out[(levels + rank) * stride] = if level.whole { level.size as f64 } else { f64::NAN };
    }
    for rank in there..levels {
        out[rank * stride] = f64::NAN;
        out[(levels + rank) * stride] = f64::NAN;
    }
}
