//! Models whose parameters were learned on training rows: a table of numbers, read once; then a row in, a few numbers out.
//!
//! Nodes that read the same table share one model, so a filter with several outputs runs once per row.

use super::autoencoder::Autoencoder;
use super::error::EngineError;
use super::garch::Garch;
use super::graph::{Graph, Node};
use super::hidden_markov::HiddenMarkov;
use super::kernel::{Args, Kernel, Rows};
use super::math::tame;
use super::principal::Principal;
use super::run_length::RunLength;
use super::tape::Tape;

/// Standard deviations of the training rows beyond which an input counts as no further away: one wrong print must not poison a state.
const FAR: f64 = 1000.0;
const MAX_SERIES: usize = 64;

/// Whether an operator reads a learned model.
pub(super) fn is_model(op: &str) -> bool {
    matches!(op, "pca" | "autoencoder" | "hmm" | "bocpd" | "garch")
}

/// What was learned: a row of standardised numbers goes in, `read` gives one of the outputs.
pub(super) trait Model: Send + Sync {
    /// How many outputs there are.
    fn outputs(&self) -> usize;
    /// Take a row in; every number is finite and within `FAR`.
    fn take(&mut self, z: &[f64]);
    /// Output `part` after the last row; `within` is the node's window in rows, 0 where it has none.
    fn read(&self, part: usize, within: usize) -> f64;
    /// Back to the start.
    fn reset(&mut self) {}
    fn tape(&mut self, _tape: &mut Tape) -> Result<(), EngineError> {
        Ok(())
    }
}

/// A learned table, read from its start to its end.
pub(super) struct Learned<'a> {
    left: &'a [f64],
    at: usize,
}

impl<'a> Learned<'a> {
    #[cfg(test)]
    pub fn new(left: &'a [f64]) -> Self {
        Self { left, at: 0 }
    }

    pub fn refuse(&self, what: &str) -> EngineError {
        EngineError::graph(self.at, format!("its fitted table {what}"))
    }

    pub fn many(&mut self, count: usize) -> Result<&'a [f64], EngineError> {
        let (taken, left) = self.left.split_at_checked(count).ok_or_else(|| self.refuse("is cut short"))?;
        self.left = left;
        Ok(taken)
    }

    pub fn one(&mut self) -> Result<f64, EngineError> {
        Ok(self.many(1)?[0])
    }

    pub fn positive(&mut self) -> Result<f64, EngineError> {
        let value = self.one()?;
        if value > 0.0 {
            Ok(value)
        } else {
            Err(self.refuse("has a scale that is not positive"))
        }
    }

    pub fn positives(&mut self, count: usize) -> Result<&'a [f64], EngineError> {
        let values = self.many(count)?;
        if values.iter().all(|value| *value > 0.0) {
            Ok(values)
        } else {
            Err(self.refuse("has a scale that is not positive"))
        }
    }

    /// A size from 1 to `most`.
    pub fn size(&mut self, most: usize) -> Result<usize, EngineError> {
        let value = self.one()?;
        if value >= 1.0 && value <= most as f64 && value.fract() == 0.0 {
            Ok(value as usize)
        } else {
            Err(self.refuse(&format!("has a size of {value}, not 1 to {most}")))
        }
    }

    pub fn rest(&mut self) -> &'a [f64] {
        std::mem::take(&mut self.left)
    }
}

/// One model behind the nodes of a bank: `parts[i]` fills the `i`-th column.
struct Fitted<M> {
    mean: Vec<f64>,
    scale: Vec<f64>,
    model: M,
    parts: Vec<(usize, usize)>,
    z: Vec<f64>,
}

impl<M: Model> Kernel for Fitted<M> {
    fn update(&mut self, _rows: Rows<'_>, args: Args<'_>, out: &mut [f64]) {
        let series = self.z.len();
        for r in 0..args.rows {
            let mut known = true;
            for i in 0..series {
                let x = args.buffer[args.ids[i] as usize * args.stride + r];
                known &= !x.is_nan();
                let z = (x - self.mean[i]) / self.scale[i];
                let z = if z > FAR { FAR } else { z };
                self.z[i] = if z < -FAR { -FAR } else { z };
            }
            if known {
                self.model.take(&self.z);
            }
            for (i, (part, within)) in self.parts.iter().enumerate() {
                out[i * args.stride + r] = if known { tame(self.model.read(*part, *within)) } else { f64::NAN };
            }
        }
    }

    fn reset(&mut self) {
        self.model.reset();
    }

    fn tape(&mut self, tape: &mut Tape) -> Result<(), EngineError> {
        self.model.tape(tape)
    }
}

/// The kernel of a bank of nodes that read one table.
pub(super) fn build(graph: &Graph, bank: &[usize]) -> Result<Box<dyn Kernel>, EngineError> {
    let at = bank[0];
    let node = &graph.nodes[at];
    let index = node.index.and_then(|index| graph.tables.get(index as usize));
    let table = index.ok_or_else(|| EngineError::graph(at, format!("{} reads a table that does not exist", node.op)))?;
    let values = table
        .values
        .as_ref()
        .ok_or_else(|| EngineError::Unfitted { table: table.name.clone() })?;
    let mut learned = Learned { left: values, at };
    if node.args.is_empty() || node.args.len() > MAX_SERIES {
        return Err(EngineError::graph(at, format!("{} takes 1 to {MAX_SERIES} series", node.op)));
    }
    if values.iter().any(|value| !value.is_finite()) {
        return Err(learned.refuse("holds a number that is not finite"));
    }
    let series = node.args.len();
    let (mean, scale) = (learned.many(series)?.to_vec(), learned.positives(series)?.to_vec());
    let nodes = || bank.iter().map(|at| (*at, &graph.nodes[*at]));
    match node.op.as_str() {
        "pca" => kernel(Principal::new(&mut learned, series)?, learned, nodes(), mean, scale),
        "autoencoder" => kernel(Autoencoder::new(&mut learned, series)?, learned, nodes(), mean, scale),
        "hmm" => kernel(HiddenMarkov::new(&mut learned, series)?, learned, nodes(), mean, scale),
        _ if series > 1 => Err(EngineError::graph(at, format!("{} takes one series", node.op))),
        "bocpd" => kernel(RunLength::new(&mut learned)?, learned, nodes(), mean, scale),
        "garch" => kernel(Garch::new(&mut learned, scale[0])?, learned, nodes(), mean, scale),
        other => Err(EngineError::graph(at, format!("there is no model {other}"))),
    }
}

fn kernel<'a, M: Model + 'static>(
    model: M,
    mut learned: Learned<'_>,
    nodes: impl Iterator<Item = (usize, &'a Node)>,
    mean: Vec<f64>,
    scale: Vec<f64>,
) -> Result<Box<dyn Kernel>, EngineError> {
    if !learned.rest().is_empty() {
        return Err(learned.refuse("is too long"));
    }
    let mut parts = Vec::new();
    for (at, node) in nodes {
        let part = node.part.unwrap_or(0) as usize;
        if part >= model.outputs() {
            return Err(EngineError::graph(at, format!("{} has no output {part}", node.op)));
        }
        parts.push((
            part,
            usize::try_from(node.steps.unwrap_or(1).saturating_sub(1)).unwrap_or(usize::MAX),
        ));
    }
    let z = vec![0.0; mean.len()];
    Ok(Box::new(Fitted {
        mean,
        scale,
        model,
        parts,
        z,
    }))
}
