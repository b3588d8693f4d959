//! The order in which nodes are computed: nodes of one kind that do not wait for each other come together in a bank.

use std::collections::BTreeMap;

use super::elementwise::Elementwise;
use super::fitted::is_model;
use super::graph::{Derived, Graph, Node};

/// What may share a bank: nodes of the same operator, where it has one; every other node stands alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind<'a> {
    Bank(&'a str, u32),
    /// Outputs of one learned model: its table and what it reads.
    Model(&'a str, Option<u32>, &'a [u32]),
    Alone(usize),
}

fn kind(id: usize, node: &Node) -> Kind<'_> {
    if is_model(&node.op) {
        return Kind::Model(&node.op, node.index, &node.args);
    }
    let bank = match node.op.as_str() {
        "ewm_mean" | "ewm_std" | "rma" => "average",
        op => op,
    };
    let banked = Elementwise::named(bank).is_some() || matches!(bank, "lag" | "sum" | "average" | "input");
    match node.axis {
        Some(axis) if banked && node.span.is_none() => Kind::Bank(bank, axis),
        _ => Kind::Alone(id),
    }
}

/// Nodes that must be computed before this one: its arguments; where it is a column of derived rows all that makes those; and on buckets,
/// which exist only once they are computed, the columns that make them.
fn before(graph: &Graph, node: &Node) -> Vec<u32> {
    let made = node.axis.and_then(|axis| graph.maker(axis as usize));
    let needs = made.filter(|_| node.op == "input").into_iter().flat_map(Derived::needs);
    let bucket = made.filter(|made| node.op != "input" && matches!(made, Derived::Buckets { .. }));
    let columns = bucket.into_iter().flat_map(|_| {
        let read = |column: &&Node| column.op == "input" && column.axis == node.axis;
        let position = graph.nodes.iter().position(|column| read(&column));
        position.and_then(|position| u32::try_from(position).ok())
    });
    node.args.iter().copied().chain(needs).chain(columns).collect()
}

#[derive(Default)]
struct Queue {
    ready: Vec<usize>,
    left: usize,
}

/// Banks of nodes of one axis (ascending) in an order that respects what each node reads. A kind runs once all of its nodes are ready;
/// where none is complete, the kind with the most ready nodes goes first.
pub(super) fn banks(graph: &Graph) -> Vec<Vec<usize>> {
    let nodes = &graph.nodes;
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    let mut missing = vec![0_usize; nodes.len()];
    let mut queues: BTreeMap<Kind<'_>, Queue> = BTreeMap::new();
    for (id, node) in nodes.iter().enumerate() {
        for arg in before(graph, node) {
            readers[arg as usize].push(id);
            missing[id] += 1;
        }
        let queue = queues.entry(kind(id, node)).or_default();
        queue.left += 1;
        if missing[id] == 0 {
            queue.ready.push(id);
        }
    }
    let mut order = Vec::new();
    while let Some(next) = queues
        .iter()
        .filter(|(_, queue)| !queue.ready.is_empty())
        .max_by_key(|(_, queue)| (queue.ready.len() == queue.left, queue.ready.len()))
        .map(|(kind, _)| *kind)
    {
        let Some(queue) = queues.get_mut(&next) else { break };
        let mut bank = std::mem::take(&mut queue.ready);
        queue.left -= bank.len();
        if queue.left == 0 {
            queues.remove(&next);
        }
        bank.sort_unstable();
        for reader in bank.iter().flat_map(|id| readers[*id].clone()) {
            missing[reader] -= 1;
            if missing[reader] == 0 {
                queues.entry(kind(reader, &nodes[reader])).or_default().ready.push(reader);
            }
        }
        order.push(bank);
    }
    order
}
