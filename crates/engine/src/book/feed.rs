//! A book along its stream of events: what is visible when, and what was wrong.

use super::event::Event;
use super::price_book::PriceBook;
use super::shots::{Every, Shots, Sink};
use super::trouble::{Tally, Trouble};

/// The event at which a strict feed stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its number, from 1.
    pub event: u64,
    /// What is wrong with it.
    pub trouble: Trouble,
}

/// One instrument's events in, rows of its visible book out. However the events are cut into calls, the rows are the same.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The book after the events so far.
    pub book: PriceBook,
    pub(super) shots: Shots,
    pub(super) tally: Tally,
    pub(super) events: u64,
    pub(super) now: i64,
    /// Crossed and locked books are counted from here on: before it an auction gathers orders.
    pub(super) opens: i64,
    refused: Vec<(u64, Trouble)>,
}

/// Refused events that are remembered one by one, until somebody asks.
const REMEMBERED: usize = 1 << 16;

impl Feed {
    /// `depth`: levels a side that the feed reports, 0 for all. `opens`: from when on a crossed book is counted, ns UTC.
    #[must_use]
    pub fn new(levels: usize, every: Every, depth: usize, opens: i64) -> Self {
        Self {
            book: PriceBook::new(depth),
            shots: Shots::new(levels, every),
            tally: Tally::default(),
            events: 0,
            now: i64::MIN,
            opens,
            refused: Vec::new(),
        }
    }

    /// Take events in; a strict feed stops after the first that is wrong.
    ///
    /// # Errors
    /// Where the feed is strict and an event is in trouble; the events up to it have been taken in.
    pub fn run(&mut self, events: impl Iterator<Item = Event>, sink: &mut Sink<'_>, strict: bool) -> Result<(), Refused> {
        let each = self.shots.every == Every::Event;
        for event in events {
            let before = self.begin(&event, sink);
            let (_, trouble) = self.book.apply(&event);
            if let Some(trouble) = trouble {
                self.note(trouble);
            }
            let seen = if event.is_last() || each { self.visible(sink) } else { None };
            match before.or(trouble).or(seen) {
                Some(trouble) if strict && trouble.is_wrong() => {
                    return Err(Refused {
                        event: self.events,
                        trouble,
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Time has come to `ts` without an event: a grid's rows up to it are due.
    pub fn advance(&mut self, ts: i64, sink: &mut Sink<'_>) {
        self.shots.advance(ts, false, sink);
        self.now = self.now.max(ts);
    }

    /// Rows that so many packets or events can make at most.
    #[must_use]
    pub fn most_rows(&self, events: usize, packets: usize) -> usize {
        match self.shots.every {
            Every::Event => events,
            Every::Packet | Every::Change => packets,
            Every::Grid(_) => packets + 1,
        }
    }

    /// Levels a side in a row.
    #[must_use]
    pub fn levels(&self) -> usize {
        self.shots.levels
    }

    /// What was wrong so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Events so far.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The latest stamp so far.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Events that were refused since this was asked last, as (number, trouble); the first 65,536 of them.
    pub fn refusals(&mut self) -> Vec<(u64, Trouble)> {
        std::mem::take(&mut self.refused)
    }

    pub(super) fn note(&mut self, trouble: Trouble) {
        self.tally.note(trouble, self.events);
        if trouble.is_refusal() && self.refused.len() < REMEMBERED {
            self.refused.push((self.events, trouble));
        }
    }

    pub(super) fn begin(&mut self, event: &Event, sink: &mut Sink<'_>) -> Option<Trouble> {
        self.events += 1;
        if event.ts >= self.now {
            self.shots.advance(event.ts, true, sink);
            self.now = event.ts;
        } else {
            self.tally.note(Trouble::TimeBack, self.events);
            return Some(Trouble::TimeBack);
        }
        if event.is_doubtful() {
            self.tally.note(Trouble::Doubtful, self.events);
            return Some(Trouble::Doubtful);
        }
        None
    }

    pub(super) fn visible(&mut self, sink: &mut Sink<'_>) -> Option<Trouble> {
        let mut found = None;
        if self.now >= self.opens
            && let (Some(bid), Some(ask)) = (self.book.bid.best(), self.book.ask.best())
            && bid + ask >= 0
        {
            let trouble = if bid + ask > 0 { Trouble::Crossed } else { Trouble::Locked };
            self.tally.note(trouble, self.events);
            found = Some(trouble);
        }
        self.shots.visible(&self.book, self.now, self.events as i64, sink);
        found
    }
}
