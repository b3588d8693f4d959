//! The engine: history in blocks, a live stream event by event, through the same operators.

use serde::{Deserialize, Serialize};

use super::block::{Buffer, Feed, Step, concerned, evaluate, evaluate_some, steps};
use super::clock::NEVER;
use super::error::EngineError;
use super::graph::{Graph, Policy};
use super::operators::Body;
use super::table::{Answer, Each, Row, Sink};
use super::tape::Tape;
use super::timeline::{Block, Timeline};

const STATE_VERSION: u64 = 3;

/// Everything an engine remembers; restoring it continues to the bit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub version: u64,
    pub fingerprint: u64,
    pub words: Vec<u64>,
}

/// Events of one stream in order. The session and segment of the main stream rule; those of its sides are not read and may be empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct Events<'a> {
    pub ts: &'a [i64],
    pub session: &'a [i64],
    pub segment: &'a [i64],
    pub columns: &'a [&'a [f64]],
}

/// Evaluates one graph over its streams.
pub struct Engine {
    pub(super) graph: Graph,
    fingerprint: u64,
    price: u32,
    outputs: Vec<u32>,
    warmups: Vec<u64>,
    /// Guards: the column of the stream's age, and the seconds allowed.
    guards: Vec<(u32, f64)>,
    /// Banks of nodes in the order they are computed.
    steps: Vec<Step>,
    /// Steps that a single row of an axis concerns, by axis.
    concerned: Vec<Vec<usize>>,
    /// Axes that a new segment or session does not touch: another instrument's, or a signal's.
    foreign: Vec<bool>,
    pub(super) timeline: Timeline,
    pub(super) block: Block,
    narrow: Buffer,
    pub(super) wide: Buffer,
    row: Vec<f64>,
    /// Rows answered since the session opened.
    answered: u64,
    /// The state of an engine that has seen nothing, once it has been asked for.
    blank: Option<Vec<u64>>,
}

impl Engine {
    /// An engine that has seen nothing.
    ///
    /// # Errors
    /// `EngineError` for a graph that is not well formed or has tables without values.
    pub fn new(graph: &Graph) -> Result<Self, EngineError> {
        graph.check()?;
        graph.fitted()?;
        let (steps, places) = steps(graph)?;
        let outputs: Vec<u32> = graph.features.iter().map(|feature| places[feature.node as usize]).collect();
        let guard = |guard: &super::graph::Guard| (places[guard.node as usize], guard.ttl as f64 / 1e9);
        Ok(Self {
            fingerprint: graph.fingerprint(),
            price: places[graph.price as usize],
            row: vec![f64::NAN; outputs.len()],
            outputs,
            warmups: graph.features.iter().map(|feature| feature.warmup).collect(),
            guards: graph.guards.iter().map(guard).collect(),
            foreign: graph.foreign(),
            timeline: Timeline::new(graph),
            block: Block::new(graph.axes()),
            narrow: Buffer::new(&steps, graph.nodes.len(), 1),
            wide: Buffer::default(),
            concerned: concerned(graph, &steps),
            steps,
            graph: graph.clone(),
            answered: 0,
            blank: None,
        })
    }

