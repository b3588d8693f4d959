//! Time of one read of a last row, alone and beside a writer: `cargo run --release --example online_rows` in crates/engine.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use tickcast_engine::features::{LastRows, Row};

const READS: u32 = 2_000_000;

fn nanoseconds(rows: &LastRows, place: usize, values: &mut [f64], ttl: &[i64]) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        for now in 0..i64::from(READS) {
            black_box(rows.fresh(black_box(place), now, ttl, values));
            black_box(&mut *values);
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(READS) * 1e9);
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
        let alone = nanoseconds(&rows, 7, &mut values, &ttl);
        let start = Instant::now();
        for ts in 0..i64::from(READS) {
            writers[7].put(&row(ts)).unwrap();
        }
        let write = start.elapsed().as_secs_f64() / f64::from(READS) * 1e9;
        let stop = AtomicBool::new(false);
        let beside = thread::scope(|scope| {
            scope.spawn(|| {
                let mut ts = i64::from(READS);
                while !stop.load(Ordering::Relaxed) {
                    writers[7].put(&row(ts)).unwrap();
                    ts += 1;
                    thread::sleep(std::time::Duration::from_micros(10));
                }
            });
            let beside = nanoseconds(&rows, 7, &mut values, &ttl);
            stop.store(true, Ordering::Relaxed);
            beside
        });
        let name = black_box("S41");
        let start = Instant::now();
        for _ in 0..READS {
            black_box(rows.place(black_box(name)));
        }
        let find = start.elapsed().as_secs_f64() / f64::from(READS) * 1e9;
        println!(
            "{width} features: read {alone:.0} ns, beside a writer of one row every 10 us {beside:.0} ns, write {write:.0} ns, find a symbol {find:.0} ns"
        );
    }
}
