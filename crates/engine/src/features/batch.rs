//! History: many events of all streams at once, in blocks.

use super::block::{Buffer, Feed};
use super::clock::{Clock, NEVER, between};
use super::engine::{Engine, Events};
use super::error::EngineError;
use super::graph::Derived;
use super::history::BLOCK;
use super::table::{Sink, Table};

impl Engine {
    /// How many rows events would answer, of which only the stamps are looked at; none where only computing them can tell. `until`: time has
    /// come to there after them.
    ///
    /// # Errors
    /// `EngineError` for stamps out of order.
    pub fn count(&self, streams: &[Events<'_>], until: Option<i64>) -> Result<Option<usize>, EngineError> {
        for stream in streams {
            self.check_order(stream.ts)?;
        }
        let Some(main) = streams.first().filter(|_| streams.len() == self.graph.streams()) else {
            return Err(EngineError::Stream {
                found: streams.len(),
                streams: self.graph.streams(),
            });
        };
        for column in [main.session.len(), main.segment.len()] {
            if column != main.ts.len() {
                return Err(EngineError::Lengths {
                    expected: main.ts.len(),
                    found: column,
                });
            }
        }
        if self.graph.clock == 0 {
            return Ok(Some(main.ts.len()));
        }
        if !matches!(self.graph.maker(self.graph.clock as usize), Some(Derived::Every { .. })) {
            return Ok(None);
        }
        let mut clock = self.timeline.clock;
        let mut rows = 0;
        let upto = |clock: &Clock, ts: i64| between(clock.next, ts.min(Clock::close(clock.session)), clock.every);
        for (row, ts) in main.ts.iter().enumerate() {
            clock.gap(row, *ts)?;
            if clock.last != NEVER {
                rows += upto(&clock, ts.saturating_sub(1));
            }
            clock.pass(*ts, main.session[row], main.segment[row]);
        }
        // an event of a side says that time has come to just before it
        let latest = streams[1..]
            .iter()
            .filter_map(|side| side.ts.last())
            .max()
            .map(|ts| ts.saturating_sub(1));
        if let Some(until) = until.max(latest).filter(|_| clock.last != NEVER) {
            clock.gap(main.ts.len(), until)?;
            rows += upto(&clock, until);
        }
        Ok(Some(rows))
    }

    fn check_order(&self, ts: &[i64]) -> Result<(), EngineError> {
        if let (Some(first), Some(last)) = (ts.first(), ts.last()) {
            self.timeline.clock.admit(0, *first, self.timeline.now)?;
            Clock::moment(ts.len() - 1, *last)?;
        }
        if ts.windows(2).fold(true, |ordered, pair| ordered & (pair[0] <= pair[1])) {
            return Ok(());
        }
        match ts.windows(2).position(|pair| pair[1] < pair[0]) {
            Some(i) => Err(EngineError::OutOfOrder {
                row: i + 1,
                ts: ts[i + 1],
                last: ts[i],
            }),
            None => Ok(()),
        }
    }

    /// Whether the columns are those of the graph and of one length.
    fn check_columns(&self, streams: &[Events<'_>]) -> Result<(), EngineError> {
        for (i, stream) in streams.iter().enumerate() {
            self.fits(i, stream.columns.len())?;
            if let Some(column) = stream.columns.iter().find(|column| column.len() != stream.ts.len()) {
                return Err(EngineError::Lengths {
                    expected: stream.ts.len(),
                    found: column.len(),
                });
            }
        }
        Ok(())
    }

    /// Take many events of all streams in and give their rows to `sink`. At equal stamps the sides come first, in their order, then the main
    /// stream. Nothing is taken in when an error is returned, but for `EngineError::Stale`.
    ///
    /// # Errors
    /// `EngineError` for columns that do not fit the graph or each other, and for events out of order.
    pub fn batch_into(&mut self, streams: &[Events<'_>], sink: &mut dyn Sink) -> Result<(), EngineError> {
        self.check_columns(streams)?;
        self.count(streams, None)?;
        if self.wide.stride == 0 {
            self.wide = Buffer::new(self.steps(), self.graph.nodes.len(), BLOCK);
        }
        let mut buffer = std::mem::take(&mut self.wide);
        let done = if streams.len() == 1 && self.timeline.plain() {
            self.run_plain(streams[0], &mut buffer, sink)
        } else {
            self.run_merged(streams, &mut buffer, sink)
        };
        self.wide = buffer;
        done
    }

    /// Take many events of the only stream in and return their rows; see `batch_into`.
    ///
    /// # Errors
    /// As `batch_into`.
    pub fn batch(&mut self, events: Events<'_>) -> Result<Table, EngineError> {
        let mut table = Table {
            width: self.graph.features.len(),
            ..Table::default()
        };
        self.batch_into(&[events], &mut table)?;
        Ok(table)
    }

    /// One stream whose events are the rows.
    fn run_plain(&mut self, main: Events<'_>, buffer: &mut Buffer, sink: &mut dyn Sink) -> Result<(), EngineError> {
        let streams = [main.columns];
        let mut at = 0;
        while at < main.ts.len() {
            let (session, segment) = (main.session[at], main.segment[at]);
            let end = (at + BLOCK).min(main.ts.len());
            let run = same(&main.session[at..end], session).min(same(&main.segment[at..end], segment));
            self.enter(main.ts[at], session, segment);
            self.timeline.events(&main.ts[at..at + run], session, segment, &mut self.block);
            let feed = Feed::Blocks {
                streams: &streams,
                from: &[at],
            };
            self.flush(buffer, feed, sink)?;
            at += run;
        }
        Ok(())
    }

    /// Streams, bars and a grid in the order of time.
    fn run_merged(&mut self, streams: &[Events<'_>], buffer: &mut Buffer, sink: &mut dyn Sink) -> Result<(), EngineError> {
        let columns: Vec<&[&[f64]]> = streams.iter().map(|stream| stream.columns).collect();
        let mut at = vec![0; streams.len()];
        let mut from = at.clone();
        let full = buffer.rows();
        // the main stream comes last among equal stamps
        let order: Vec<usize> = (1..streams.len()).chain([0]).collect();
        while let Some((ts, axis)) = next(streams, &at, &order) {
            if self.timeline.waits(ts) {
                while self.timeline.step(ts, &mut self.block) {
                    if self.block.longest() == full {
                        let feed = Feed::Blocks {
                            streams: &columns,
                            from: &from,
                        };
                        self.flush(buffer, feed, sink)?;
                        from.copy_from_slice(&at);
                    }
                }
            }
            let main = streams[0];
            let (session, segment) = if axis == 0 {
                (main.session[at[0]], main.segment[at[0]])
            } else {
                (0, 0)
            };
            let clock = &self.timeline.clock;
            let opens = axis == 0 && (clock.last == NEVER || session != clock.session || segment != clock.segment);
            if opens || self.block.longest() == full {
                let feed = Feed::Blocks {
                    streams: &columns,
                    from: &from,
                };
                self.flush(buffer, feed, sink)?;
                from.copy_from_slice(&at);
            }
            if opens {
                self.enter(ts, session, segment);
            }
            self.timeline.event(axis, ts, session, segment, &mut self.block);
            at[axis] += 1;
        }
        let feed = Feed::Blocks {
            streams: &columns,
            from: &from,
        };
        self.flush(buffer, feed, sink)
    }
}

/// How many numbers at the start are `x`. Most often all, which is seen without stopping at each.
fn same(numbers: &[i64], x: i64) -> usize {
    if numbers.iter().fold(true, |all, number| all & (*number == x)) {
        numbers.len()
    } else {
        numbers.iter().take_while(|number| **number == x).count()
    }
}

/// Stamp and stream of the next event.
fn next(streams: &[Events<'_>], at: &[usize], order: &[usize]) -> Option<(i64, usize)> {
    let mut first: Option<(i64, usize)> = None;
    for axis in order {
        if let Some(ts) = streams[*axis].ts.get(at[*axis])
            && first.is_none_or(|(earliest, _)| *ts < earliest)
        {
            first = Some((*ts, *axis));
        }
    }
    first
}
