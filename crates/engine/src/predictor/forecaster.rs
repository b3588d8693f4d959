//! model.json: the law, its scale and where its parameters come from.

use serde::Deserialize;

use super::answer::Answer;
use super::manifest::{BundleFault, Contents, digest};
use crate::calibrators::Calibrator;
use crate::features::Graph;
use crate::law::Law;
use crate::scales::Scale;

const REFIT: &str = "Write the bundle with this version of tickcast";

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Standardize {
    mean: Vec<f64>,
    std: Vec<f64>,
    clip: f64,
}

/// How a network is called.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NetworkSpec {
    pub kind: String,
    pub file: String,
    pub window: usize,
    pub state: Vec<(String, Vec<i64>)>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Fixed {
    BySlot { column: String, values: Vec<Vec<Vec<f64>>> },
    Always { values: Vec<Vec<f64>> },
}

#[derive(Debug, Deserialize)]
struct Document {
    horizons: Vec<String>,
    columns: Vec<String>,
    standardize: Option<Standardize>,
    network: Option<NetworkSpec>,
    fixed: Option<Fixed>,
    law: Law,
    scale: Scale,
}

/// Everything of a model that does not change from row to row.
pub(super) struct Forecaster {
    pub horizons: usize,
    pub size: usize,
    pub law: Law,
    pub network: Option<NetworkSpec>,
    /// Positions of the network's columns among the features.
    pub columns: Vec<usize>,
    /// Positions of every feature that must be finite.
    pub needed: Vec<usize>,
    standardize: Standardize,
    fixed: Option<Fixed>,
    slot: Option<usize>,
    scale: Scale,
    scaled: Vec<usize>,
    calibrators: Vec<Calibrator>,
}

impl Forecaster {
    pub fn read(contents: &Contents, graph: &Graph) -> Result<Self, BundleFault> {
        let model: Document = contents.json("model.json")?;
        let calibrators: Vec<Calibrator> = contents.json("calibrators.json")?;
        let bad = |message: String| BundleFault::new("model.json", message, REFIT);
        let names: Vec<&str> = graph.names().collect();
        let find = |name: &String| {
            let at = names.iter().position(|known| known == name);
            at.ok_or_else(|| bad(format!("the feature graph has no feature {name}")))
        };
        let horizons = model.horizons.len();
        if horizons == 0 || model.horizons != contents.manifest.horizons {
            return Err(bad("its horizons are not the manifest's".into()));
        }
        let size = model.law.check(horizons).map_err(bad)?;
        model.scale.check(horizons).map_err(bad)?;
        for calibrator in &calibrators {
            calibrator
                .check(&model.law, horizons)
                .map_err(|message| BundleFault::new("calibrators.json", message, REFIT))?;
        }
        let columns = model.columns.iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let scaled = model.scale.columns().iter().map(find).collect::<Result<Vec<_>, _>>()?;
        let slot = match &model.fixed {
            Some(Fixed::BySlot { column, .. }) => Some(find(column)?),
            _ => None,
        };
        check_source(&model, horizons, size).map_err(bad)?;
        let k = columns.len();
        let standardize = model.standardize.unwrap_or(Standardize {
            mean: vec![0.0; k],
            std: vec![1.0; k],
            clip: f64::MAX,
        });
        let sound = standardize.mean.iter().all(|x| x.is_finite()) && standardize.std.iter().all(|x| *x > 0.0) && standardize.clip > 0.0;
        if standardize.mean.len() != k || standardize.std.len() != k || !sound {
            return Err(bad(format!("its standardizer does not fit {k} columns")));
        }
        let mut needed: Vec<usize> = columns.iter().chain(&scaled).chain(&slot).copied().collect();
        needed.sort_unstable();
        needed.dedup();
        let (law, network, fixed, scale) = (model.law, model.network, model.fixed, model.scale);
        Ok(Self {
            horizons,
            size,
            law,
            network,
            columns,
            needed,
            standardize,
            fixed,
            slot,
            scale,
            scaled,
            calibrators,
        })
    }

