//! Laws of the windows, on random rows: a naive answer, any cut into blocks, any restart, a fresh start after the window has passed.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::kernel::{Args, Kernel, Rows};
use super::operators::Body;
use super::tape::Tape;
use super::windows::{counted, series, timed};

const NAMES: [&str; 15] = [
    "skew",
    "kurt",
    "rank",
    "argmin",
    "argmax",
    "argmin_first",
    "argmax_first",
    "wma",
    "mad",
    "slope",
    "rsquare",
    "resid",
    "cov",
    "corr",
    "beta",
];

/// Rows of two columns with stamps: ties, gaps, NaN, equal values, a giant now and then.
fn rows() -> impl Strategy<Value = (Vec<i64>, Vec<f64>, Vec<f64>)> {
    let value = prop_oneof![
        8 => (-400_i32..400).prop_map(|x| f64::from(x) / 16.0),
        4 => -1e3..1e3_f64,
        1 => Just(f64::NAN),
        1 => (-30_i32..30).prop_map(|e| 10.0_f64.powi(e)),
    ];
    prop::collection::vec((0_i64..4, value.clone(), value), 1..220).prop_map(|rows| {
        let mut ts = 0;
        let mut columns = (Vec::new(), Vec::new(), Vec::new());
        for (gap, x, y) in rows {
            ts += gap;
            columns.0.push(ts);
            columns.1.push(x);
            columns.2.push(y);
        }
        columns
    })
}

fn window(op: &str, n: usize, in_time: bool) -> Box<dyn Kernel> {
    if !in_time {
        return counted(op, n).unwrap();
    }
    match timed(op, i64::try_from(n).unwrap(), None).unwrap() {
        Body::Kernel(kernel) => kernel,
        _ => unreachable!("it answers on its own rows"),
    }
}

/// Answers to the rows from `from` to `to`.
fn run(kernel: &mut dyn Kernel, op: &str, data: &(Vec<i64>, Vec<f64>, Vec<f64>), from: usize, to: usize) -> Vec<f64> {
    let buffer = [&data.1[from..to], &data.2[from..to]].concat();
    let mut out = vec![0.0; to - from];
    let args = Args {
        buffer: &buffer,
        stride: to - from,
        ids: &[0, 1][..series(op)],
        rows: to - from,
    };
    let rows = Rows {
        ts: &data.0[from..to],
        session: 0,
    };
    kernel.update(rows, args, &mut out);
    out
}

fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cuts_and_restarts_change_no_bit(data in rows(), n in 2_usize..90, in_time: bool, cut in 0_usize..220, other in 0_usize..220) {
        for op in NAMES {
            let length = data.0.len();
            let whole = run(window(op, n, in_time).as_mut(), op, &data, 0, length);
            let (a, b) = (cut.min(other).min(length), cut.max(other).min(length));
            let mut kernel = window(op, n, in_time);
            let mut parts = run(kernel.as_mut(), op, &data, 0, a);
            parts.extend(run(kernel.as_mut(), op, &data, a, b));
            let mut tape = Tape::Write(Vec::new());
            kernel.tape(&mut tape).unwrap();
            let Tape::Write(words) = tape else { unreachable!("it was written") };
            let mut kernel = window(op, n, in_time);
            kernel.tape(&mut Tape::Read { words, at: 0 }).unwrap();
            parts.extend(run(kernel.as_mut(), op, &data, b, length));
            prop_assert_eq!(bits(&whole), bits(&parts), "{} {}", op, n);
        }
    }

    #[test]
    fn what_has_left_the_window_leaves_no_trace(data in rows(), n in prop_oneof![2_usize..12, 65_usize..80], in_time: bool, start in 0_usize..60) {
        // exact sums need values of like size: giants are tried where they are let go at once
        let tame = |x: &Vec<f64>| x.iter().map(|x| if x.abs() < 1e-3 || x.abs() > 1e6 { 1.0 } else { *x }).collect::<Vec<_>>();
        let data = (data.0.clone(), tame(&data.1), tame(&data.2));
        let (length, start) = (data.0.len(), start.min(data.0.len()));
        for op in NAMES {
            let long = run(window(op, n, in_time).as_mut(), op, &data, 0, length);
            let fresh = run(window(op, n, in_time).as_mut(), op, &data, start, length);
            let known: Vec<usize> = (0..fresh.len()).filter(|i| !fresh[*i].is_nan()).collect();
            let pick = |x: &[f64]| known.iter().map(|i| x[*i]).collect::<Vec<_>>();
            prop_assert_eq!(bits(&pick(&long[start..])), bits(&pick(&fresh)), "{} {}", op, n);
        }
    }

    #[test]
    fn answers_stay_within_their_bounds(data in rows(), n in 2_usize..12, in_time: bool) {
        let of = |op: &str| run(window(op, n, in_time).as_mut(), op, &data, 0, data.0.len());
        prop_assert!(of("corr").iter().all(|x| x.is_nan() || x.abs() <= 1.0));
        prop_assert!(of("rsquare").iter().all(|x| x.is_nan() || (0.0..=1.0).contains(x)));
        prop_assert!(of("rank").iter().all(|x| x.is_nan() || (*x > 0.0 && *x <= 1.0)));
        prop_assert!(of("mad").iter().all(|x| x.is_nan() || *x >= 0.0));
        let rows = n as f64;
        prop_assert!(in_time || of("argmin").iter().all(|x| x.is_nan() || (0.0..rows).contains(x)));
        // Pearson: the excess kurtosis of a sample is never below its squared skewness less 2, before the sample's adjustment
        prop_assert!(of("kurt").iter().all(|x| x.is_nan() || *x > -10.0));
    }
}
