//! Time of one live update of any feature set on given events, without Python: `cargo run --release --example live_events GRAPH.json EVENTS.json`.
//! EVENTS holds [[stream, ts, [values]], …] in the order of time; null is NaN.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Instant;

use tickcast_engine::features::{Engine, Graph, Row};

fn main() {
    let files: Vec<String> = std::env::args()
        .skip(1)
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let graph = Graph::from_json(&files[0]).unwrap();
    let events: Vec<(usize, i64, Vec<Option<f64>>)> = serde_json::from_str(&files[1]).unwrap();
    let events: Vec<(usize, i64, Vec<f64>)> = events
        .into_iter()
        .map(|(stream, ts, values)| (stream, ts, values.into_iter().map(|x| x.unwrap_or(f64::NAN)).collect()))
        .collect();
    for _ in 0..3 {
        let mut engine = Engine::new(&graph).unwrap();
        let mut rows = 0_u32;
        let start = Instant::now();
        for (stream, ts, values) in &events {
            let mut call = |row: Row<'_>| {
                black_box(row);
                rows += 1;
            };
            engine.push_to(*stream, (*ts, 0, 0), values, &mut call).unwrap();
        }
        let took = start.elapsed().as_secs_f64() * 1e6;
        println!(
            "{rows} rows of {} events: {:.3} us a row, {:.3} us an event",
            events.len(),
            took / f64::from(rows),
            took / events.len() as f64
        );
    }
}
