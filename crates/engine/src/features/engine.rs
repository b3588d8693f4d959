//! The engine: history in blocks, a live stream event by event, through the same operators.

use serde::{Deserialize, Serialize};

use super::block::{Buffer, Events, Input, Step, absorb, evaluate_clock, evaluate_events, steps};
use super::clock::{Clock, NEVER, between};
use super::error::EngineError;
use super::graph::{Axis, Graph, Policy};
use super::history::BLOCK;
use super::operators::Body;
use super::table::{Answer, Each, Row, Sink, Table};
use super::tape::Tape;

const STATE_VERSION: u64 = 2;

/// Everything an engine remembers; restoring it continues to the bit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub version: u64,
    pub fingerprint: u64,
    pub words: Vec<u64>,
}

/// Evaluates one graph over one stream.
pub struct Engine {
    graph: Graph,
    fingerprint: u64,
    price: u32,
    outputs: Vec<u32>,
    /// Banks of nodes on events, then on the clock; columns are numbered in this order.
    events: Vec<Step>,
    clocked: Vec<Step>,
    clock: Clock,
    narrow: Buffer,
    wide: Buffer,
    row: Vec<f64>,
}

impl Engine {
    /// An engine that has seen nothing.
    ///
    /// # Errors
    /// `EngineError` for a graph that is not well formed or has tables without values.
    pub fn new(graph: &Graph) -> Result<Self, EngineError> {
        let axes = graph.axes()?;
        graph.fitted()?;
        let mut places = vec![0; axes.len()];
        let (clock, event): (Vec<usize>, Vec<usize>) = (0..axes.len()).partition(|id| axes[*id] == Axis::Clock);
        let events = steps(graph, &event, &axes, &mut places, 0)?;
        let clocked = steps(graph, &clock, &axes, &mut places, event.len())?;
        let every = graph.every.unwrap_or(0);
        let clock = Clock {
            every,
            next: 0,
            last: NEVER,
            answered: NEVER,
            session: 0,
            segment: 0,
        };
        let narrow = Buffer::new(&events, graph.nodes.len(), 1);
        let outputs: Vec<u32> = graph.features.iter().map(|feature| places[feature.node as usize]).collect();
        let row = vec![f64::NAN; outputs.len()];
        let fingerprint = graph.fingerprint();
        Ok(Self {
            graph: graph.clone(),
            fingerprint,
            price: places[graph.price as usize],
            outputs,
            events,
            clocked,
            clock,
            narrow,
            wide: Buffer::default(),
            row,
        })
    }

    /// The graph it evaluates.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// How many rows a batch of events would answer, without answering.
    ///
    /// # Errors
    /// As `batch`.
    pub fn count(&self, ts: &[i64], sessions: &[i64], segments: &[i64], until: Option<i64>) -> Result<usize, EngineError> {
        for column in [sessions.len(), segments.len()] {
            if column != ts.len() {
                return Err(EngineError::Lengths {
                    expected: ts.len(),
                    found: column,
                });
            }
        }
        if self.clock.every == 0 {
            if let Some(first) = ts.first() {
                self.clock.admit(0, *first)?;
            }
            return match ts.windows(2).position(|pair| pair[1] < pair[0]) {
                Some(i) => Err(EngineError::OutOfOrder {
                    row: i + 1,
                    ts: ts[i + 1],
                    last: ts[i],
                }),
                None => Ok(ts.len()),
            };
        }
        let mut clock = self.clock;
        let mut rows = 0;
        for (row, ts) in ts.iter().enumerate() {
            clock.admit(row, *ts)?;
            if clock.last != NEVER {
                rows += between(clock.next, ts.saturating_sub(1).min(Clock::close(clock.session)), clock.every);
            }
            clock.pass(*ts, sessions[row], segments[row]);
        }
        if let Some(until) = until.filter(|_| clock.last != NEVER) {
            clock.gap(ts.len(), until)?;
            rows += between(clock.next, until.min(Clock::close(clock.session)), clock.every);
        }
        Ok(rows)
    }

