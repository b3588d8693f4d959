//! A feed between two sessions: words that restore it, order by order.

use super::feed::Feed;
use super::half::Half;
use super::orders::{NONE, Order, Orders};
use super::price_book::{FARTHEST, MOST};
use super::trouble::Trouble;

const VERSION: u64 = 1;
const FLAG_STANDING: u64 = 1;

/// Why saved words are no feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavedBook {
    /// They end too early, or go on too long.
    Length,
    /// Another release wrote them, or another kind of feed.
    Version,
    /// They say what no book can be.
    Impossible,
}

impl SavedBook {
    /// One line.
    #[must_use]
    pub fn message(self) -> &'static str {
        match self {
            Self::Length => "saved book: it is cut short or too long",
            Self::Version => "saved book: another release wrote it, or a book of other levels",
            Self::Impossible => "saved book: it is damaged",
        }
    }
}

impl Feed {
    /// Everything this feed remembers.
    #[must_use]
    pub fn save(&self) -> Vec<u64> {
        let mut out = vec![
            VERSION,
            self.shots.levels as u64,
            self.book.depth as u64,
            self.events,
            self.now as u64,
        ];
        out.extend([
            u64::from(self.book.in_snapshot),
            self.book.aggressor,
            self.shots.due as u64,
            self.shots.row as u64,
        ]);
        out.extend(self.tally.counts);
        out.extend(self.tally.first);
        out.extend(self.shots.shown.iter().map(|value| value.to_bits()));
        for half in [&self.book.bid, &self.book.ask] {
            out.extend([half.reach as u64, half.hidden as u64, half.dim as u64, half.len() as u64]);
            for (key, level) in half.keys.iter().zip(&half.levels) {
                out.extend([*key as u64, level.unseen as u64, u64::from(level.whole), u64::from(level.count)]);
                let mut place = level.head;
                while place != NONE {
                    let order = self.book.orders.at(place);
                    let flags = if order.standing { FLAG_STANDING } else { 0 };
                    out.extend([order.id, order.size as u64, order.ts as u64, order.pending as u64, flags]);
                    place = order.after;
                }
            }
        }
        out
    }

    /// Continue from what `save` gave; the feed must have been made with the same levels and depth.
    ///
    /// # Errors
    /// Where the words are not what a feed like this one saves; the feed stays as it was.
    pub fn restore(&mut self, words: &[u64]) -> Result<(), SavedBook> {
        let mut words = Words(words);
        let (version, levels, depth) = (words.next()?, words.next()?, words.next()?);
        if (version, levels, depth) != (VERSION, self.shots.levels as u64, self.book.depth as u64) {
            return Err(SavedBook::Version);
        }
        let mut next = Self::new(self.shots.levels, self.shots.every, self.book.depth, self.opens);
        (next.events, next.now) = (words.next()?, words.signed()?);
        (next.book.in_snapshot, next.book.aggressor) = (words.next()? != 0, words.next()?);
        (next.shots.due, next.shots.row) = (words.signed()?, words.signed()?);
        for counter in next.tally.counts.iter_mut().chain(&mut next.tally.first) {
            *counter = words.next()?;
        }
        for value in &mut next.shots.shown {
            *value = f64::from_bits(words.next()?);
        }
        words.half(&mut next.book.bid, &mut next.book.orders)?;
        words.half(&mut next.book.ask, &mut next.book.orders)?;
        if !words.0.is_empty() {
            return Err(SavedBook::Length);
        }
        *self = next;
        Ok(())
    }
}

struct Words<'a>(&'a [u64]);

impl Words<'_> {
    fn next(&mut self) -> Result<u64, SavedBook> {
        let (first, rest) = self.0.split_first().ok_or(SavedBook::Length)?;
        self.0 = rest;
        Ok(*first)
    }

    fn signed(&mut self) -> Result<i64, SavedBook> {
        Ok(self.next()? as i64)
    }

    fn half(&mut self, half: &mut Half, orders: &mut Orders) -> Result<(), SavedBook> {
        half.reach = self.signed()?;
        half.hidden = usize::try_from(self.next()?).map_err(|_| SavedBook::Impossible)?;
        let dim = usize::try_from(self.next()?).map_err(|_| SavedBook::Impossible)?;
        let mut before = None;
        for _ in 0..self.next()? {
            let (key, unseen, whole, count) = (self.signed()?, self.signed()?, self.next()? != 0, self.next()?);
            let price = key.saturating_mul(half.sign);
            if before.is_some_and(|before| before >= key)
                || !(-FARTHEST..=FARTHEST).contains(&key)
                || !(0..=MOST).contains(&unseen)
                || (unseen == 0 && count == 0)
            {
                return Err(SavedBook::Impossible);
            }
            before = Some(key);
            let level = half.level(key, whole);
            (level.size, level.unseen) = (unseen, unseen);
            for _ in 0..count {
                self.order(price, half, orders, whole)?;
            }
        }
        if dim > half.len() || half.hidden > MOST as usize {
            return Err(SavedBook::Impossible);
        }
        half.dim = dim;
        Ok(())
    }

    fn order(&mut self, price: i64, half: &mut Half, orders: &mut Orders, whole: bool) -> Result<(), SavedBook> {
        let order = Order {
            id: self.next()?,
            price,
            size: self.signed()?,
            ts: self.signed()?,
            pending: self.signed()?,
            before: NONE,
            after: NONE,
            side: half.sign as i8,
            standing: self.next()? & FLAG_STANDING != 0,
        };
        if !(1..=MOST).contains(&order.size) || !(0..=order.size).contains(&order.pending) || orders.find(order.id).is_some() {
            return Err(SavedBook::Impossible);
        }
        half.push(orders, order, whole);
        Ok(())
    }
}

const _: () = assert!(Trouble::ALL.len() == 14); // a new trouble is a new version of what is saved
