//! The feature graph: what Python's parser writes as JSON and every engine loads. Checked here once more, whoever wrote it.

use serde::{Deserialize, Serialize};

use super::calendar::Zone;
use super::error::EngineError;
use super::fitted::is_model;

/// Version of the graph's layout.
pub const VERSION: u32 = 1;
const MAX_NODES: usize = 20_000;
const MAX_STEPS: u64 = 1_000_000;
const MAX_MEMORY: u64 = 64_000_000;

/// What happens to the state when a new session begins. A new segment always clears it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    Carry,
    Reset,
}

/// One operator: its name, the nodes it reads (all before it) and its constants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub op: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<u32>,
    /// Value of a constant, or level of a quantile, or weight of an exponential mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Input column, zone or table this node reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Window or warm-up in rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Window or half-life in ns of event time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<i64>,
    /// Weights of a one-sided filter, the newest value's first; its taps lie `steps` rows apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<f64>,
    /// Weights of an exponential mean are normalised from the first row on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjust: Option<bool>,
    /// Which output of a learned model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<u32>,
}

impl Node {
    /// Values its window holds.
    fn memory(&self) -> u64 {
        match self.op.as_str() {
            "ewm_mean" | "ewm_std" => 0,
            "fir" => self.steps.unwrap_or(1).saturating_mul(self.weights.len() as u64),
            _ => self.steps.unwrap_or(0),
        }
    }
}

/// A table learned on training rows, or not yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Table {
    pub name: String,
    pub values: Option<Vec<f64>>,
    /// How Python learns it: the engine does not read this.
    #[serde(default)]
    pub recipe: serde_json::Value,
}

/// A named output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feature {
    pub name: String,
    pub node: u32,
    /// Rows at the start of a gapless series that are NaN.
    #[serde(default)]
    pub warmup: u64,
}

/// A typed graph of features over one stream and one clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    pub version: u32,
    pub name: String,
    pub stream: String,
    /// Distance of grid rows in ns; absent where every event makes a row.
    pub every: Option<i64>,
    /// Nominal distance of rows in ns where every event makes one.
    #[serde(default)]
    pub step: Option<i64>,
    pub session: Policy,
    pub inputs: Vec<String>,
    #[serde(default)]
    pub zones: Vec<Zone>,
    #[serde(default)]
    pub tables: Vec<Table>,
    pub nodes: Vec<Node>,
    pub price: u32,
    pub features: Vec<Feature>,
    /// Words of the YAML it came from; the engine does not read them.
    #[serde(default)]
    pub source: serde_json::Value,
}

/// Whether this operator looks at a window of rows or of time.
fn windowed(op: &str) -> bool {
    matches!(op, "lag" | "sum" | "var" | "min" | "max" | "count" | "quantile") || super::windows::known(op)
}

/// The rows a node lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Axis {
    Constant,
    Event,
    Clock,
}

impl Graph {
    /// Read and check a graph.
    ///
    /// # Errors
    /// `EngineError::Graph` for anything that is not one.
    pub fn from_json(text: &str) -> Result<Self, EngineError> {
        let graph: Self = serde_json::from_str(text).map_err(|error| EngineError::Graph {
            node: None,
            reason: error.to_string(),
        })?;
        graph.axes()?;
        Ok(graph)
    }

