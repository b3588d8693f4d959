//! From a node of the graph to the operator that computes it.

use super::anchored::{Cumulative, Kept, RowsSince, Streak};
use super::bank::{Bank, Lane};
use super::calendar::{Calendar, Lookup, Reading};
use super::elementwise::Elementwise;
use super::error::EngineError;
use super::extremes::Extremes;
use super::filter::Filter;
use super::fitted;
use super::graph::{Derived, Graph, Node};
use super::history::Lag;
use super::kernel::{Kernel, Latch, Sampler, SecondsSince};
use super::maker::{Cell, Maker};
use super::rolling::{Average, Count, Ewm, Rma};
use super::session::{CumulativeSum, Elapsed, One, SinceOpen, TickSide, TimeDecay, ToClose};
use super::summary::{Extreme, Quantile, Summary, Tally, Total};
use super::sums::Sum;
use super::window::{Delayed, Last, OnRows, Span};
use super::windows;

/// What stands behind one node.
pub(super) enum Body {
    Inputs(Vec<usize>),
    Constant(f64),
    Kernel(Box<dyn Kernel>),
    /// Carries rows over from the axis named.
    Sampler(usize, Box<dyn Sampler>),
    /// Makes rows of those of the axis named.
    Maker(usize, Maker),
}

/// Operators that may have a window of event time.
pub(super) fn has_time_window(op: &str) -> bool {
    matches!(op, "lag" | "sum" | "var" | "min" | "max" | "count" | "quantile") || windows::known(op)
}

/// Operators of the past of a series: of a constant they make no sense.
pub(super) fn remembers(op: &str) -> bool {
    let carried = [
        "ewm_mean",
        "ewm_std",
        "rma",
        "tick_side",
        "fir",
        "since",
        "seconds_since",
        "streak",
        "sample",
        "age",
    ];
    has_time_window(op) || carried.contains(&op) || op.starts_with("cum_")
}

/// The parts of a node that an operator needs, asked for by name so that a missing one is an error and not a default.
struct Parts<'a> {
    at: usize,
    node: &'a Node,
    graph: &'a Graph,
}

impl Parts<'_> {
    fn missing(&self, what: &str) -> EngineError {
        EngineError::graph(self.at, format!("{} needs {what}", self.node.op))
    }

    fn arity(&self, expected: usize) -> Result<(), EngineError> {
        let found = self.node.args.len();
        let message = || EngineError::graph(self.at, format!("{} takes {expected} arguments, not {found}", self.node.op));
        if found == expected { Ok(()) } else { Err(message()) }
    }

    fn steps(&self) -> Result<usize, EngineError> {
        let steps = self.node.steps.ok_or_else(|| self.missing("steps"))?;
        usize::try_from(steps).map_err(|_| self.missing("fewer steps"))
    }

    fn value(&self) -> Result<f64, EngineError> {
        self.node.value.ok_or_else(|| self.missing("a value"))
    }

    fn index(&self, length: usize, what: &str) -> Result<usize, EngineError> {
        let index = self.node.index.ok_or_else(|| self.missing(what))? as usize;
        if index < length {
            Ok(index)
        } else {
            Err(EngineError::graph(self.at, format!("there is no {what} {index}")))
        }
    }

    fn level(&self) -> Result<f64, EngineError> {
        let level = self.value()?;
        if (0.0..=1.0).contains(&level) {
            Ok(level)
        } else {
            Err(self.missing("a level between 0 and 1"))
        }
    }
}

/// The operators of the nodes of one bank.
pub(super) fn build(graph: &Graph, bank: &[usize]) -> Result<Body, EngineError> {
    let every = || {
        bank.iter().map(|at| Parts {
            at: *at,
            node: &graph.nodes[*at],
            graph,
        })
    };
    let node = &graph.nodes[bank[0]];
    if let Some((op, arity)) = Elementwise::named(&node.op) {
        every().try_for_each(|parts| parts.arity(arity))?;
        return Ok(Body::Kernel(Box::new(op)));
    }
    if fitted::is_model(&node.op) {
        return fitted::build(graph, bank).map(Body::Kernel);
    }
    let parts = every();
    match node.op.as_str() {
        "input" => inputs(graph, node.axis.unwrap_or(0) as usize, parts),
        _ if node.span.is_some() => alone(graph, bank[0]),
        "lag" => lanes(parts, |p| Ok(Lag::new(p.steps()?))),
        "sum" => lanes(parts, |p| Ok(Sum::new(p.steps()?))),
        "ewm_mean" | "ewm_std" | "rma" => lanes(parts, average),
        "min" => lanes(parts, |p| Ok(Extremes::<1>::new(p.steps()?))),
        "max" => lanes(parts, |p| Ok(Extremes::<-1>::new(p.steps()?))),
        _ => alone(graph, bank[0]),
    }
}

