//! Time of one live update of nq24 and of a batch without Python: `cargo run --release --example live_update` in crates/engine.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::Instant;

use tickcast_engine::features::{Columns, Engine, Events, Graph};

fn main() {
    let golden: serde_json::Value = serde_json::from_str(&std::fs::read_to_string("../../golden/features.json").unwrap()).unwrap();
    let graph = Graph::from_json(&golden["nq24"]["graph"].to_string()).unwrap();
    let n = 1_000_000;
    let close: Vec<f64> = (0..n)
        .map(|i| 100.0 + (f64::from(i) * 0.37).sin() + f64::from(i % 17) * 0.01)
        .collect();
    let ts: Vec<i64> = (1..=i64::from(n)).map(|i| i * 300_000_000_000).collect();
    let zeros = vec![0; ts.len()];
    let columns: Vec<&[f64]> = graph.inputs.iter().map(|_| close.as_slice()).collect();
    let width = graph.features.len();
    let (mut a, mut b, mut c) = (ts.clone(), ts.clone(), ts.clone());
    let (mut price, mut values) = (close.clone(), vec![1.0; ts.len() * width]);
    for _ in 0..3 {
        let mut engine = Engine::new(&graph).unwrap();
        let mut sink = Columns {
            ts: &mut a,
            session: &mut b,
            segment: &mut c,
            price: &mut price,
            values: &mut values,
            written: 0,
        };
        let start = Instant::now();
        let events = Events {
            ts: &ts,
            session: &zeros,
            segment: &zeros,
            columns: &columns,
        };
        engine.batch_into(&[events], &mut sink).unwrap();
        println!(
            "batch into warm memory: {:.1} M bars/s",
            ts.len() as f64 / start.elapsed().as_secs_f64() / 1e6
        );
    }
    let mut engine = Engine::new(&graph).unwrap();
    let start = Instant::now();
    for (ts, x) in ts.iter().zip(&close) {
        engine
            .push(*ts, 0, 0, &[*x; 5], &mut |row| {
                black_box(row);
            })
            .unwrap();
    }
    println!("one live update: {:.3} us", start.elapsed().as_secs_f64() / ts.len() as f64 * 1e6);
}
