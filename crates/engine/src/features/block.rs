//! A block of rows: where its columns stand and how each node fills its own.

use super::error::EngineError;
use super::graph::{Axis, Graph};
use super::kernel::{Args, Rows};
use super::math::tame;
use super::operators::{Body, build};
use super::schedule::banks;

/// One bank of nodes: `width` columns from `first` on.
pub(super) struct Step {
    pub first: usize,
    pub width: usize,
    pub args: Vec<u32>,
    pub body: Body,
}

/// The banks of `members` in the order they are computed; `places` learns which column each node fills, from `first` on.
pub(super) fn steps(
    graph: &Graph,
    members: &[usize],
    axes: &[Axis],
    places: &mut [u32],
    mut first: usize,
) -> Result<Vec<Step>, EngineError> {
    let mut steps = Vec::new();
    for bank in banks(&graph.nodes, members) {
        for (place, id) in (first..).zip(&bank) {
            places[*id] = u32::try_from(place).map_err(|_| EngineError::graph(*id, "too many nodes"))?;
        }
        let args = bank.iter().flat_map(|id| &graph.nodes[*id].args).map(|arg| places[*arg as usize]);
        steps.push(Step {
            first,
            width: bank.len(),
            args: args.collect(),
            body: build(graph, &bank, axes)?,
        });
        first += bank.len();
    }
    Ok(steps)
}

/// Where a block is computed: one column of `stride` places per node.
#[derive(Default)]
pub(super) struct Buffer {
    pub data: Vec<f64>,
    pub stride: usize,
    pub grid: Vec<i64>,
    pub upto: Vec<usize>,
}

impl Buffer {
    /// A few places more than a power of two, lest all columns fall on the same lines of the cache.
    pub fn new(steps: &[Step], nodes: usize, rows: usize) -> Self {
        let stride = if rows == 1 { 1 } else { rows + 8 };
        let mut data = vec![f64::NAN; nodes * stride];
        for step in steps {
            if let Body::Constant(value) = step.body {
                data[step.first * stride..(step.first + 1) * stride].fill(value);
            }
        }
        Self {
            data,
            stride,
            grid: Vec::with_capacity(rows),
            upto: Vec::with_capacity(rows),
        }
    }

    pub fn rows(&self) -> usize {
        if self.stride == 1 { 1 } else { self.stride - 8 }
    }
}

/// Events of one session and segment, column by column, from `at` on.
#[derive(Clone, Copy)]
pub(super) struct Events<'a> {
    pub ts: &'a [i64],
    pub session: i64,
    pub segment: i64,
    pub columns: Input<'a>,
}

#[derive(Clone, Copy)]
pub(super) enum Input<'a> {
    Block { columns: &'a [&'a [f64]], at: usize },
    One(&'a [f64]),
}

pub(super) fn evaluate_events(steps: &mut [Step], buffer: &mut Buffer, events: Events<'_>) {
    let (n, stride) = (events.ts.len(), buffer.stride);
    let rows = Rows {
        ts: events.ts,
        session: events.session,
    };
    for step in steps {
        let (before, rest) = buffer.data.split_at_mut(step.first * stride);
        let out = &mut rest[..(step.width - 1) * stride + n];
        match (&mut step.body, events.columns) {
            (Body::Inputs(inputs), Input::Block { columns, at }) => {
                for (out, column) in out.chunks_mut(stride).zip(inputs) {
                    for (out, x) in out.iter_mut().zip(&columns[*column][at..at + n]) {
                        *out = tame(*x);
                    }
                }
            }
            (Body::Inputs(inputs), Input::One(values)) => {
                for (out, column) in out.iter_mut().zip(inputs) {
                    *out = tame(values[*column]);
                }
            }
            (Body::Kernel(kernel), _) => kernel.update(
                rows,
                Args {
                    buffer: before,
                    stride,
                    ids: &step.args,
                    rows: n,
                },
                out,
            ),
            (Body::Constant(_) | Body::Sampler(_), _) => {}
        }
    }
}

pub(super) fn evaluate_clock(steps: &mut [Step], buffer: &mut Buffer, ts: &[i64], absorbed: usize, session: i64) {
    let (n, stride) = (buffer.grid.len(), buffer.stride);
    let rows = Rows { ts: &buffer.grid, session };
    for step in steps {
        let (before, rest) = buffer.data.split_at_mut(step.first * stride);
        let out = &mut rest[..(step.width - 1) * stride + n];
        match &mut step.body {
            Body::Kernel(kernel) => kernel.update(
                rows,
                Args {
                    buffer: before,
                    stride,
                    ids: &step.args,
                    rows: n,
                },
                out,
            ),
            Body::Sampler(sampler) => {
                let x = Args {
                    buffer: before,
                    stride,
                    ids: &step.args,
                    rows: ts.len(),
                }
                .get(0);
                let mut from = absorbed;
                for (r, out) in out.iter_mut().enumerate() {
                    let upto = buffer.upto[r].max(from);
                    sampler.absorb(&ts[from..upto], &x[from..upto]);
                    from = upto;
                    *out = sampler.answer(rows.ts[r]);
                }
            }
            Body::Inputs(_) | Body::Constant(_) => {}
        }
    }
}

pub(super) fn absorb(steps: &mut [Step], buffer: &Buffer, ts: &[i64], absorbed: usize) {
    for step in steps {
        if let Body::Sampler(sampler) = &mut step.body {
            let x = Args {
                buffer: &buffer.data,
                stride: buffer.stride,
                ids: &step.args,
                rows: ts.len(),
            }
            .get(0);
            sampler.absorb(&ts[absorbed..], &x[absorbed..]);
        }
    }
}
