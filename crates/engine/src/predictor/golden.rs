//! Real events with the forecasts that Python gave, replayed whenever a bundle is opened.

use serde::Deserialize;

use super::live::Predictor;
use super::manifest::BundleFault;
use crate::law::{Law, Outputs};

#[derive(Deserialize)]
struct Expected {
    ts: i64,
    scale: Vec<f64>,
    /// (h, b) parameters of the calibrated law of z.
    law: Vec<Vec<f64>>,
    /// (h, 6): p_up, E_r, q05, q50, q95, std.
    outputs: Vec<[f64; 6]>,
}

/// golden.json. `tolerance` bounds probabilities absolutely and everything else relative to the forecast's standard deviation.
#[derive(Deserialize)]
pub(super) struct Golden {
    ts: Vec<i64>,
    segment: Vec<i64>,
    columns: Vec<Vec<f64>>,
    until: i64,
    rows: Vec<Expected>,
    tolerance: f64,
}

impl Golden {
    /// Err naming the first figure that is not met.
    pub fn replay(&self, predictor: &mut Predictor) -> Result<(), BundleFault> {
        let fault = |message: String| BundleFault::new("golden.json", message, "Write the bundle anew on this machine");
        if self.rows.is_empty() || self.segment.len() != self.ts.len() || self.columns.iter().any(|c| c.len() != self.ts.len()) {
            return Err(fault("it holds no forecast, or columns of unlike length".into()));
        }
        let mut answers = Vec::new();
        for (i, ts) in self.ts.iter().enumerate() {
            let values: Vec<f64> = self.columns.iter().map(|column| column[i]).collect();
            let event = predictor.ordered_event("", *ts, Some(self.segment[i]), &values);
            let event = event.map_err(|reason| fault(format!("event {}: {reason}", i + 1)))?;
            let taken = predictor.update(&event, &mut |answer| answers.push(answer.clone()));
            taken.map_err(|reason| fault(format!("event {}: {reason}", i + 1)))?;
        }
        predictor
            .advance("", self.until, &mut |answer| answers.push(answer.clone()))
            .map_err(|reason| fault(reason.to_string()))?;
        for expected in &self.rows {
            let at = answers.partition_point(|answer| answer.ts <= expected.ts);
            let Some(answer) = at.checked_sub(1).map(|i| &answers[i]).filter(|answer| answer.ts == expected.ts) else {
                return Err(fault(format!("no forecast at ts {} where one is expected", expected.ts)));
            };
            let law: Vec<f64> = expected.law.concat();
            let same = self.close(predictor.law(), &law, &answer.law) && self.close(predictor.law(), &expected.scale, &answer.scale);
            let lattice = matches!(predictor.law(), Law::Buckets { lattice: true, .. });
            let met = expected.outputs.len() == answer.outputs.len()
                && expected
                    .outputs
                    .iter()
                    .zip(&answer.outputs)
                    .all(|(e, found)| self.met(e, found, lattice));
            if !(same && met) {
                return Err(fault(format!("the forecast at ts {} is not the one expected", expected.ts)));
            }
        }
        Ok(())
    }

    fn close(&self, law: &Law, expected: &[f64], found: &[f64]) -> bool {
        let room = |e: f64| {
            if matches!(law, Law::Buckets { .. }) {
                self.tolerance
            } else {
                self.tolerance * e.abs().max(1.0)
            }
        };
        expected.len() == found.len() && expected.iter().zip(found).all(|(e, f)| (e - f).abs() <= room(*e))
    }

    fn met(&self, expected: &[f64; 6], found: &Outputs, lattice: bool) -> bool {
        let room = 10.0 * self.tolerance * expected[5];
        let near = |i: usize, x: f64| (expected[i] - x).abs() <= room;
        let middle = near(1, found.e_r) && near(5, found.std) && (expected[0] - found.p_up).abs() <= self.tolerance;
        // On a lattice a probability that differs in its last digit may move a quantile by one tick; the law itself has been compared.
        middle && (lattice || near(2, found.q05) && near(3, found.q50) && near(4, found.q95))
    }
}
