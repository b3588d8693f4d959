//! Operators of one kind side by side: a live row is one loop over them, and their chains of a block wait for each other's latency.

use super::error::EngineError;
use super::kernel::{Args, Kernel, Rows};
use super::tape::Tape;
use super::vector::{Work, widest};

/// One operator of a bank: a series in, a series out.
pub(super) trait Lane: Send + Sync + Sized {
    /// The answer to one value.
    fn one(&mut self, x: f64) -> f64;

    /// The answers to some values, the same bits as `one` after the other.
    fn column(&mut self, x: &[f64], out: &mut [f64]);

    /// The recurrence that answers `x`, where it is one: then `column` is not asked, and `settle` says where it ended.
    fn chain(&mut self, _x: &[f64]) -> Option<Chain> {
        None
    }

    fn settle(&mut self, _mean: f64) {}

    /// The answers of all lanes to a block: `lanes[i]` reads argument `i` and fills the `i`-th column.
    #[inline(always)]
    fn block(lanes: &mut [Self], args: Args<'_>, out: &mut [f64]) {
        let mut chains = Vec::with_capacity(lanes.len());
        for (i, (lane, out)) in lanes.iter_mut().zip(out.chunks_mut(args.stride)).enumerate() {
            let (x, out) = (args.get(i), &mut out[..args.rows]);
            match lane.chain(x) {
                Some(chain) => chains.push((chain, lane, x, out)),
                None => lane.column(x, out),
            }
        }
        for side in chains.chunks_mut(SIDE) {
            match side {
                [a] => run([a]),
                [a, b] => run([a, b]),
                [a, b, c] => run([a, b, c]),
                [a, b, c, d] => run([a, b, c, d]),
                [a, b, c, d, e] => run([a, b, c, d, e]),
                [a, b, c, d, e, f] => run([a, b, c, d, e, f]),
                [a, b, c, d, e, f, g] => run([a, b, c, d, e, f, g]),
                [a, b, c, d, e, f, g, h] => run([a, b, c, d, e, f, g, h]),
                _ => {}
            }
        }
    }

    fn reset(&mut self);
    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError>;
}

/// The recurrence `mean = keep * mean + gain * x`.
#[derive(Clone, Copy)]
pub(super) struct Chain {
    pub keep: f64,
    pub gain: f64,
    pub mean: f64,
}

/// A chain, whose it is, what it reads and where it writes.
type Link<'a, L> = (Chain, &'a mut L, &'a [f64], &'a mut [f64]);

/// Chains run in one loop: enough to hide a multiplication and an addition.
const SIDE: usize = 8;

/// `lanes[i]` reads argument `i` and fills the `i`-th column.
pub(super) struct Bank<L>(pub Vec<L>);

/// The lanes of a bank and the rows before them.
struct Block<'a, L> {
    lanes: &'a mut [L],
    args: Args<'a>,
    out: &'a mut [f64],
}

impl<L: Lane> Work for Block<'_, L> {
    #[inline(always)]
    fn run(self) {
        L::block(self.lanes, self.args, self.out);
    }
}

impl<L: Lane> Kernel for Bank<L> {
    fn update(&mut self, _rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        if args.stride == 1 {
            for ((lane, id), out) in self.0.iter_mut().zip(args.ids).zip(out) {
                *out = lane.one(args.buffer[*id as usize]);
            }
            return;
        }
        widest(Block {
            lanes: &mut self.0,
            args,
            out,
        });
    }

    fn reset(&mut self) {
        self.0.iter_mut().for_each(Lane::reset);
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.0.iter_mut().try_for_each(|lane| lane.tape(tape))
    }
}

/// Chains of the same length, row by row.
#[inline(always)]
fn run<L: Lane, const N: usize>(mut links: [&mut Link<'_, L>; N]) {
    let rows = links.iter().map(|link| link.2.len()).min().unwrap_or(0);
    let chain = links.each_ref().map(|link| link.0);
    let x = links.each_ref().map(|link| &link.2[..rows]);
    let mut mean = chain.map(|chain| chain.mean);
    let out = links.each_mut().map(|link| &mut link.3[..rows]);
    for r in 0..rows {
        for i in 0..N {
            mean[i] = chain[i].keep * mean[i] + chain[i].gain * x[i][r];
            out[i][r] = mean[i];
        }
    }
    for (link, mean) in links.iter_mut().zip(mean) {
        link.1.settle(mean);
    }
}
