//! The last row of every symbol, for any number of readers that never wait.
//!
//! Each symbol has one writer and two places for a row. Row n goes into place n % 2 and is then announced by a counter, so a reader copies
//! a place that nobody writes to unless a whole further row came in meanwhile; then it copies again. A writer that is stopped midway
//! holds nobody up. Boehm, "Can seqlocks get along with programming language memory models?", MSPC 2012, gives the fences.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::error::EngineError;
use super::table::Row;

/// Words of a row before its values: ts, session, segment, price.
const HEAD: usize = 4;

/// What stands beside the values of a row; see `Row`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stamp {
    pub ts: i64,
    pub session: i64,
    pub segment: i64,
    pub price: f64,
}

struct Slot {
    /// Rows written so far; the last of them, n, lies in place n % 2.
    announced: AtomicU64,
    /// Two places of HEAD + width words.
    words: Box<[AtomicU64]>,
}

impl Slot {
    fn new(width: usize) -> Self {
        let words = (0..2 * (HEAD + width)).map(|_| AtomicU64::new(0)).collect();
        Self {
            announced: AtomicU64::new(0),
            words,
        }
    }

    fn place(&self, number: u64) -> &[AtomicU64] {
        let (even, odd) = self.words.split_at(self.words.len() / 2);
        if number.is_multiple_of(2) { even } else { odd }
    }
}

/// The one writer of a symbol's row: it cannot be cloned.
pub struct Writer {
    slot: Arc<Slot>,
    last: i64,
}

impl Writer {
    /// Make `row` the last one.
    ///
    /// # Errors
    /// `EngineError::Columns` for a row of another width, `EngineError::OutOfOrder` for one stamped before the last.
    pub fn put(&mut self, row: &Row<'_>) -> Result<(), EngineError> {
        let next = self.slot.announced.load(Ordering::Relaxed) + 1;
        let place = self.slot.place(next);
        let expected = place.len() - HEAD;
        if row.values.len() != expected {
            return Err(EngineError::Columns {
                expected,
                found: row.values.len(),
            });
        }
        if row.ts < self.last {
            let (ts, last) = (row.ts, self.last);
            return Err(EngineError::OutOfOrder { row: 0, ts, last });
        }
        self.last = row.ts;
        // whoever sees a word of this row sees that the row before it was announced, and so that the place it copies is being reused
        fence(Ordering::Release);
        let head = [
            row.ts.cast_unsigned(),
            row.session.cast_unsigned(),
            row.segment.cast_unsigned(),
            row.price.to_bits(),
        ];
        for (word, value) in place
            .iter()
            .zip(head.into_iter().chain(row.values.iter().map(|value| value.to_bits())))
        {
            word.store(value, Ordering::Relaxed);
        }
        self.slot.announced.store(next, Ordering::Release);
        Ok(())
    }
}

/// The last row of each symbol. Clones read the same rows.
#[derive(Clone)]
pub struct LastRows {
    slots: Arc<[Arc<Slot>]>,
    places: Arc<HashMap<String, usize>>,
}

impl LastRows {
    /// Rows of `width` values for these symbols, none written yet, and the writer of each, in their order.
    pub fn new(symbols: &[String], width: usize) -> (Self, Vec<Writer>) {
        let slots: Arc<[Arc<Slot>]> = symbols.iter().map(|_| Arc::new(Slot::new(width))).collect();
        let writers = slots
            .iter()
            .map(|slot| Writer {
                slot: Arc::clone(slot),
                last: i64::MIN,
            })
            .collect();
        let places = symbols.iter().enumerate().map(|(place, symbol)| (symbol.clone(), place)).collect();
        let places = Arc::new(places);
        (Self { slots, places }, writers)
    }

    /// Where the symbol stands in the list that `new` took.
    pub fn place(&self, symbol: &str) -> Option<usize> {
        self.places.get(symbol).copied()
    }

    /// Copy the last row at `place` into `values`; None before the first row and beyond the last place. A shorter `values` takes the
    /// first ones.
    #[inline]
    pub fn read(&self, place: usize, values: &mut [f64]) -> Option<Stamp> {
        let slot = self.slots.get(place)?;
        let mut head = [0; HEAD];
        loop {
            let number = slot.announced.load(Ordering::Acquire);
            if number == 0 {
                return None;
            }
            let (first, rest) = slot.place(number).split_at(HEAD);
            for (value, word) in head.iter_mut().zip(first) {
                *value = word.load(Ordering::Relaxed);
            }
            for (value, word) in values.iter_mut().zip(rest) {
                *value = f64::from_bits(word.load(Ordering::Relaxed));
            }
            fence(Ordering::Acquire);
            if slot.announced.load(Ordering::Relaxed) == number {
                return Some(Stamp {
                    ts: head[0].cast_signed(),
                    session: head[1].cast_signed(),
                    segment: head[2].cast_signed(),
                    price: f64::from_bits(head[3]),
                });
            }
            std::hint::spin_loop();
        }
    }