/// Columns of a stream, or of rows that are made.
fn inputs<'a>(graph: &Graph, axis: usize, bank: impl Iterator<Item = Parts<'a>>) -> Result<Body, EngineError> {
    let Some(derived) = graph.maker(axis) else {
        let side = axis.checked_sub(1).map(|side| &graph.sides[side].inputs);
        let columns = side.unwrap_or(&graph.inputs).len();
        let indices = bank.map(|parts| parts.index(columns, "input column"));
        return indices.collect::<Result<_, _>>().map(Body::Inputs);
    };
    let columns = derived.columns();
    let cells = bank
        .map(|parts| Ok(Cell::new(columns[parts.index(columns.len(), "column of the bars")?].how)))
        .collect::<Result<Vec<_>, EngineError>>()?;
    let maker = match derived {
        Derived::Bars { .. } => Maker::Bars(cells),
        Derived::Buckets { size, .. } => Maker::Buckets {
            size: *size,
            filled: 0.0,
            cells,
        },
        Derived::Delay { .. } | Derived::Every { .. } | Derived::Nth { .. } => Maker::Echo(std::collections::VecDeque::new()),
    };
    Ok(Body::Maker(derived.of() as usize, maker))
}

/// What the nodes of a bank read: their arguments, or of columns of made rows the nodes behind them, a measure last.
pub(super) fn reads(graph: &Graph, bank: &[usize]) -> Vec<u32> {
    let node = &graph.nodes[bank[0]];
    let made = node.axis.filter(|_| node.op == "input").and_then(|axis| graph.maker(axis as usize));
    let Some(derived) = made else {
        return bank.iter().flat_map(|id| graph.nodes[*id].args.iter().copied()).collect();
    };
    let column = |id: &usize| derived.columns()[graph.nodes[*id].index.unwrap_or(0) as usize].node;
    let measure = if let Derived::Buckets { measure, .. } = derived {
        Some(*measure)
    } else {
        None
    };
    bank.iter().map(column).chain(measure).collect()
}

