//! The golden vectors of the feature engine, in batch, live and restarted midway.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use serde::Deserialize;
use tickcast_engine::features::{Engine, EngineError, Events, Graph, Row, State, Table};

#[derive(Deserialize)]
struct Stamps {
    ts: Vec<i64>,
    session_id: Vec<i64>,
    segment_id: Vec<i64>,
}

#[derive(Deserialize)]
struct Side {
    ts: Vec<i64>,
    columns: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Case {
    graph: Graph,
    events: Stamps,
    columns: HashMap<String, Vec<f64>>,
    sides: HashMap<String, Side>,
    ts: Vec<i64>,
    bits: Vec<i64>,
}

fn cases() -> HashMap<String, Case> {
    serde_json::from_str(&std::fs::read_to_string("../../golden/features.json").unwrap()).unwrap()
}

fn bits(values: &[f64]) -> Vec<i64> {
    values
        .iter()
        .map(|x| if x.is_nan() { -1 } else { x.to_bits().cast_signed() })
        .collect()
}

fn columns(case: &Case) -> Vec<&[f64]> {
    case.graph.inputs.iter().map(|name| case.columns[name].as_slice()).collect()
}

/// When the last event of any stream came.
fn last(case: &Case) -> i64 {
    let sides = case.sides.values().filter_map(|side| side.ts.last());
    *sides.chain(case.events.ts.last()).max().unwrap()
}

#[test]
fn batch_gives_the_golden_bits() {
    for (name, case) in cases() {
        let mut engine = Engine::new(&case.graph).unwrap();
        let main = columns(&case);
        let sides: Vec<Vec<&[f64]>> = case
            .graph
            .sides
            .iter()
            .map(|side| case.sides[&side.name].columns.iter().map(Vec::as_slice).collect())
            .collect();
        let mut streams = vec![Events {
            ts: &case.events.ts,
            session: &case.events.session_id,
            segment: &case.events.segment_id,
            columns: &main,
        }];
        for (side, columns) in case.graph.sides.iter().zip(&sides) {
            streams.push(Events {
                ts: &case.sides[&side.name].ts,
                columns,
                ..Events::default()
            });
        }
        let mut table = Table {
            width: case.graph.features.len(),
            ..Table::default()
        };
        engine.batch_into(&streams, &mut table).unwrap();
        engine.advance_into(last(&case), &mut table).unwrap();
        assert_eq!(table.ts, case.ts, "{name}");
        assert_eq!(bits(&table.values), case.bits, "{name}");
    }
}

/// One event: stream, (ts, session, segment), values.
type Event = (usize, (i64, i64, i64), Vec<f64>);

/// Every event in the order of time, the sides first at equal stamps.
fn events(case: &Case) -> Vec<Event> {
    let main = columns(case);
    let mut all = Vec::new();
    for (i, side) in case.graph.sides.iter().enumerate() {
        let side = &case.sides[&side.name];
        for (row, ts) in side.ts.iter().enumerate() {
            all.push((i + 1, (*ts, 0, 0), side.columns.iter().map(|column| column[row]).collect()));
        }
    }
    for (row, ts) in case.events.ts.iter().enumerate() {
        let stamp = (*ts, case.events.session_id[row], case.events.segment_id[row]);
        all.push((0, stamp, main.iter().map(|column| column[row]).collect()));
    }
    all.sort_by_key(|(_, stamp, _)| stamp.0);
    all
}

#[test]
fn a_live_stream_restarted_at_every_event_gives_them_too() {
    for (name, case) in cases() {
        let mut found = Vec::new();
        let mut keep = |row: Row<'_>| found.extend(bits(row.values));
        let mut engine = Engine::new(&case.graph).unwrap();
        for (stream, stamp, values) in events(&case) {
            let state = serde_json::to_string(&engine.save().unwrap()).unwrap();
            engine = Engine::new(&case.graph).unwrap();
            engine.restore(&serde_json::from_str::<State>(&state).unwrap()).unwrap();
            engine.push_to(stream, stamp, &values, &mut keep).unwrap();
        }
        engine.advance(last(&case), &mut keep).unwrap();
        assert_eq!(found, case.bits, "{name}");
    }
}

#[test]
fn damaged_graphs_are_refused() {
    let text = serde_json::to_string(&cases()["nq24"].graph).unwrap();
    for (from, to) in [
        ("\"version\":2", "\"version\":9"),
        ("\"steps\":12", "\"steps\":0"),
        ("\"op\":\"log\"", "\"op\":\"fog\""),
        ("\"args\":[0]", "\"args\":[900]"),
    ] {
        let damaged = text.replace(from, to);
        assert_ne!(damaged, text, "{from}");
        let refused = Graph::from_json(&damaged).and_then(|graph| Engine::new(&graph).map(|_| ()));
        assert!(matches!(refused, Err(EngineError::Graph { .. })), "{to}");
    }
}
