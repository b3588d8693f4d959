//! The golden vectors of the feature engine, in batch, live and restarted midway.
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use serde::Deserialize;
use tickcast_engine::features::{Engine, EngineError, Events, Graph, Row, State};

#[derive(Deserialize)]
struct Stamps {
    ts: Vec<i64>,
    session_id: Vec<i64>,
    segment_id: Vec<i64>,
}

#[derive(Deserialize)]
struct Case {
    graph: Graph,
    events: Stamps,
    columns: HashMap<String, Vec<f64>>,
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

#[test]
fn batch_gives_the_golden_bits() {
    for (name, case) in cases() {
        let mut engine = Engine::new(&case.graph).unwrap();
        let columns = columns(&case);
        let events = Events {
            ts: &case.events.ts,
            session: &case.events.session_id,
            segment: &case.events.segment_id,
            columns: &columns,
        };
        let mut table = engine.batch(events).unwrap();
        engine.advance_into(*events.ts.last().unwrap(), &mut table).unwrap();
        assert_eq!(table.ts, case.ts, "{name}");
        assert_eq!(bits(&table.values), case.bits, "{name}");
    }
}

#[test]
fn a_live_stream_restarted_at_every_event_gives_them_too() {
    for (name, case) in cases() {
        let mut found = Vec::new();
        let mut keep = |row: Row<'_>| found.extend(bits(row.values));
        let columns = columns(&case);
        let mut engine = Engine::new(&case.graph).unwrap();
        for (i, ts) in case.events.ts.iter().enumerate() {
            let state = serde_json::to_string(&engine.save().unwrap()).unwrap();
            engine = Engine::new(&case.graph).unwrap();
            engine.restore(&serde_json::from_str::<State>(&state).unwrap()).unwrap();
            let values: Vec<f64> = columns.iter().map(|column| column[i]).collect();
            engine
                .push(*ts, case.events.session_id[i], case.events.segment_id[i], &values, &mut keep)
                .unwrap();
        }
        engine.advance(*case.events.ts.last().unwrap(), &mut keep).unwrap();
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
