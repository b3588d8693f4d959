//! The grid: which of its rows is next, and which event may come.

use super::error::EngineError;
use super::tape::Tape;

/// Rows that may lie between two events before the second is taken for a wrong stamp, and numbers in them.
const MAX_GAP: i64 = 10_000_000;
const MAX_NUMBERS: i64 = 50_000_000;
/// Stamps lie before this, in the year 2255: what is added to one does not overflow.
const FAR: i64 = 9_000_000_000_000_000_000;
/// No event yet.
pub(super) const NEVER: i64 = i64::MIN;

/// The last event of the main stream, and the next row of the grid (`every` 0: there is none).
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    pub every: i64,
    most: i64,
    pub next: i64,
    pub last: i64,
    pub answered: i64,
    pub session: i64,
    pub segment: i64,
}

impl Clock {
    /// A grid whose rows hold `width` numbers.
    pub fn new(every: i64, width: usize) -> Self {
        let width = i64::try_from(width).unwrap_or(i64::MAX).max(1);
        Self {
            every,
            most: (MAX_NUMBERS / width).min(MAX_GAP),
            next: 0,
            last: NEVER,
            answered: NEVER,
            session: 0,
            segment: 0,
        }
    }

    pub fn close(session: i64) -> i64 {
        if session == 0 { i64::MAX } else { session }
    }

    pub fn first(&self, ts: i64) -> i64 {
        ts.div_euclid(self.every)
            .saturating_add(i64::from(ts.rem_euclid(self.every) != 0))
            .saturating_mul(self.every)
    }

    /// Whether a stamp may be one.
    pub fn moment(row: usize, ts: i64) -> Result<(), EngineError> {
        if (-FAR..=FAR).contains(&ts) {
            Ok(())
        } else {
            Err(EngineError::Stamp { row, ts })
        }
    }

    /// Whether an event of any stream may come after `now`; nothing is changed.
    pub fn admit(&self, row: usize, ts: i64, now: i64) -> Result<(), EngineError> {
        Self::moment(row, ts)?;
        if ts < now || (self.answered != NEVER && ts <= self.answered) {
            return Err(EngineError::OutOfOrder {
                row,
                ts,
                last: now.max(self.answered),
            });
        }
        self.gap(row, ts)
    }

    pub fn gap(&self, row: usize, ts: i64) -> Result<(), EngineError> {
        if self.every > 0 && self.last != NEVER {
            let rows = ts.min(Self::close(self.session)).saturating_sub(self.next) / self.every;
            if rows > self.most {
                return Err(EngineError::Gap { row, ts, rows });
            }
        }
        Ok(())
    }

    /// Stamp of the next row of the grid in this session.
    pub fn due(&self) -> Option<i64> {
        (self.every > 0 && self.last != NEVER && self.next <= Self::close(self.session)).then_some(self.next)
    }

    /// The next row is answered.
    pub fn tick(&mut self) {
        self.answered = self.next;
        self.next = self.next.saturating_add(self.every);
    }

    /// Move past an event of the main stream that was admitted.
    pub fn pass(&mut self, ts: i64, session: i64, segment: i64) {
        if self.every > 0 {
            if self.last == NEVER || session != self.session {
                self.next = self.first(ts);
            } else if self.next < ts {
                self.next = self.first(ts.min(Self::close(session).saturating_add(1)));
            }
        }
        (self.last, self.session, self.segment) = (ts, session, segment);
    }

    pub fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        for word in [
            &mut self.next,
            &mut self.last,
            &mut self.answered,
            &mut self.session,
            &mut self.segment,
        ] {
            tape.i64(word)?;
        }
        Ok(())
    }
}

/// Multiples of `every` in `[next, last]`, `next` being one.
pub(super) fn between(next: i64, last: i64, every: i64) -> usize {
    if last < next {
        0
    } else {
        usize::try_from((last - next) / every + 1).unwrap_or(0)
    }
}