    /// Names of the features in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.features.iter().map(|feature| feature.name.as_str())
    }

    /// The most rows any feature needs before it is known.
    pub fn warmup(&self) -> u64 {
        self.features.iter().map(|feature| feature.warmup).max().unwrap_or(0)
    }

    /// A number that tells two graphs apart (FNV-1a over what the engine reads).
    pub fn fingerprint(&self) -> u64 {
        let bare = Self {
            name: String::new(),
            source: serde_json::Value::Null,
            ..self.clone()
        };
        let text = serde_json::to_string(&bare).unwrap_or_default();
        text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    /// Whether every table that is read has values; names the first in the graph's order, whatever order the nodes are computed in.
    pub(super) fn fitted(&self) -> Result<(), EngineError> {
        let read = self
            .nodes
            .iter()
            .filter(|node| node.op == "lookup" || is_model(&node.op))
            .filter_map(|node| node.index);
        match read
            .filter_map(|index| self.tables.get(index as usize))
            .find(|table| table.values.is_none())
        {
            Some(table) => Err(EngineError::Unfitted { table: table.name.clone() }),
            None => Ok(()),
        }
    }

    /// The axis of every node; the whole graph is checked on the way.
    pub(super) fn axes(&self) -> Result<Vec<Axis>, EngineError> {
        let refuse = |reason: String| Err(EngineError::Graph { node: None, reason });
        if self.version != VERSION {
            return refuse(format!("version {} where this engine reads {VERSION}", self.version));
        }
        if self.nodes.len() > MAX_NODES || self.features.len() > MAX_NODES || self.inputs.len() > MAX_NODES {
            return refuse(format!("more than {MAX_NODES} nodes, features or inputs"));
        }
        if self.every.is_some_and(|every| every < 1000) || self.step.is_some_and(|step| step < 1) {
            return refuse("a clock must tick every microsecond or slower".into());
        }
        self.zones.iter().try_for_each(Zone::check)?;
        let mut axes = Vec::with_capacity(self.nodes.len());
        let mut memory = 0;
        for (i, node) in self.nodes.iter().enumerate() {
            axes.push(self.axis(i, node, &axes)?);
            memory += node.memory();
        }
        if memory > MAX_MEMORY {
            return refuse(format!("its windows hold {memory} values, more than {MAX_MEMORY}"));
        }
        for node in self.features.iter().map(|feature| feature.node).chain([self.price]) {
            match axes.get(node as usize) {
                None => {
                    return refuse(format!("an output reads node {node}, which does not exist"));
                }
                Some(Axis::Event) if self.every.is_some() => {
                    return refuse(format!("an output reads node {node}, which is no clock series"));
                }
                Some(_) => {}
            }
        }
        Ok(axes)
    }

    fn axis(&self, i: usize, node: &Node, axes: &[Axis]) -> Result<Axis, EngineError> {
        let mut joined = Axis::Constant;
        for arg in &node.args {
            let axis = *axes
                .get(*arg as usize)
                .ok_or_else(|| EngineError::graph(i, format!("reads node {arg}, which does not come before it")))?;
            if axis != Axis::Constant && joined != Axis::Constant && axis != joined {
                return Err(EngineError::graph(i, "mixes an event series with a clock series"));
            }
            if axis != Axis::Constant {
                joined = axis;
            }
        }
        if node.steps.is_some_and(|steps| steps == 0 || steps > MAX_STEPS) {
            return Err(EngineError::graph(i, format!("a window must be 1 to {MAX_STEPS} rows")));
        }
        if node.span.is_some_and(|span| span <= 0) {
            return Err(EngineError::graph(i, "a window of time must be positive"));
        }
        if node.value.is_some_and(|value| !value.is_finite()) {
            return Err(EngineError::graph(i, "a constant must be finite"));
        }
        if (node.op == "fir") == node.weights.is_empty() || node.weights.iter().any(|weight| !weight.is_finite()) {
            return Err(EngineError::graph(i, "a filter, and nothing else, has finite weights"));
        }
        let clock = if self.every.is_some() { Axis::Clock } else { Axis::Event };
        match node.op.as_str() {
            "input" | "one" | "elapsed" => Ok(Axis::Event),
            "const" => Ok(Axis::Constant),
            "time_of_day" | "day_of_week" | "day_of_month" | "day_of_year" | "minutes_since_open" | "minutes_to_close" => Ok(clock),
            "sample" if joined == Axis::Event && self.every.is_some() => Ok(Axis::Clock),
            "sample" => Err(EngineError::graph(i, "sample needs an event series and a clock")),
            "seconds_since" if joined == Axis::Event => Ok(clock),
            op if windowed(op) && node.span.is_some() && joined == Axis::Event => Ok(clock),
            op if joined == Axis::Constant
                && (windowed(op)
                    || matches!(
                        op,
                        "ewm_mean" | "ewm_std" | "rma" | "tick_side" | "fir" | "since" | "seconds_since" | "streak"
                    )
                    || op.starts_with("cum_")) =>
            {
                Err(EngineError::graph(i, format!("{} of a constant", node.op)))
            }
            _ => Ok(joined),
        }
    }
}
