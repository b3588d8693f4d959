//! From a node of the graph to the operator that computes it.

use super::anchored::{Cumulative, Kept, RowsSince, SecondsSince, Streak};
use super::bank::{Bank, Lane};
use super::calendar::{Calendar, Lookup, Reading};
use super::elementwise::Elementwise;
use super::error::EngineError;
use super::filter::Filter;
use super::fitted;
use super::graph::{Axis, Graph, Node};
use super::history::Lag;
use super::kernel::{Kernel, Latch, Sampler};
use super::rolling::{Count, Ewm, Rma, Variance};
use super::session::{CumulativeSum, Elapsed, One, SinceOpen, TickSide, TimeDecay, ToClose};
use super::short::MOST;
use super::summary::{Extreme, Quantile, Spread, Summary, Tally, Total};
use super::sums::Sum;
use super::window::{Delayed, Last, OnRows, Span};
use super::windows;

/// What stands behind one node.
pub(super) enum Body {
    Inputs(Vec<usize>),
    Constant(f64),
    Kernel(Box<dyn Kernel>),
    Sampler(Box<dyn Sampler>),
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
pub(super) fn build(graph: &Graph, bank: &[usize], axes: &[Axis]) -> Result<Body, EngineError> {
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
        "input" => parts
            .map(|p| p.index(graph.inputs.len(), "input column"))
            .collect::<Result<_, _>>()
            .map(Body::Inputs),
        _ if node.span.is_some() => alone(graph, bank[0], axes),
        "lag" => lanes(parts, |p| Ok(Lag::new(p.steps()?))),
        "sum" => lanes(parts, |p| Ok(Sum::new(p.steps()?))),
        "ewm_mean" | "ewm_std" => lanes(parts, ewm),
        "rma" => lanes(parts, |p| Ok(Rma::new(p.steps()?))),
        _ => alone(graph, bank[0], axes),
    }
}

fn lanes<'a, L: Lane + 'static>(
    bank: impl Iterator<Item = Parts<'a>>,
    lane: impl Fn(&Parts<'a>) -> Result<L, EngineError>,
) -> Result<Body, EngineError> {
    let lanes = bank.map(|parts| parts.arity(1).and_then(|()| lane(&parts)));
    Ok(Body::Kernel(Box::new(Bank(lanes.collect::<Result<Vec<_>, _>>()?))))
}

fn ewm(parts: &Parts<'_>) -> Result<Ewm, EngineError> {
    let (node, alpha) = (parts.node, parts.value()?);
    if !(alpha > 0.0 && alpha <= 1.0) {
        return Err(parts.missing("a weight in (0, 1]"));
    }
    Ok(Ewm::new(
        alpha,
        node.adjust.unwrap_or(false),
        node.op == "ewm_std",
        node.steps.unwrap_or(1),
    ))
}

/// The operator of a node that stands alone, whose argument lives on `axis`.
fn alone(graph: &Graph, at: usize, axes: &[Axis]) -> Result<Body, EngineError> {
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
    let crosses = graph.every.is_some() && axes[node.args[0] as usize] == Axis::Event;
    match (node.op.as_str(), node.span) {
        ("sample", _) => Ok(Body::Sampler(Box::new(Latch(f64::NAN)))),
        ("ewm_mean" | "ewm_std", Some(span)) => Ok(Body::Kernel(Box::new(TimeDecay::new(
            span,
            node.adjust.unwrap_or(false),
            node.op == "ewm_std",
        )))),
        ("seconds_since", _) if crosses => Ok(Body::Sampler(Box::new(SecondsSince::default()))),
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
        _ => Box::new(Calendar::new(Reading::DayOfYear, zone()?)),
    })
}

/// Windows and lags of event time.
fn timed(parts: &Parts<'_>, span: i64, crosses: bool) -> Result<Body, EngineError> {
    fn place<S: Sampler + 'static>(sampler: S, crosses: bool) -> Body {
        if crosses {
            Body::Sampler(Box::new(sampler))
        } else {
            Body::Kernel(Box::new(OnRows(sampler)))
        }
    }
    fn over<S: Summary + 'static>(summary: S, span: i64, crosses: bool) -> Body {
        place(Span::new(span, summary), crosses)
    }
    Ok(match parts.node.op.as_str() {
        "lag" => place(Delayed::new(span), crosses),
        "sum" => over(Total::default(), span, crosses),
        "var" => over(Spread::default(), span, crosses),
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
        "var" if parts.steps()? > MOST => Box::new(Variance::new(parts.steps()?)),
        "var" => return windows::short("var", parts.steps()?).ok_or_else(|| parts.missing("an operator")),
        "count" => Box::new(Count::new(parts.steps()?)),
        "min" => Box::new(Last::new(parts.steps()?, Extreme::<1>::default())),
        "max" => Box::new(Last::new(parts.steps()?, Extreme::<-1>::default())),
        "quantile" => Box::new(Last::new(parts.steps()?, Quantile::new(parts.level()?))),
        op if windows::known(op) => return windows::counted(op, parts.steps()?).ok_or_else(|| parts.missing("an operator")),
        "cum_sum" => Box::new(CumulativeSum::default()),
        "cum_min" => Box::new(Cumulative::new(Kept::Minimum)),
        "cum_max" => Box::new(Cumulative::new(Kept::Maximum)),
        "cum_count" => Box::new(Cumulative::new(Kept::Count)),
        "cum_first" => Box::new(Cumulative::new(Kept::First)),
        "since" => Box::new(RowsSince::default()),
        "seconds_since" => Box::new(OnRows(SecondsSince::default())),
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
