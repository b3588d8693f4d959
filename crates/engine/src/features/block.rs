//! How a block of rows is computed: each node fills its own column of the buffer.

use super::error::EngineError;
use super::graph::Graph;
use super::kernel::{Args, Rows, Sampler, Taken};
use super::math::tame;
use super::operators::{Body, build, reads};
use super::schedule::banks;
use super::timeline::Block;
use super::vector::{Work, widest};

/// One bank of nodes of one axis: `width` columns from `first` on.
pub(super) struct Step {
    pub axis: usize,
    pub first: usize,
    pub width: usize,
    pub args: Vec<u32>,
    pub body: Body,
}

/// The banks of a graph in the order they are computed, and the column each node fills.
pub(super) fn steps(graph: &Graph) -> Result<(Vec<Step>, Vec<u32>), EngineError> {
    let mut steps = Vec::new();
    let mut places = vec![0; graph.nodes.len()];
    let mut first = 0;
    for bank in banks(graph) {
        for (place, id) in (first..).zip(&bank) {
            places[*id] = u32::try_from(place).map_err(|_| EngineError::graph(*id, "too many nodes"))?;
        }
        steps.push(Step {
            axis: graph.nodes[bank[0]].axis.unwrap_or(0) as usize,
            first,
            width: bank.len(),
            args: reads(graph, &bank).into_iter().map(|arg| places[arg as usize]).collect(),
            body: build(graph, &bank)?,
        });
        first += bank.len();
    }
    if first < graph.nodes.len() {
        return Err(EngineError::graph(first, "bars that are made of themselves"));
    }
    Ok((steps, places))
}

/// Where a block is computed: one column of `stride` places per node.
#[derive(Default)]
pub(super) struct Buffer {
    data: Vec<f64>,
    /// Places before the first whole line of the cache, where the first column starts.
    skip: usize,
    pub stride: usize,
}

/// Doubles in a line of the cache.
const LINE: usize = 8;

impl Buffer {
    /// A few places more than a power of two, lest all columns fall on the same lines of the cache.
    pub fn new(steps: &[Step], nodes: usize, rows: usize) -> Self {
        let stride = if rows == 1 { 1 } else { rows + 8 };
        let data = vec![f64::NAN; nodes * stride + LINE];
        let skip = data.as_ptr().align_offset(LINE * size_of::<f64>()).min(LINE);
        let mut buffer = Self { data, skip, stride };
        for step in steps {
            if let Body::Constant(value) = step.body {
                buffer.columns_mut()[step.first * stride..(step.first + 1) * stride].fill(value);
            }
        }
        buffer
    }

    /// All columns.
    pub fn columns(&self) -> &[f64] {
        &self.data[self.skip..]
    }

    fn columns_mut(&mut self) -> &mut [f64] {
        &mut self.data[self.skip..]
    }

    /// Rows that fit.
    pub fn rows(&self) -> usize {
        if self.stride == 1 { 1 } else { self.stride - 8 }
    }
}

/// Where the inputs of a block's events come from.
#[derive(Clone, Copy)]
pub(super) enum Feed<'a> {
    /// Columns of every stream, each from its own row on.
    Blocks { streams: &'a [&'a [&'a [f64]]], from: &'a [usize] },
    /// One event, of the columns of one row.
    One(&'a [f64]),
    /// Time alone has passed.
    None,
}

/// Raw numbers of one input column and where they go.
struct Taming<'a> {
    from: &'a [f64],
    to: &'a mut [f64],
}

impl Work for Taming<'_> {
    #[inline(always)]
    fn run(self) {
        for (to, x) in self.to.iter_mut().zip(self.from) {
            *to = tame(*x);
        }
    }
}

impl Feed<'_> {
    fn fill(self, axis: usize, inputs: &[usize], rows: usize, stride: usize, out: &mut [f64]) {
        match self {
            Self::Blocks { streams, from } => {
                for (out, column) in out.chunks_mut(stride).zip(inputs) {
                    let from = &streams[axis][*column][from[axis]..][..rows];
                    widest(Taming { from, to: out });
                }
            }
            Self::One(values) => {
                for (out, column) in out.iter_mut().zip(inputs) {
                    *out = tame(values[*column]);
                }
            }
            Self::None => {}
        }
    }
}

/// Compute every row of the block.
pub(super) fn evaluate(steps: &mut [Step], buffer: &mut Buffer, block: &mut Block, feed: Feed<'_>, session: i64) {
    let stride = buffer.stride;
    let columns = buffer.columns_mut();
    for step in steps {
        compute(step, columns, stride, block, feed, session);
    }
}

