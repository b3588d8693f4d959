//! The order in which rows come: events of all streams, and the rows that time makes (bars, echoes, the grid) between them.

use std::collections::VecDeque;

use super::calendar::Zone;
use super::clock::{Clock, NEVER};
use super::error::EngineError;
use super::graph::{Derived, Graph};
use super::tape::Tape;

/// Rows of one axis in a block: their stamps, and the place of each in the order of all rows. A row sees what has no later place.
#[derive(Default)]
pub(super) struct Track {
    pub ts: Vec<i64>,
    pub place: Vec<u32>,
}

/// Rows of a block, axis by axis. All events of a block are of one session and segment.
#[derive(Default)]
pub(super) struct Block {
    pub tracks: Vec<Track>,
    places: u32,
    longest: usize,
    /// Axis of the row at the last place; rows that come with it are made of it.
    pub lead: usize,
}

impl Block {
    pub fn new(axes: usize) -> Self {
        Self {
            tracks: (0..axes).map(|_| Track::default()).collect(),
            places: 0,
            longest: 0,
            lead: 0,
        }
    }

    pub fn clear(&mut self) {
        for track in &mut self.tracks {
            track.ts.clear();
            track.place.clear();
        }
        (self.places, self.longest) = (0, 0);
    }

    /// Rows of the axis that has most.
    pub fn longest(&self) -> usize {
        self.longest
    }

    pub fn is_empty(&self) -> bool {
        self.places == 0
    }

    /// A row at the last place.
    fn join(&mut self, axis: usize, ts: i64) {
        let track = &mut self.tracks[axis];
        track.ts.push(ts);
        track.place.push(self.places.saturating_sub(1));
        self.longest = self.longest.max(track.ts.len());
    }

    /// A row at a new place.
    fn add(&mut self, axis: usize, ts: i64) {
        self.places += 1;
        self.lead = axis;
        self.join(axis, ts);
    }

    /// Many rows of one axis at places of their own.
    fn extend(&mut self, axis: usize, ts: &[i64]) {
        let track = &mut self.tracks[axis];
        let from = self.places;
        track.ts.extend_from_slice(ts);
        track.place.extend((from..).take(ts.len()));
        self.places += u32::try_from(ts.len()).unwrap_or(0);
        self.longest = self.longest.max(track.ts.len());
    }
}

/// Rows that the events of one stream or the passing of time bring about.
enum Timed {
    Bars {
        of: usize,
        ns: i64,
        closed: bool,
        zone: Option<Zone>,
        shift: i64,
        /// Close of the bar that is open.
        end: i64,
    },
    Echo {
        of: usize,
        ns: i64,
        due: VecDeque<i64>,
    },
    Nth {
        of: usize,
        n: u64,
        seen: u64,
    },
}

/// Where each stream and the clock stand.
pub(super) struct Timeline {
    pub clock: Clock,
    /// Axis of the grid's rows.
    grid: usize,
    made: Vec<(usize, Timed)>,
    /// Axes that the main stream's sessions and segments do not concern.
    foreign: Vec<bool>,
    /// Stamp of the last event of any stream.
    pub now: i64,
    /// An event at this stamp or later waits for rows that time makes.
    due: i64,
}

impl Timeline {
    pub fn new(graph: &Graph) -> Self {
        let mut made = Vec::new();
        let (mut every, mut grid) = (0, 0);
        for (i, derived) in graph.derived.iter().enumerate() {
            let (axis, of) = (graph.streams() + i, derived.of() as usize);
            let timed = match derived {
                Derived::Every { ns } => {
                    (every, grid) = (*ns, axis);
                    continue;
                }
                Derived::Buckets { .. } => continue,
                Derived::Nth { n, .. } => Timed::Nth { of, n: *n, seen: 0 },
                Derived::Delay { ns, .. } => Timed::Echo {
                    of,
                    ns: *ns,
                    due: VecDeque::new(),
                },
                Derived::Bars { ns, closed, zone, .. } => Timed::Bars {
                    of,
                    ns: *ns,
                    closed: *closed,
                    zone: zone.and_then(|zone| graph.zones.get(zone as usize)).cloned(),
                    shift: 0,
                    end: NEVER,
                },
            };
            made.push((axis, timed));
        }
        Self {
            clock: Clock::new(every, graph.features.len()),
            grid,
            made,
            foreign: graph.foreign(),
            now: NEVER,
            due: i64::MAX,
        }
    }

    /// Whether rows come from events of the main stream alone, one for one.
    pub fn plain(&self) -> bool {
        self.clock.every == 0 && self.made.is_empty()
    }

    /// Whether an event at `ts` waits for rows that time makes first.
    pub fn waits(&self, ts: i64) -> bool {
        ts >= self.due
    }

