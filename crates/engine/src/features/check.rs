//! Whether a graph is one the engine can run: sizes, axes, and that every node reads what comes before it.

use super::calendar::Zone;
use super::error::EngineError;
use super::graph::{Derived, Graph, Node, VERSION};

const MAX_NODES: usize = 20_000;
const MAX_STEPS: u64 = 1_000_000;
const MAX_MEMORY: u64 = 64_000_000;
const MAX_AXES: usize = 500;

fn refuse<T>(reason: String) -> Result<T, EngineError> {
    Err(EngineError::Graph { node: None, reason })
}

impl Graph {
    /// Whether the engine can run it.
    ///
    /// # Errors
    /// `EngineError::Graph` with the first thing that is wrong.
    pub(super) fn check(&self) -> Result<(), EngineError> {
        if self.version != VERSION {
            return refuse(format!("version {} where this engine reads {VERSION}", self.version));
        }
        let inputs = self.sides.iter().map(|side| side.inputs.len()).chain([self.inputs.len()]).max();
        if self.nodes.len() > MAX_NODES || self.features.len() > MAX_NODES || inputs.unwrap_or(0) > MAX_NODES {
            return refuse(format!("more than {MAX_NODES} nodes, features or inputs"));
        }
        if self.axes() > MAX_AXES {
            return refuse(format!("more than {MAX_AXES} streams, clocks and kinds of bars"));
        }
        if self.step.is_some_and(|step| step < 1) {
            return refuse("the distance of rows must be positive".into());
        }
        self.zones.iter().try_for_each(Zone::check)?;
        self.check_axes()?;
        let mut memory = 0;
        for (i, node) in self.nodes.iter().enumerate() {
            self.check_node(i, node)?;
            memory += node.memory();
        }
        if memory > MAX_MEMORY {
            return refuse(format!("its windows hold {memory} values, more than {MAX_MEMORY}"));
        }
        let guards = self.guards.iter().map(|guard| guard.node);
        for node in self.features.iter().map(|feature| feature.node).chain([self.price]).chain(guards) {
            match self.nodes.get(node as usize).map(|node| node.axis) {
                None => return refuse(format!("an output reads node {node}, which does not exist")),
                Some(axis) if axis.is_some_and(|axis| axis != self.clock) => {
                    return refuse(format!("an output reads node {node}, which does not live on the clock"));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    fn check_axes(&self) -> Result<(), EngineError> {
        if self.clock as usize >= self.axes() {
            return refuse(format!("its clock is axis {}, which does not exist", self.clock));
        }
        for (i, derived) in self.derived.iter().enumerate() {
            let axis = self.streams() + i;
            let of = derived.of();
            if of as usize >= self.streams() {
                return refuse(format!("axis {axis} is made of axis {of}, which is no stream"));
            }
            let sound = match derived {
                Derived::Every { ns } => *ns >= 1000 && axis == self.clock as usize,
                Derived::Nth { n, .. } => *n >= 1,
                Derived::Bars { ns, zone, .. } => *ns >= 1 && zone.is_none_or(|zone| (zone as usize) < self.zones.len()),
                Derived::Delay { ns, .. } => *ns >= 1,
                Derived::Buckets { size, .. } => *size > 0.0 && size.is_finite(),
            };
            if !sound {
                return refuse(format!("axis {axis} has a step, size or zone that cannot be"));
            }
            for node in derived.needs() {
                match self.nodes.get(node as usize) {
                    Some(node) if node.axis.is_none_or(|axis| axis == of) => {}
                    _ => return refuse(format!("axis {axis} needs node {node}, which is not on axis {of}")),
                }
            }
            let read = |node: &Node| node.op == "input" && node.axis.is_some_and(|on| on as usize == axis);
            if matches!(derived, Derived::Buckets { .. }) && !self.nodes.iter().any(read) {
                return refuse(format!("no column of the buckets of axis {axis} is read"));
            }
        }
        Ok(())
    }

    fn check_node(&self, i: usize, node: &Node) -> Result<(), EngineError> {
        let wrong = |reason: String| Err(EngineError::graph(i, reason));
        let constant = node.op == "const";
        if constant == node.axis.is_some() {
            return wrong(format!("{} {} an axis", node.op, if constant { "has" } else { "lacks" }));
        }
        let axis = node.axis.unwrap_or(0) as usize;
        if axis >= self.axes() {
            return wrong(format!("there is no axis {axis}"));
        }
        for arg in &node.args {
            if *arg as usize >= i {
                return wrong(format!("reads node {arg}, which does not come before it"));
            }
        }
        if node.steps.is_some_and(|steps| steps == 0 || steps > MAX_STEPS) {
            return wrong(format!("a window must be 1 to {MAX_STEPS} rows"));
        }
        if node.span.is_some_and(|span| span <= 0) {
            return wrong("a window of time must be positive".into());
        }
        if node.value.is_some_and(|value| !value.is_finite()) {
            return wrong("a constant must be finite".into());
        }
        if (node.op == "fir") == node.weights.is_empty() || node.weights.iter().any(|weight| !weight.is_finite()) {
            return wrong("a filter, and nothing else, has finite weights".into());
        }
        if let (true, Some(derived)) = (node.op == "input", self.maker(axis))
            && node.index.unwrap_or(0) as usize >= derived.columns().len()
        {
            return wrong(format!("axis {axis} has no column {}", node.index.unwrap_or(0)));
        }
        self.source(i).map(|_| ())
    }

    /// Axis a node's arguments live on, where it is not the node's own: such a node carries rows over.
    pub(super) fn source(&self, i: usize) -> Result<Option<usize>, EngineError> {
        let node = &self.nodes[i];
        let mut joined: Option<u32> = None;
        for axis in node.args.iter().filter_map(|arg| self.nodes[*arg as usize].axis) {
            if joined.is_some_and(|joined| joined != axis) {
                return Err(EngineError::graph(i, "mixes series of different streams"));
            }
            joined = Some(axis);
        }
        if joined.is_none() && !node.args.is_empty() && super::operators::remembers(&node.op) {
            return Err(EngineError::graph(i, format!("{} of a constant", node.op)));
        }
        match joined {
            Some(from) if Some(from) != node.axis => {
                let carries = matches!(node.op.as_str(), "sample" | "age" | "seconds_since");
                if carries || (node.span.is_some() && super::operators::has_time_window(&node.op)) {
                    Ok(Some(from as usize))
                } else {
                    Err(EngineError::graph(
                        i,
                        format!("{} does not carry rows from one stream to another", node.op),
                    ))
                }
            }
            _ if node.op == "sample" || node.op == "age" => {
                Err(EngineError::graph(i, format!("{} needs a series of another stream", node.op)))
            }
            _ => Ok(None),
        }
    }
}