    /// Names everything that the memory behind the features depends on: two forecasters with one name can go on from each other's.
    pub fn memory(&self, contents: &Contents) -> Result<String, BundleFault> {
        let Some(network) = &self.network else {
            return Ok(String::new());
        };
        let (columns, s) = (&self.columns, &self.standardize);
        let words = format!("{network:?} {columns:?} {:?} {:?} {:?}", s.mean, s.std, s.clip);
        Ok(digest(words.as_bytes()) + &digest(contents.bytes(&network.file)?))
    }

    /// Rows a network reads at once, 1 for all others.
    pub fn window(&self) -> usize {
        self.network.as_ref().filter(|n| n.kind == "window").map_or(1, |n| n.window)
    }

    /// x' = clip((x - mean) / std) in float64, then float32.
    pub fn standardized(&self, features: &[f64], out: &mut [f32]) {
        let s = &self.standardize;
        for (i, at) in self.columns.iter().enumerate() {
            out[i] = ((features[*at] - s.mean[i]) / s.std[i]).clamp(-s.clip, s.clip) as f32;
        }
    }

    /// The law's parameters where no network gives them. False without a fixed law or with a slot below zero.
    pub fn fixed(&self, features: &[f64], out: &mut [f64]) -> bool {
        let rows = match (&self.fixed, self.slot) {
            (Some(Fixed::Always { values }), _) => values,
            (Some(Fixed::BySlot { values, .. }), Some(at)) if features[at] >= 0.0 => {
                &values[(features[at].min(1e9).floor() as usize).min(values.len() - 1)]
            }
            _ => return false,
        };
        for (to, from) in out.chunks_exact_mut(self.size).zip(rows) {
            to.copy_from_slice(from);
        }
        true
    }

    /// Scale, calibration and figures from the raw law in `answer.law`. Err names what is not sound.
    pub fn finish(&self, features: &[f64], spare: &mut Vec<f64>, answer: &mut Answer) -> Result<(), &'static str> {
        answer.scale.resize(self.horizons, 0.0);
        answer.outputs.resize(self.horizons, Default::default());
        spare.clear();
        spare.extend(self.scaled.iter().map(|at| features[*at]));
        if !self.scale.evaluate(spare, answer.price, &mut answer.scale) {
            return Err("the scale is not positive and finite");
        }
        for h in 0..self.horizons {
            let values = &mut answer.law[h * self.size..(h + 1) * self.size];
            self.law.settle(values)?;
            for calibrator in &self.calibrators {
                calibrator.apply(&self.law, h, values, spare);
            }
            answer.outputs[h] = self.law.outputs(h, values, answer.scale[h]);
            if !answer.outputs[h].sound() {
                return Err("the forecast is not finite");
            }
        }
        Ok(())
    }
}

fn check_source(model: &Document, horizons: usize, size: usize) -> Result<(), String> {
    let fits = |rows: &[Vec<f64>]| rows.len() == horizons && rows.iter().all(|row| row.len() == size);
    match (&model.network, &model.fixed) {
        (Some(network), None) if network.kind == "window" && network.state.is_empty() && (1..=1_000_000).contains(&network.window) => {
            Ok(())
        }
        (Some(network), None)
            if network.kind == "step"
                && network
                    .state
                    .iter()
                    .all(|(_, shape)| shape.iter().all(|d| (1..=1_000_000).contains(d))) =>
        {
            Ok(())
        }
        (Some(_), None) => Err("its network is neither a window nor a step with states".into()),
        (None, Some(Fixed::Always { values })) if fits(values) => Ok(()),
        (None, Some(Fixed::BySlot { values, .. })) if !values.is_empty() && values.iter().all(|rows| fits(rows)) => Ok(()),
        (None, Some(_)) => Err("its fixed values do not fit its law".into()),
        _ => Err("it needs either a network or fixed values".into()),
    }
}
