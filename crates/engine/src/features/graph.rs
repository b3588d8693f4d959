//! The feature graph: what Python's parser writes as JSON and every engine loads. `check.rs` checks it once more, whoever wrote it.

use serde::{Deserialize, Serialize};

use super::calendar::Zone;
use super::error::EngineError;
use super::fitted::is_model;

/// Version of the graph's layout.
pub const VERSION: u32 = 2;

/// What happens when a new session begins. A new segment always clears the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// The state goes on.
    Carry,
    /// The state is cleared.
    Reset,
    /// The state goes on, but a feature is NaN for its warm-up rows.
    Mask,
}

/// What a row does when a side stream has not spoken for longer than its time to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stale {
    Nan,
    Error,
}

/// A stream beside the main one, read as of now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    pub name: String,
    pub inputs: Vec<String>,
    /// Another instrument or a signal: the main stream's sessions and segments do not concern it.
    #[serde(default)]
    pub foreign: bool,
    /// Where its rows come from: table and symbol. The engine does not read these.
    #[serde(default)]
    pub source: serde_json::Value,
}

/// A stale side stream forbids rows: `node` is the seconds since its last event, on the clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    pub node: u32,
    pub stream: String,
    pub ttl: i64,
}

/// How a column of a bar follows from the rows inside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    First,
    Last,
    Max,
    Min,
    Sum,
}

/// A column of a derived axis: a node on the axis it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    pub node: u32,
    pub how: How,
}

/// Rows made of the rows of a stream (`of`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Derived {
    /// Multiples of `ns`, from a session's first main event to its close.
    Every { ns: i64 },
    /// Every `n`-th event since the session opened.
    Nth { of: u32, n: u64 },
    /// Bars of time; `closed` where the rows they are made of are stamped with their own close.
    Bars {
        of: u32,
        ns: i64,
        closed: bool,
        zone: Option<u32>,
        columns: Vec<Column>,
    },
    /// Bars that close once `measure` adds up to `size`; what is beyond is carried over to the next.
    Buckets {
        of: u32,
        measure: u32,
        size: f64,
        columns: Vec<Column>,
    },
    /// Each row again, `ns` later.
    Delay { of: u32, ns: i64, columns: Vec<Column> },
}

impl Derived {
    /// Axis of the rows it is made of.
    pub fn of(&self) -> u32 {
        match self {
            Self::Every { .. } => 0,
            Self::Nth { of, .. } | Self::Bars { of, .. } | Self::Buckets { of, .. } | Self::Delay { of, .. } => *of,
        }
    }

    /// Columns its rows have.
    pub fn columns(&self) -> &[Column] {
        match self {
            Self::Every { .. } | Self::Nth { .. } => &[],
            Self::Bars { columns, .. } | Self::Buckets { columns, .. } | Self::Delay { columns, .. } => columns,
        }
    }

    /// Nodes that must be known before its rows are.
    pub(super) fn needs(&self) -> impl Iterator<Item = u32> + '_ {
        let measure = if let Self::Buckets { measure, .. } = self {
            Some(*measure)
        } else {
            None
        };
        self.columns().iter().map(|column| column.node).chain(measure)
    }
}

/// One operator: its name, the nodes it reads (all before it) and its constants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub op: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<u32>,
    /// The rows it lives on; a constant lives on none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub axis: Option<u32>,
    /// Value of a constant, or level of a quantile, or weight of an exponential mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Input column, zone or table this node reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u32>,
    /// Window or warm-up in rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Window, half-life or time to live in ns of event time.
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
    pub(super) fn memory(&self) -> u64 {
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
    /// The data may make it longer: bars or other streams are read.
    #[serde(default)]
    pub depends: bool,
}

/// A typed graph of features over one main stream, its sides and one clock.
///
/// Axes are numbered: 0 is the main stream, then come the sides, then what is derived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    pub version: u32,
    pub name: String,
    pub stream: String,
    pub inputs: Vec<String>,
    #[serde(default)]
    pub sides: Vec<Side>,
    #[serde(default)]
    pub derived: Vec<Derived>,
    /// Axis of the rows that are answered.
    #[serde(default)]
    pub clock: u32,
    /// Nominal distance of rows in ns, where it is known.
    #[serde(default)]
    pub step: Option<i64>,
    pub session: Policy,
    #[serde(default)]
    pub guards: Vec<Guard>,
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
        graph.check()?;
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

    /// Streams: the main one and its sides.
    pub fn streams(&self) -> usize {
        1 + self.sides.len()
    }

    /// All axes.
    pub(super) fn axes(&self) -> usize {
        self.streams() + self.derived.len()
    }

    /// Axes that the main stream's sessions and segments do not concern.
    pub(super) fn foreign(&self) -> Vec<bool> {
        let streams: Vec<bool> = [false].into_iter().chain(self.sides.iter().map(|side| side.foreign)).collect();
        let derived: Vec<bool> = self.derived.iter().map(|derived| streams[derived.of() as usize]).collect();
        [streams, derived].concat()
    }

    /// What makes the rows of an axis; a stream's rows are made by nobody.
    pub(super) fn maker(&self, axis: usize) -> Option<&Derived> {
        self.derived.get(axis.checked_sub(self.streams())?)
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
}