fn lanes<'a, L: Lane + 'static>(
    bank: impl Iterator<Item = Parts<'a>>,
    lane: impl Fn(&Parts<'a>) -> Result<L, EngineError>,
) -> Result<Body, EngineError> {
    let lanes = bank.map(|parts| parts.arity(1).and_then(|()| lane(&parts)));
    Ok(Body::Kernel(Box::new(Bank(lanes.collect::<Result<Vec<_>, _>>()?))))
}

fn average(parts: &Parts<'_>) -> Result<Average, EngineError> {
    if parts.node.op == "rma" {
        return Ok(Average::Rma(Rma::new(parts.steps()?)));
    }
    let (node, alpha) = (parts.node, parts.value()?);
    if !(alpha > 0.0 && alpha <= 1.0) {
        return Err(parts.missing("a weight in (0, 1]"));
    }
    Ok(Average::Ewm(Ewm::new(
        alpha,
        node.adjust.unwrap_or(false),
        node.op == "ewm_std",
        node.steps.unwrap_or(1),
    )))
}

/// The operator of a node that stands alone.
fn alone(graph: &Graph, at: usize) -> Result<Body, EngineError> {
    let node = &graph.nodes[at];
    let parts = Parts { at, node, graph };
    match node.op.as_str() {
        "const" => return Ok(Body::Constant(parts.value()?)),
        "one" | "elapsed" | "minutes_since_open" | "minutes_to_close" | "time_of_day" | "day_of_week" | "day_of_month" | "day_of_year" => {
            parts.arity(0)?;
            return stamp(&parts).map(Body::Kernel);
        }
        op => parts.arity(windows::series(op))?,
    }
    let crosses = graph.source(at)?;
    match (node.op.as_str(), node.span) {
        ("sample", ttl) => Ok(Body::Sampler(crosses.unwrap_or(0), Box::new(Latch::new(ttl)))),
        ("age", _) => Ok(Body::Sampler(crosses.unwrap_or(0), Box::new(SecondsSince::<false>::default()))),
        ("ewm_mean" | "ewm_std", Some(span)) => Ok(Body::Kernel(Box::new(TimeDecay::new(
            span,
            node.adjust.unwrap_or(false),
            node.op == "ewm_std",
        )))),
        ("seconds_since", _) if crosses.is_some() => Ok(Body::Sampler(crosses.unwrap_or(0), Box::new(SecondsSince::<true>::default()))),
        (_, Some(span)) => timed(&parts, span, crosses),
        _ => counted(&parts).map(Body::Kernel),
    }
}

/// Operators that look at stamps only.
fn stamp(parts: &Parts<'_>) -> Result<Box<dyn Kernel>, EngineError> {
    let zones = &parts.graph.zones;
    let zone = || parts.index(zones.len(), "zone").map(|i| zones[i].clone());
    Ok(match parts.node.op.as_str() {
        "one" => Box::new(One),
        "elapsed" => Box::new(Elapsed::default()),
        "minutes_since_open" => Box::new(SinceOpen::default()),
        "minutes_to_close" => Box::new(ToClose),
        "time_of_day" => Box::new(Calendar::new(Reading::TimeOfDay, zone()?)),
        "day_of_week" => Box::new(Calendar::new(Reading::DayOfWeek, zone()?)),
        "day_of_month" => Box::new(Calendar::new(Reading::DayOfMonth, zone()?)),
        "day_of_year" => Box::new(Calendar::new(Reading::DayOfYear, zone()?)),
        other => return Err(EngineError::graph(parts.at, format!("there is no clock {other}"))),
    })
}

/// Windows and lags of event time.
fn timed(parts: &Parts<'_>, span: i64, crosses: Option<usize>) -> Result<Body, EngineError> {
    fn place<S: Sampler + 'static>(sampler: S, crosses: Option<usize>) -> Body {
        match crosses {
            Some(from) => Body::Sampler(from, Box::new(sampler)),
            None => Body::Kernel(Box::new(OnRows(sampler))),
        }
    }
    fn over<S: Summary + 'static>(summary: S, span: i64, crosses: Option<usize>) -> Body {
        place(Span::new(span, summary), crosses)
    }
    Ok(match parts.node.op.as_str() {
        "lag" => place(Delayed::new(span), crosses),
        "sum" => over(Total::default(), span, crosses),
        "count" => over(Tally, span, crosses),
        "min" => over(Extreme::<1>::default(), span, crosses),
        "max" => over(Extreme::<-1>::default(), span, crosses),
        "quantile" => over(Quantile::new(parts.level()?), span, crosses),
        other => {
            return windows::timed(other, span, crosses)
                .ok_or_else(|| EngineError::graph(parts.at, format!("{other} has no window of time")));
        }
    })
}

/// Operators that count rows, or carry a state from row to row.
fn counted(parts: &Parts<'_>) -> Result<Box<dyn Kernel>, EngineError> {
    let node = parts.node;
    Ok(match node.op.as_str() {
        "var" => return windows::variance(parts.steps()?).ok_or_else(|| parts.missing("an operator")),
        "count" => Box::new(Count::new(parts.steps()?)),
        "quantile" => Box::new(Last::new(parts.steps()?, Quantile::new(parts.level()?))),
        op if windows::known(op) => return windows::counted(op, parts.steps()?).ok_or_else(|| parts.missing("an operator")),
        "cum_sum" => Box::new(CumulativeSum::default()),
        "cum_min" => Box::new(Cumulative::new(Kept::Minimum)),
        "cum_max" => Box::new(Cumulative::new(Kept::Maximum)),
        "cum_count" => Box::new(Cumulative::new(Kept::Count)),
        "cum_first" => Box::new(Cumulative::new(Kept::First)),
        "since" => Box::new(RowsSince::default()),
        "seconds_since" => Box::new(OnRows(SecondsSince::<true>::default())),
        "streak" => Box::new(Streak::default()),
        "fir" => Box::new(Filter::new(node.weights.clone(), parts.steps()?)),
        "tick_side" => Box::new(TickSide::default()),
        "lookup" => {
            let table = &parts.graph.tables[parts.index(parts.graph.tables.len(), "table")?];
            let values = table
                .values
                .clone()
                .ok_or_else(|| EngineError::Unfitted { table: table.name.clone() })?;
            Box::new(Lookup(values))
        }
        other => {
            return Err(EngineError::graph(parts.at, format!("there is no operator {other}")));
        }
    })
}