/// Compute the rows of a block that only these steps have a say in; see `concerned`.
pub(super) fn evaluate_some(steps: &mut [Step], some: &[usize], buffer: &mut Buffer, block: &mut Block, feed: Feed<'_>, session: i64) {
    let stride = buffer.stride;
    let columns = buffer.columns_mut();
    for i in some {
        compute(&mut steps[*i], columns, stride, block, feed, session);
    }
}

/// For each axis the steps that a single row of it concerns: those on it or on rows that come with it, and those that carry either over.
pub(super) fn concerned(graph: &Graph, steps: &[Step]) -> Vec<Vec<usize>> {
    let made = |axis: usize, lead: usize| graph.maker(axis).is_some_and(|derived| derived.of() as usize == lead);
    let touches = |axis: usize, lead: usize| axis == lead || made(axis, lead);
    let concerns = |step: &Step, lead: usize| match &step.body {
        Body::Constant(_) => false,
        Body::Sampler(from, _) | Body::Maker(from, _) => touches(*from, lead) || touches(step.axis, lead),
        Body::Kernel(_) | Body::Inputs(_) => touches(step.axis, lead),
    };
    let of = |lead: usize| (0..steps.len()).filter(|i| concerns(&steps[*i], lead)).collect();
    (0..graph.axes()).map(of).collect()
}

#[inline(always)]
fn compute(step: &mut Step, columns: &mut [f64], stride: usize, block: &mut Block, feed: Feed<'_>, session: i64) {
    let kernel = match &mut step.body {
        Body::Kernel(kernel) => kernel,
        Body::Constant(_) => return,
        _ => return between(step, columns, stride, block, feed),
    };
    let ts: &[i64] = &block.tracks[step.axis].ts;
    if !ts.is_empty() {
        let (before, rest) = columns.split_at_mut(step.first * stride);
        let args = Args {
            buffer: before,
            stride,
            ids: &step.args,
            rows: ts.len(),
        };
        kernel.update(Rows { ts, session }, args, &mut rest[..(step.width - 1) * stride + ts.len()]);
    }
}

/// Compute what comes from outside or from another axis. Apart from `evaluate`, whose loop stays in registers without it.
#[inline(never)]
fn between(step: &mut Step, columns: &mut [f64], stride: usize, block: &mut Block, feed: Feed<'_>) {
    let n = block.tracks[step.axis].ts.len();
    let (before, rest) = columns.split_at_mut(step.first * stride);
    let args = |rows: usize| Args {
        buffer: before,
        stride,
        ids: &step.args,
        rows,
    };
    match &mut step.body {
        Body::Inputs(inputs) if n > 0 => feed.fill(step.axis, inputs, n, stride, &mut rest[..(step.width - 1) * stride + n]),
        Body::Sampler(from, sampler) => carry(
            sampler.as_mut(),
            (*from, step.axis),
            block,
            args(block.tracks[*from].ts.len()),
            rest,
        ),
        Body::Maker(from, maker) => {
            let args = args(block.tracks[*from].ts.len());
            maker.update(step.axis, *from, args, block, &mut rest[..step.width * stride]);
        }
        Body::Constant(_) | Body::Kernel(_) | Body::Inputs(_) => {}
    }
}

/// Answer the rows of the axis `to` from those of `from` that are not later.
fn carry(sampler: &mut dyn Sampler, (from, to): (usize, usize), block: &Block, args: Args<'_>, out: &mut [f64]) {
    let (source, target) = (&block.tracks[from], &block.tracks[to]);
    let (mut taken, mut r) = (0, 0);
    while let Some(place) = target.place.get(r) {
        let mut upto = taken;
        while source.place.get(upto).is_some_and(|seen| seen <= place) {
            upto += 1;
        }
        if upto > taken {
            let x = Taken {
                args,
                from: taken,
                to: upto,
            };
            sampler.absorb(&source.ts[taken..upto], x);
            taken = upto;
        }
        if let Some(value) = sampler.held() {
            // nothing changes before the source's next row
            let rest = &target.place[r..];
            let same = source
                .place
                .get(taken)
                .map_or(rest.len(), |next| rest.partition_point(|place| place < next));
            out[r..r + same].fill(value);
            r += same;
        } else {
            out[r] = sampler.answer(target.ts[r]);
            r += 1;
        }
    }
    if taken < source.ts.len() {
        let x = Taken {
            args,
            from: taken,
            to: source.ts.len(),
        };
        sampler.absorb(&source.ts[taken..], x);
    }
}