    /// Take many events in, in order, and give their rows to `sink`. Nothing is taken in when an error is returned.
    ///
    /// # Errors
    /// `EngineError` for columns that do not fit the graph or each other, and for events out of order.
    pub fn batch_into(
        &mut self,
        ts: &[i64],
        sessions: &[i64],
        segments: &[i64],
        columns: &[&[f64]],
        sink: &mut dyn Sink,
    ) -> Result<(), EngineError> {
        self.fits(columns.len())?;
        if let Some(column) = columns.iter().find(|column| column.len() != ts.len()) {
            return Err(EngineError::Lengths {
                expected: ts.len(),
                found: column.len(),
            });
        }
        self.count(ts, sessions, segments, None)?;
        if self.wide.stride == 0 {
            self.wide = Buffer::new(&self.events, self.graph.nodes.len(), BLOCK);
        }
        let mut buffer = std::mem::take(&mut self.wide);
        let mut at = 0;
        while at < ts.len() {
            let (session, segment) = (sessions[at], segments[at]);
            let end = (at + BLOCK).min(ts.len());
            let run = (at..end).take_while(|i| sessions[*i] == session && segments[*i] == segment).count();
            let columns = Input::Block { columns, at };
            self.block(
                &mut buffer,
                Events {
                    ts: &ts[at..at + run],
                    session,
                    segment,
                    columns,
                },
                sink,
            );
            at += run;
        }
        self.wide = buffer;
        Ok(())
    }

    /// Take many events in and return their rows; see `batch_into`.
    ///
    /// # Errors
    /// As `batch_into`.
    pub fn batch(&mut self, ts: &[i64], sessions: &[i64], segments: &[i64], columns: &[&[f64]]) -> Result<Table, EngineError> {
        let mut table = Table {
            width: self.outputs.len(),
            ..Table::default()
        };
        self.batch_into(ts, sessions, segments, columns, &mut table)?;
        Ok(table)
    }