    /// The next row that time makes before an event at `ts`, or none. Bars come before echoes and those before the grid.
    pub fn step(&mut self, ts: i64, block: &mut Block) -> bool {
        let mut first: Option<(i64, u8, usize)> = None;
        let close = Clock::close(self.clock.session);
        for (i, (axis, timed)) in self.made.iter().enumerate() {
            let close = if self.foreign[*axis] { i64::MAX } else { close };
            let Some((stamp, due, class)) = timed.next(close) else { continue };
            if due <= ts && first.is_none_or(|first| (stamp, class) < (first.0, first.1)) {
                first = Some((stamp, class, i));
            }
        }
        let grid = self.clock.due().filter(|stamp| *stamp < ts);
        match (first, grid) {
            (Some((stamp, _, i)), grid) if grid.is_none_or(|grid| stamp <= grid) => {
                let (axis, timed) = &mut self.made[i];
                block.add(*axis, stamp);
                match timed {
                    Timed::Bars { end, .. } => *end = NEVER,
                    Timed::Echo { due, .. } => _ = due.pop_front(),
                    Timed::Nth { .. } => {}
                }
            }
            (_, Some(stamp)) => {
                block.add(self.grid, stamp);
                self.clock.tick();
            }
            _ => {
                self.look();
                return false;
            }
        }
        self.look();
        true
    }

    /// When the next row is due that time makes.
    fn look(&mut self) {
        let close = Clock::close(self.clock.session);
        let next = |(axis, timed): &(usize, Timed)| timed.next(if self.foreign[*axis] { i64::MAX } else { close });
        let made = self.made.iter().filter_map(next).map(|(_, due, _)| due);
        let grid = self.clock.due().map(|stamp| stamp.saturating_add(1));
        self.due = made.chain(grid).min().unwrap_or(i64::MAX);
    }

    /// An event of stream `axis` at `ts`: its row, and those that come with it.
    pub fn event(&mut self, axis: usize, ts: i64, session: i64, segment: i64, block: &mut Block) {
        self.now = ts;
        block.add(axis, ts);
        if axis == 0 {
            self.clock.pass(ts, session, segment);
        }
        let close = Clock::close(self.clock.session);
        let mut changed = axis == 0 && self.clock.every > 0;
        for (made, timed) in &mut self.made {
            if timed.of() == axis {
                changed = true;
                // an event beyond the close is of no session that is known: nothing cuts its bars
                let close = if self.foreign[*made] || ts > close { i64::MAX } else { close };
                if let Some(stamp) = timed.take(ts, close) {
                    block.join(*made, stamp);
                }
            }
        }
        if changed {
            self.look();
        }
    }

    /// Events of the main stream where nothing else happens.
    pub fn events(&mut self, ts: &[i64], session: i64, segment: i64, block: &mut Block) {
        block.extend(0, ts);
        if let Some(last) = ts.last() {
            self.now = *last;
            self.clock.pass(*last, session, segment);
        }
    }

    /// A new session has begun with an event at `ts`; `clears` where nothing of the past may stay.
    pub fn open(&mut self, ts: i64, clears: bool) {
        for (axis, timed) in &mut self.made {
            let clears = clears && !self.foreign[*axis];
            match timed {
                Timed::Bars { zone, shift, end, .. } => {
                    if clears {
                        *end = NEVER;
                    }
                    *shift = zone.as_ref().map_or(0, |zone| zone.offset(ts));
                }
                Timed::Echo { due, .. } if clears => due.clear(),
                Timed::Nth { seen, .. } if !self.foreign[*axis] => *seen = 0,
                Timed::Echo { .. } | Timed::Nth { .. } => {}
            }
        }
        self.look();
    }

    pub fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.clock.tape(tape)?;
        tape.i64(&mut self.now)?;
        for (_, timed) in &mut self.made {
            match timed {
                Timed::Bars { shift, end, .. } => {
                    tape.i64(shift)?;
                    tape.i64(end)?;
                }
                Timed::Echo { due, .. } => tape.stamps(due)?,
                Timed::Nth { seen, .. } => tape.u64(seen)?,
            }
        }
        self.look();
        Ok(())
    }
}

impl Timed {
    fn of(&self) -> usize {
        match self {
            Self::Bars { of, .. } | Self::Echo { of, .. } | Self::Nth { of, .. } => *of,
        }
    }

    /// The next row time will make: its stamp, from when on events wait for it, and its rank among equal stamps.
    fn next(&self, close: i64) -> Option<(i64, i64, u8)> {
        match self {
            Self::Bars { end: NEVER, .. } | Self::Nth { .. } => None,
            // an event at the bar's end belongs to the next bar, but at the session's close to the last
            Self::Bars { closed, end, .. } => Some((*end, if *closed || *end == close { end.saturating_add(1) } else { *end }, 0)),
            Self::Echo { due, .. } => due.front().map(|stamp| (*stamp, stamp.saturating_add(1), 1)),
        }
    }

    /// An event of the stream it is made of; the stamp of the row that comes with it, if one does.
    fn take(&mut self, ts: i64, close: i64) -> Option<i64> {
        match self {
            Self::Bars {
                ns, closed, shift, end, ..
            } => {
                if *end == NEVER {
                    // the bar's half-open interval holds this moment
                    let inside = if *closed {
                        ts.saturating_sub(1)
                    } else {
                        ts.min(close.saturating_sub(1))
                    };
                    let start = inside
                        .saturating_add(*shift)
                        .div_euclid(*ns)
                        .saturating_mul(*ns)
                        .saturating_sub(*shift);
                    *end = start.saturating_add(*ns).min(close);
                }
                (*closed && ts >= *end).then(|| std::mem::replace(end, NEVER))
            }
            Self::Echo { ns, due, .. } => {
                due.push_back(ts.saturating_add(*ns));
                None
            }
            Self::Nth { n, seen, .. } => {
                *seen += 1;
                (*seen == *n).then(|| {
                    *seen = 0;
                    ts
                })
            }
        }
    }
}
