//! Rows made of rows: bars of time, buckets of volume, echoes.

use std::collections::VecDeque;

use super::error::EngineError;
use super::graph::How;
use super::kernel::Args;
use super::math::{Pair, tame};
use super::tape::Tape;
use super::timeline::Block;

/// One column of the bar that is open.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    how: How,
    value: f64,
    sum: Pair,
}

impl Cell {
    pub fn new(how: How) -> Self {
        let mut cell = Self {
            how,
            value: f64::NAN,
            sum: Pair::default(),
        };
        cell.clear();
        cell
    }

    fn clear(&mut self) {
        // a sum starts at nothing, everything else at not known
        self.value = if self.how == How::Sum { 0.0 } else { f64::NAN };
        self.sum = Pair::default();
    }

    /// A row enters, or a share of it. A sum with a NaN inside is NaN; the others skip it.
    fn enter(&mut self, x: f64, share: f64) {
        match self.how {
            How::Sum if x.is_nan() => self.value = f64::NAN,
            How::Sum => self.sum.add(x * share, 0.0),
            _ if x.is_nan() => {}
            How::First if !self.value.is_nan() => {}
            How::Max if x <= self.value => {}
            How::Min if x >= self.value => {}
            _ => self.value = x,
        }
    }

    fn answer(&self) -> f64 {
        if self.how == How::Sum {
            tame(self.value + self.sum.value())
        } else {
            self.value
        }
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        tape.f64(&mut self.value)?;
        tape.f64(&mut self.sum.high)?;
        tape.f64(&mut self.sum.low)
    }
}

/// What the rows of a derived axis are made of. Column `i` reads argument `i`; a measure is the last argument.
pub(super) enum Maker {
    Bars(Vec<Cell>),
    Buckets { size: f64, filled: f64, cells: Vec<Cell> },
    Echo(VecDeque<f64>),
}

impl Maker {
    /// Take the source's rows in and fill the columns of the axis; buckets add their rows to the block.
    pub fn update(&mut self, axis: usize, from: usize, args: Args<'_>, block: &mut Block, out: &mut [f64]) {
        if let Self::Buckets { size, filled, cells } = self {
            return fill(*size, filled, cells, (axis, from), args, block, out);
        }
        let (source, made) = (&block.tracks[from], &block.tracks[axis]);
        let mut taken = 0;
        for (r, place) in made.place.iter().enumerate() {
            let upto = taken + source.place[taken..].iter().take_while(|seen| *seen <= place).count();
            self.absorb(args, taken, upto);
            taken = upto;
            match self {
                Self::Bars(cells) => {
                    for (cell, out) in cells.iter_mut().zip(out.chunks_mut(args.stride)) {
                        out[r] = cell.answer();
                        cell.clear();
                    }
                }
                Self::Echo(queue) => {
                    for (out, x) in out.chunks_mut(args.stride).zip(queue.drain(..args.ids.len().min(queue.len()))) {
                        out[r] = x;
                    }
                }
                Self::Buckets { .. } => {}
            }
        }
        self.absorb(args, taken, source.ts.len());
    }

    fn absorb(&mut self, args: Args<'_>, from: usize, to: usize) {
        match self {
            Self::Bars(cells) => {
                for (i, cell) in cells.iter_mut().enumerate() {
                    args.get(i)[from..to].iter().for_each(|x| cell.enter(*x, 1.0));
                }
            }
            Self::Echo(queue) => (from..to).for_each(|r| queue.extend((0..args.ids.len()).map(|i| args.get(i)[r]))),
            Self::Buckets { .. } => {}
        }
    }

    pub fn reset(&mut self) {
        match self {
            Self::Bars(cells) => cells.iter_mut().for_each(Cell::clear),
            Self::Buckets { filled, cells, .. } => {
                *filled = 0.0;
                cells.iter_mut().for_each(Cell::clear);
            }
            Self::Echo(queue) => queue.clear(),
        }
    }

    pub fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        match self {
            Self::Bars(cells) => cells.iter_mut().try_for_each(|cell| cell.tape(tape)),
            Self::Buckets { filled, cells, .. } => {
                tape.f64(filled)?;
                cells.iter_mut().try_for_each(|cell| cell.tape(tape))
            }
            Self::Echo(queue) => tape.numbers(queue),
        }
    }
}

/// Fill buckets: at most one closes per row, so that a huge trade closes one with each of the rows that follow it.
fn fill(size: f64, filled: &mut f64, cells: &mut [Cell], axes: (usize, usize), args: Args<'_>, block: &mut Block, out: &mut [f64]) {
    let measure = args.get(cells.len());
    for (r, m) in measure.iter().enumerate() {
        let m = if *m > 0.0 { *m } else { 0.0 };
        // what one row carried over may fill a bucket by itself: then the bucket is a share of it, and this row comes after
        let before = if *filled >= size { size / *filled } else { 0.0 };
        let closes = before > 0.0 || *filled + m >= size;
        let inside = if before > 0.0 { 0.0 } else { (size - *filled).min(m) / m };
        *filled += m;
        if closes {
            *filled -= size;
            let row = block.tracks[axes.0].ts.len();
            for (i, (cell, out)) in cells.iter_mut().zip(out.chunks_mut(args.stride)).enumerate() {
                let x = args.get(i)[r];
                if before > 0.0 {
                    out[row] = if cell.how == How::Sum {
                        tame(cell.answer() * before)
                    } else {
                        cell.answer()
                    };
                    let rest = Cell {
                        sum: Pair {
                            high: cell.sum.value() * (1.0 - before),
                            low: 0.0,
                        },
                        ..*cell
                    };
                    *cell = rest;
                    cell.enter(x, 1.0);
                } else {
                    cell.enter(x, if m > 0.0 { inside } else { 1.0 });
                    out[row] = cell.answer();
                    cell.clear();
                    if *filled > 0.0 {
                        cell.enter(x, 1.0 - inside);
                    }
                }
            }
            let (ts, place) = (block.tracks[axes.1].ts[r], block.tracks[axes.1].place[r]);
            let track = &mut block.tracks[axes.0];
            track.ts.push(ts);
            track.place.push(place);
        } else {
            for (i, cell) in cells.iter_mut().enumerate() {
                cell.enter(args.get(i)[r], 1.0);
            }
        }
    }
}
