//! What an answer looks like as JSON.

use serde_json::{Value, json};

use crate::law::Law;
use crate::predictor::{Answer, Predictor, Reason};

/// A forecast; with `full` the whole law of z and its scale too.
pub(super) fn forecast(predictor: &Predictor, symbol: &str, answer: &Answer, full: bool) -> Value {
    let each = |pick: fn(&crate::law::Outputs) -> f64| answer.outputs.iter().map(pick).collect::<Vec<_>>();
    let mut sheet = json!({
        "bundle": predictor.hash(), "symbol": symbol, "ts": answer.ts, "price": answer.price, "horizons": predictor.manifest().horizons,
        "p_up": each(|o| o.p_up), "E_r": each(|o| o.e_r), "q05": each(|o| o.q05), "q50": each(|o| o.q50), "q95": each(|o| o.q95),
        "std": each(|o| o.std),
    });
    if full {
        let rows: Vec<&[f64]> = answer.law.chunks_exact(predictor.size()).collect();
        sheet["law"] = match predictor.law() {
            Law::Buckets { edges, lattice } => json!({"kind": "buckets", "edges": edges, "lattice": lattice, "probabilities": rows}),
            Law::Quantiles { levels } => json!({"kind": "quantiles", "levels": levels, "values": rows}),
        };
        sheet["scale"] = json!(answer.scale);
        sheet["unit"] = json!(predictor.manifest().unit);
    }
    sheet
}

/// A refusal; `row` counts the events of the request from 1.
pub(super) fn refusal(hash: &str, reason: &Reason, row: Option<usize>) -> Value {
    let place = row.map_or(String::new(), |row| format!("event {row}: "));
    json!({"bundle": hash, "reason": reason.code(), "message": format!("{place}{reason}"), "row": row, "field": reason.field()})
}