    /// As `read`, with NaN for each value whose row is older than its time to live at `now` (ns; `i64::MAX` lives for ever). Also tells
    /// how many values that were. A row stamped after `now` is as good as new: it has arrived.
    #[inline]
    pub fn fresh(&self, place: usize, now: i64, ttl: &[i64], values: &mut [f64]) -> Option<(Stamp, usize)> {
        let stamp = self.read(place, values)?;
        let age = now.saturating_sub(stamp.ts);
        let mut stale = 0;
        for (value, ttl) in values.iter_mut().zip(ttl) {
            if age > *ttl {
                *value = f64::NAN;
                stale += 1;
            }
        }
        Some((stamp, stale))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    const WIDTH: usize = 37;

    fn number(n: i64, i: usize) -> f64 {
        (n.wrapping_mul(0x9E37_79B9).wrapping_add(i64::try_from(i).unwrap()) % 1_000_003) as f64
    }

    fn put(writer: &mut Writer, n: i64) {
        let values: Vec<f64> = (0..WIDTH).map(|i| number(n, i)).collect();
        let price = values.iter().sum();
        let (ts, session, segment) = (n, 2 * n, 3 * n);
        writer
            .put(&Row {
                ts,
                session,
                segment,
                price,
                values: &values,
            })
            .unwrap();
    }

    fn whole(stamp: &Stamp, values: &[f64]) -> bool {
        let n = stamp.ts;
        let same = values.iter().enumerate().all(|(i, value)| *value == number(n, i));
        same && stamp.session == 2 * n && stamp.segment == 3 * n && stamp.price == values.iter().sum::<f64>()
    }

    #[test]
    fn a_reader_never_sees_parts_of_two_rows_nor_an_older_row_again() {
        let (rows, mut writers) = LastRows::new(&["A".into(), "B".into()], WIDTH);
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let readers: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        let (mut values, mut last, mut seen) = ([0.0; WIDTH], 0, 0_u64);
                        while !done.load(Ordering::Relaxed) {
                            if let Some(stamp) = rows.read(1, &mut values) {
                                assert!(whole(&stamp, &values), "a torn row at {}", stamp.ts);
                                assert!(stamp.ts >= last, "{} after {last}", stamp.ts);
                                seen += u64::from(stamp.ts != last);
                                last = stamp.ts;
                            }
                        }
                        seen
                    })
                })
                .collect();
            for n in 1..=60_000 {
                put(&mut writers[1], n);
                if n % 10_000 == 0 {
                    thread::yield_now();
                }
            }
            // both have something to read, however the machine shares its cores out
            thread::sleep(std::time::Duration::from_millis(20));
            done.store(true, Ordering::Relaxed);
            assert!(readers.into_iter().all(|reader| reader.join().unwrap() > 0));
        });
        let mut values = [0.0; WIDTH];
        assert_eq!(rows.read(1, &mut values).unwrap().ts, 60_000);
        assert!(rows.read(0, &mut values).is_none() && rows.read(2, &mut values).is_none());
    }

    #[test]
    fn a_writer_stopped_midway_holds_nobody_up() {
        let (rows, mut writers) = LastRows::new(&["A".into()], WIDTH);
        for n in 1..=3 {
            put(&mut writers[0], n);
            let next = rows.slots[0].announced.load(Ordering::Relaxed) + 1;
            for word in &rows.slots[0].place(next)[..HEAD + WIDTH / 2] {
                word.store(u64::MAX, Ordering::Relaxed);
            }
            let mut values = [0.0; WIDTH];
            let stamp = rows.read(0, &mut values).unwrap();
            assert!(stamp.ts == n && whole(&stamp, &values));
        }
    }

    #[test]
    fn values_outlive_their_rows_by_their_time_to_live_and_no_longer() {
        let (rows, mut writers) = LastRows::new(&["A".into()], 3);
        let values = [1.0, 2.0, f64::NAN];
        let (ts, session, segment, price) = (100, 0, 0, 1.0);
        writers[0]
            .put(&Row {
                ts,
                session,
                segment,
                price,
                values: &values,
            })
            .unwrap();
        let ttl = [10, i64::MAX, i64::MAX];
        let mut out = [0.0; 3];
        for (now, stale) in [(90, 0), (100, 0), (110, 0), (111, 1), (i64::MAX, 1)] {
            assert_eq!(rows.fresh(0, now, &ttl, &mut out).unwrap().1, stale, "{now}");
            assert_eq!(out[0].is_nan(), stale == 1);
            assert!(out[1] == 2.0 && out[2].is_nan());
        }
    }

    #[test]
    fn a_row_of_another_width_or_an_earlier_one_is_refused_and_changes_nothing() {
        let (rows, mut writers) = LastRows::new(&["A".into()], 1);
        let row = |values| Row {
            ts: 1,
            session: 0,
            segment: 0,
            price: 1.0,
            values,
        };
        assert!(writers[0].put(&row(&[1.0, 2.0])).is_err());
        assert!(rows.read(0, &mut [0.0]).is_none());
        writers[0].put(&row(&[1.0])).unwrap();
        assert!(writers[0].put(&Row { ts: 0, ..row(&[2.0]) }).is_err());
        assert_eq!(rows.read(0, &mut [0.0]).unwrap().ts, 1);
        assert_eq!((rows.place("A"), rows.place("B")), (Some(0), None));
    }
}