    /// The graph it evaluates.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Take one event of the main stream in; see `push_to`.
    ///
    /// # Errors
    /// As `push_to`.
    pub fn push(&mut self, ts: i64, session: i64, segment: i64, values: &[f64], call: &mut dyn FnMut(Row<'_>)) -> Result<(), EngineError> {
        self.push_to(0, (ts, session, segment), values, call)
    }

    /// Take one event of a stream in (0: the main one, then its sides), stamped (ts, session, segment); each row that it makes known goes to
    /// `call`.
    ///
    /// # Errors
    /// `EngineError` for values that do not fit the graph and for an event out of order: the state is untouched. `EngineError::Stale` where a
    /// stream that must be fresh is not: the event is taken in and the row withheld.
    pub fn push_to(
        &mut self,
        stream: usize,
        (ts, session, segment): (i64, i64, i64),
        values: &[f64],
        call: &mut dyn FnMut(Row<'_>),
    ) -> Result<(), EngineError> {
        self.fits(stream, values.len())?;
        self.timeline.clock.admit(0, ts, self.timeline.now)?;
        let (mut buffer, mut row) = (std::mem::take(&mut self.narrow), std::mem::take(&mut self.row));
        let mut sink = Each { row: &mut row, call };
        let mut done = self.pass(ts, &mut buffer, Feed::None, &mut sink);
        if stream == 0 {
            self.enter(ts, session, segment);
        }
        self.timeline.event(stream, ts, session, segment, &mut self.block);
        let last = self.flush(&mut buffer, Feed::One(values), &mut sink);
        done = done.and(last);
        (self.narrow, self.row) = (buffer, row);
        done
    }

    /// Time has come to `ts` and no event at or before it will follow: rows up to it are answered.
    ///
    /// # Errors
    /// `EngineError::Gap` when that would be absurdly many rows, `EngineError::Stale` as `push_to`.
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
        self.timeline.clock.gap(0, ts)?;
        let mut buffer = std::mem::take(&mut self.narrow);
        let done = self.pass(ts.saturating_add(1), &mut buffer, Feed::None, sink);
        self.narrow = buffer;
        done
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

    /// Forget everything: the engine is as new, for much less than a new one costs.
    ///
    /// # Errors
    /// None in practice: the graph has been an engine's before.
    pub fn clear(&mut self) -> Result<(), EngineError> {
        let words = match self.blank.take() {
            Some(words) => words,
            None => Self::new(&self.graph)?.save()?.words,
        };
        let mut tape = Tape::Read { words, at: 0 };
        self.walk(&mut tape)?;
        if let Tape::Read { words, .. } = tape {
            self.blank = Some(words);
        }
        Ok(())
    }

    fn walk(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.timeline.tape(tape)?;
        tape.u64(&mut self.answered)?;
        for step in &mut self.steps {
            match &mut step.body {
                Body::Kernel(kernel) => kernel.tape(tape)?,
                Body::Sampler(_, sampler) => sampler.tape(tape)?,
                Body::Maker(_, maker) => maker.tape(tape)?,
                Body::Inputs(_) | Body::Constant(_) => {}
            }
        }
        Ok(())
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether a stream exists and has so many columns.
    pub(super) fn fits(&self, stream: usize, found: usize) -> Result<(), EngineError> {
        let expected = match stream.checked_sub(1) {
            None => self.graph.inputs.len(),
            Some(side) => match self.graph.sides.get(side) {
                Some(side) => side.inputs.len(),
                None => {
                    return Err(EngineError::Stream {
                        found: stream,
                        streams: self.graph.streams(),
                    });
                }
            },
        };
        if found == expected {
            Ok(())
        } else {
            Err(EngineError::Columns { expected, found })
        }
    }

    /// Answer the rows that time makes before an event at `ts`.
    pub(super) fn pass(&mut self, ts: i64, buffer: &mut Buffer, feed: Feed<'_>, sink: &mut dyn Sink) -> Result<(), EngineError> {
        let mut done = Ok(());
        if self.timeline.waits(ts) {
            while self.timeline.step(ts, &mut self.block) {
                done = done.and(self.flush(buffer, feed, sink));
            }
        }
        done
    }

    /// Forget what a new segment or session of the main stream forbids to remember.
    pub(super) fn enter(&mut self, ts: i64, session: i64, segment: i64) {
        let clock = &self.timeline.clock;
        let fresh = clock.last == NEVER;
        let opens = fresh || session != clock.session;
        let clears = !fresh && (segment != clock.segment || (opens && self.graph.session == Policy::Reset));
        if !opens && !clears {
            return;
        }
        self.answered = 0;
        self.timeline.open(ts, clears);
        for step in &mut self.steps {
            match &mut step.body {
                Body::Sampler(from, _) | Body::Maker(from, _) if self.foreign[*from] => {}
                Body::Kernel(_) if self.foreign[step.axis] => {}
                Body::Kernel(kernel) if clears => kernel.reset(),
                Body::Kernel(kernel) => kernel.open(),
                Body::Sampler(_, sampler) if clears => sampler.reset(),
                Body::Maker(_, maker) if clears => maker.reset(),
                _ => {}
            }
        }
    }

    /// Compute the rows of the block and hand those of the clock on.
    pub(super) fn flush(&mut self, buffer: &mut Buffer, feed: Feed<'_>, sink: &mut dyn Sink) -> Result<(), EngineError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let session = self.timeline.clock.session;
        if self.concerned.len() > 1 && buffer.stride == 1 {
            let some = &self.concerned[self.block.lead];
            evaluate_some(&mut self.steps, some, buffer, &mut self.block, feed, session);
        } else {
            evaluate(&mut self.steps, buffer, &mut self.block, feed, session);
        }
        let ts = &self.block.tracks[self.graph.clock as usize].ts;
        let stale = self.stale(buffer, ts);
        if stale.is_none() && !ts.is_empty() {
            sink.take(&Answer {
                ts,
                session,
                segment: self.timeline.clock.segment,
                buffer: buffer.columns(),
                stride: buffer.stride,
                price: self.price,
                features: &self.outputs,
                mask: (self.graph.session == Policy::Mask).then_some((&self.warmups, self.answered)),
            });
        }
        self.answered += ts.len() as u64;
        self.block.clear();
        stale.map_or(Ok(()), Err)
    }

    /// The first row that a silent stream forbids.
    fn stale(&self, buffer: &Buffer, ts: &[i64]) -> Option<EngineError> {
        self.guards.iter().enumerate().find_map(|(i, (column, ttl))| {
            let ages = &buffer.columns()[*column as usize * buffer.stride..][..ts.len()];
            let row = ages.iter().position(|age| age > ttl)?;
            Some(EngineError::Stale {
                stream: self.graph.guards[i].stream.clone(),
                ts: ts[row],
                seconds: ages[row] as u64,
            })
        })
    }
}
