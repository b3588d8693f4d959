//! What can go wrong in the feature engine. Nothing panics: each case is a value.

use std::fmt;

/// A graph, a call or a saved state that the engine refuses. The engine's state is untouched when one is returned by `push`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineError {
    /// The graph is not well formed; `node` counts from zero.
    Graph { node: Option<usize>, reason: String },
    /// A fitted table has no values yet.
    Unfitted { table: String },
    /// The number of input columns is not the graph's.
    Columns { expected: usize, found: usize },
    /// Columns of one call differ in length.
    Lengths { expected: usize, found: usize },
    /// An event lies before what has been answered already.
    OutOfOrder { row: usize, ts: i64, last: i64 },
    /// An event lies so far ahead that the grid up to it would be absurdly long.
    Gap { row: usize, ts: i64, rows: i64 },
    /// No clock shows such a stamp: it lies centuries away.
    Stamp { row: usize, ts: i64 },
    /// A stream that must be fresh has not spoken for longer than its time to live. Events are taken in; the row is not answered.
    Stale { stream: String, ts: i64, seconds: u64 },
    /// There is no such stream.
    Stream { found: usize, streams: usize },
    /// A saved state does not belong to this graph or is damaged.
    State { reason: String },
}

impl EngineError {
    pub(super) fn graph(node: usize, reason: impl Into<String>) -> Self {
        Self::Graph {
            node: Some(node),
            reason: reason.into(),
        }
    }

    pub(super) fn state(reason: impl Into<String>) -> Self {
        Self::State { reason: reason.into() }
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Graph { node: Some(node), reason } => write!(f, "feature graph, node {node}: {reason}"),
            Self::Graph { node: None, reason } => write!(f, "feature graph: {reason}"),
            Self::Unfitted { table } => write!(
                f,
                "fitted table {table} has no values yet; fit the feature set on training rows first"
            ),
            Self::Columns { expected, found } => write!(f, "{found} input columns where the feature graph needs {expected}"),
            Self::Lengths { expected, found } => {
                write!(f, "a column of {found} rows beside one of {expected}")
            }
            Self::OutOfOrder { row, ts, last } => write!(f, "row {}: ts {ts} lies before {last}, which has been answered already", row + 1),
            Self::Gap { row, ts, rows } => write!(
                f,
                "row {}: ts {ts} lies {rows} grid rows ahead; is the stamp in nanoseconds?",
                row + 1
            ),
            Self::Stamp { row, ts } => write!(f, "row {}: ts {ts} is no moment in nanoseconds", row + 1),
            Self::Stale { stream, ts, seconds } => {
                write!(f, "ts {ts}: stream {stream} has been silent for {seconds} s, longer than its ttl")
            }
            Self::Stream { found, streams } => write!(f, "there is no stream {found}; the graph has {streams}"),
            Self::State { reason } => write!(f, "saved state: {reason}"),
        }
    }
}

impl std::error::Error for EngineError {}
