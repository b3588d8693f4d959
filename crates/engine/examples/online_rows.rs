//! Time of one read of a last row, alone and beside a writer: `cargo run --release --example online_rows` in crates/engine.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use tickcast_engine::features::{LastRows, Row};

const CALLS: u32 = 20_000;
const TRIES: usize = 200;

/// Nanoseconds of one call, best of many short runs: what the machine does beside this falls between them.
fn nanoseconds(mut call: impl FnMut(i64)) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..TRIES {
        let start = Instant::now();
        for now in 0..i64::from(CALLS) {
            call(now);
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(CALLS) * 1e9);
    }
    best
}

fn main() {
    let symbols: Vec<String> = (0..64).map(|i| format!("S{i}")).collect();
    for width in [24, 100] {
        let (rows, mut writers) = LastRows::new(&symbols, width);
        let (mut values, ttl) = (vec![0.5; width], vec![i64::MAX; width]);
        let inputs = values.clone();
        let row = |ts| Row {
            ts,
            session: 0,
            segment: 0,
            price: 1.0,
            values: &inputs,
        };
        for writer in &mut writers {
            writer.put(&row(0)).unwrap();
        }
        let read = |values: &mut [f64], now| {
            black_box(rows.fresh(black_box(7), now, &ttl, values));
            black_box(values);
        };
        let alone = nanoseconds(|now| read(&mut values, now));
        let mut ts = 0;
        let write = nanoseconds(|_| {
            ts += 1;
            writers[7].put(&row(ts)).unwrap();
        });
        let stop = AtomicBool::new(false);
        let beside = thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    ts += 1;
                    writers[7].put(&row(ts)).unwrap();
                    thread::sleep(std::time::Duration::from_micros(10));
                }
            });
            let beside = nanoseconds(|now| read(&mut values, now));
            stop.store(true, Ordering::Relaxed);
            beside
        });
        let find = nanoseconds(|_| {
            black_box(rows.place(black_box("S41")));
        });
        println!(
            "{width} features: read {alone:.0} ns, beside a writer of one row every 10 us {beside:.0} ns, write {write:.0} ns, find a symbol {find:.0} ns"
        );
    }
}