    /// Take one event in; each row that it makes known goes to `call`. The state is untouched when an error is returned.
    ///
    /// # Errors
    /// `EngineError` for values that do not fit the graph and for an event out of order.
    pub fn push(&mut self, ts: i64, session: i64, segment: i64, values: &[f64], call: &mut dyn FnMut(Row<'_>)) -> Result<(), EngineError> {
        self.fits(values.len())?;
        self.clock.admit(0, ts)?;
        let (mut buffer, mut row) = (std::mem::take(&mut self.narrow), std::mem::take(&mut self.row));
        let events = Events {
            ts: &[ts],
            session,
            segment,
            columns: Input::One(values),
        };
        self.block(&mut buffer, events, &mut Each { row: &mut row, call });
        (self.narrow, self.row) = (buffer, row);
        Ok(())
    }

    /// Time has come to `ts` and no event at or before it will follow: rows of the grid up to it are answered.
    ///
    /// # Errors
    /// `EngineError::Gap` when that would be absurdly many rows.
    pub fn advance(&mut self, ts: i64, call: &mut dyn FnMut(Row<'_>)) -> Result<(), EngineError> {
        let mut row = std::mem::take(&mut self.row);
        let done = self.advance_into(ts, &mut Each { row: &mut row, call });
        self.row = row;
        done
    }

    /// As `advance`, into a sink.
    ///
    /// # Errors
    /// As `advance`.
    pub fn advance_into(&mut self, ts: i64, sink: &mut dyn Sink) -> Result<(), EngineError> {
        self.clock.gap(0, ts)?;
        let mut buffer = std::mem::take(&mut self.narrow);
        self.answer_before(&mut buffer, ts.saturating_add(1), sink);
        self.narrow = buffer;
        Ok(())
    }

    /// Everything the engine remembers.
    ///
    /// # Errors
    /// None in practice: writing a state cannot fail.
    pub fn save(&mut self) -> Result<State, EngineError> {
        let mut tape = Tape::Write(Vec::new());
        self.walk(&mut tape)?;
        let Tape::Write(words) = tape else {
            return Err(EngineError::state("it was read, not written"));
        };
        Ok(State {
            version: STATE_VERSION,
            fingerprint: self.fingerprint,
            words,
        })
    }

    /// Continue from a saved state of the same graph. On an error this engine is as new.
    ///
    /// # Errors
    /// `EngineError::State` for a state of another graph, version or length.
    pub fn restore(&mut self, state: &State) -> Result<(), EngineError> {
        if state.version != STATE_VERSION || state.fingerprint != self.fingerprint {
            return Err(EngineError::state("it belongs to another feature graph or version"));
        }
        let mut fresh = Self::new(&self.graph)?;
        let mut tape = Tape::Read {
            words: state.words.clone(),
            at: 0,
        };
        fresh.walk(&mut tape)?;
        if matches!(&tape, Tape::Read { words, at } if *at != words.len()) {
            return Err(EngineError::state("it is longer than this graph's"));
        }
        *self = fresh;
        Ok(())
    }

    fn walk(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        let clock = &mut self.clock;
        for word in [
            &mut clock.next,
            &mut clock.last,
            &mut clock.answered,
            &mut clock.session,
            &mut clock.segment,
        ] {
            tape.i64(word)?;
        }
        for step in self.events.iter_mut().chain(&mut self.clocked) {
            match &mut step.body {
                Body::Kernel(kernel) => kernel.tape(tape)?,
                Body::Sampler(sampler) => sampler.tape(tape)?,
                Body::Inputs(_) | Body::Constant(_) => {}
            }
        }
        Ok(())
    }

    fn fits(&self, found: usize) -> Result<(), EngineError> {
        let expected = self.graph.inputs.len();
        if found == expected {
            Ok(())
        } else {
            Err(EngineError::Columns { expected, found })
        }
    }

    /// Take events of one session and segment in: at most as many as the buffer holds.
    fn block(&mut self, buffer: &mut Buffer, events: Events<'_>, sink: &mut dyn Sink) {
        let (ts, session, segment) = (events.ts, events.session, events.segment);
        self.answer_before(buffer, ts[0], sink);
        self.enter(session, segment);
        self.clock.pass(ts[0], session, segment);
        evaluate_events(&mut self.events, buffer, events);
        if self.clock.every == 0 {
            self.clock.last = ts[ts.len() - 1];
            self.give(buffer, ts, sink);
            return;
        }
        let mut absorbed = 0;
        for (i, now) in ts.iter().enumerate().skip(1) {
            while self.clock.next < *now && self.clock.next <= Clock::close(session) {
                self.plan(buffer, i);
                if buffer.grid.len() == buffer.rows() {
                    absorbed = self.answer(buffer, ts, absorbed, sink);
                }
            }
            self.clock.pass(*now, session, segment);
        }
        absorbed = self.answer(buffer, ts, absorbed, sink);
        absorb(&mut self.clocked, buffer, ts, absorbed);
    }

    /// Forget what a new segment or session forbids to remember.
    fn enter(&mut self, session: i64, segment: i64) {
        let fresh = self.clock.last == NEVER;
        let opens = fresh || session != self.clock.session;
        let clears = fresh || segment != self.clock.segment || (opens && self.graph.session == Policy::Reset);
        if !opens && !clears {
            return;
        }
        for step in self.events.iter_mut().chain(&mut self.clocked) {
            match &mut step.body {
                Body::Kernel(kernel) if clears => kernel.reset(),
                Body::Kernel(kernel) => kernel.open(),
                Body::Sampler(sampler) if clears => sampler.reset(),
                _ => {}
            }
        }
    }

    /// Answer the rows of the grid before `ts` that no new event has a say in.
    fn answer_before(&mut self, buffer: &mut Buffer, ts: i64, sink: &mut dyn Sink) {
        if self.clock.every == 0 || self.clock.last == NEVER {
            return;
        }
        while self.clock.next < ts && self.clock.next <= Clock::close(self.clock.session) {
            self.plan(buffer, 0);
            if buffer.grid.len() == buffer.rows() {
                self.answer(buffer, &[], 0, sink);
            }
        }
        self.answer(buffer, &[], 0, sink);
    }

    fn plan(&mut self, buffer: &mut Buffer, upto: usize) {
        buffer.grid.push(self.clock.next);
        buffer.upto.push(upto);
        self.clock.answered = self.clock.next;
        self.clock.next = self.clock.next.saturating_add(self.clock.every);
    }

    /// Compute the planned rows and hand them on. Returns how many of the block's events have been absorbed.
    fn answer(&mut self, buffer: &mut Buffer, ts: &[i64], absorbed: usize, sink: &mut dyn Sink) -> usize {
        let Some(last) = buffer.upto.last().copied() else {
            return absorbed;
        };
        evaluate_clock(&mut self.clocked, buffer, ts, absorbed, self.clock.session);
        let grid = std::mem::take(&mut buffer.grid);
        self.give(buffer, &grid, sink);
        buffer.grid = grid;
        buffer.grid.clear();
        buffer.upto.clear();
        last
    }

    fn give(&self, buffer: &Buffer, ts: &[i64], sink: &mut dyn Sink) {
        sink.take(&Answer {
            ts,
            session: self.clock.session,
            segment: self.clock.segment,
            buffer: &buffer.data,
            stride: buffer.stride,
            price: self.price,
            features: &self.outputs,
        });
    }
}
