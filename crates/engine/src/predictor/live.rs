//! The predictor: one bundle, many symbols.

use std::collections::BTreeMap;
use std::path::Path;

use super::admission::Event;
use super::answer::Answer;
use super::forecaster::Forecaster;
use super::golden::Golden;
use super::manifest::{BundleFault, Contents, Manifest, digest};
use super::network::Network;
use super::reason::Reason;
use super::sessions::Sessions;
use super::symbol::{Snapshot, Symbol};
use crate::features::{Engine, Graph};
use crate::law::Law;

const REWRITE: &str = "Write the bundle with this version of tickcast";

/// A verified bundle and the memory of every symbol it has seen.
pub struct Predictor {
    hash: String,
    manifest: Manifest,
    pub(super) sessions: Sessions,
    pub(super) engine: Graph,
    /// An engine that has seen nothing: what a new symbol begins with.
    pub(super) blank: Engine,
    /// Hashes of the feature graph and of the network, each with what was learned.
    features: String,
    model: String,
    /// Which inputs are prices, and so positive.
    pub(super) prices: Vec<bool>,
    forecaster: Forecaster,
    network: Option<Network>,
    pub(super) symbols: BTreeMap<String, Symbol>,
}

/// What a new bundle took over from the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Feature graph and network are the same: every symbol goes on.
    All,
    /// The feature graph is the same: features go on, the network's memory begins anew.
    Features,
    /// Every symbol warms up anew.
    Nothing,
}

impl Predictor {
    /// Verifies every hash of the bundle, loads it and replays its golden events.
    ///
    /// # Errors
    /// `BundleFault` naming the file.
    pub fn open(folder: &Path, onnxruntime: &Path) -> Result<Self, BundleFault> {
        let contents = Contents::read(folder)?;
        let bad = |file: &str, message: String| BundleFault::new(file, message, REWRITE);
        let text = std::str::from_utf8(contents.bytes("features.json")?).map_err(|e| bad("features.json", e.to_string()))?;
        let graph = Graph::from_json(text).map_err(|e| bad("features.json", e.to_string()))?;
        let blank = Engine::new(&graph).map_err(|e| bad("features.json", e.to_string()))?;
        if let Some(side) = graph.sides.first() {
            let message = format!(
                "it reads stream {} beside {}; one symbol's events of one stream can be served",
                side.name, graph.stream
            );
            return Err(BundleFault::new(
                "features.json",
                message,
                "compute such a set in process, with tickcast.features",
            ));
        }
        if !graph.inputs.iter().eq(contents.manifest.inputs.iter().map(|input| &input.name)) {
            return Err(bad("manifest.json", "its inputs are not those of the feature graph".into()));
        }
        let sessions: Sessions = contents.json("sessions.json")?;
        sessions.check().map_err(|message| bad("sessions.json", message))?;
        let forecaster = Forecaster::read(&contents, &graph)?;
        let network = match forecaster.network.clone() {
            Some(spec) => {
                let law = [forecaster.horizons, forecaster.size];
                Some(Network::open(
                    onnxruntime,
                    contents.bytes(&spec.file)?,
                    spec.clone(),
                    forecaster.columns.len(),
                    law,
                )?)
            }
            None => None,
        };
        let golden: Golden = contents.json("golden.json")?;
        let (hash, manifest) = (contents.hash.clone(), contents.manifest.clone());
        let mut made = Self {
            hash,
            manifest,
            features: digest(contents.bytes("features.json")?),
            model: forecaster.memory(&contents)?,
            prices: prices(&graph),
            sessions,
            engine: graph,
            blank,
            forecaster,
            network,
            symbols: BTreeMap::new(),
        };
        golden.replay(&mut made)?;
        made.symbols.clear();
        Ok(made)
    }

    /// SHA-256 of the bundle's manifest.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub fn law(&self) -> &Law {
        &self.forecaster.law
    }

    /// Parameters per horizon.
    pub fn size(&self) -> usize {
        self.forecaster.size
    }

    /// Symbols it remembers.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        self.symbols.keys().map(String::as_str)
    }

    /// Takes one event in; every forecast that it makes known goes to `call`.
    ///
    /// # Errors
    /// `Reason`; nothing is taken in then.
    pub fn update(&mut self, event: &Event, call: &mut dyn FnMut(&Answer)) -> Result<(), Reason> {
        self.admit_one(event)?;
        self.room(&event.symbol)?;
        let (forecaster, network) = (&self.forecaster, &mut self.network);
        let Some(symbol) = self.symbols.get_mut(&event.symbol) else {
            return Ok(());
        };
        let segment = event.segment.unwrap_or(symbol.segment);
        let head = &mut symbol.head;
        let pushed = symbol.engine.push(event.ts, event.session, segment, &event.values, &mut |row| {
            head.take(forecaster, network.as_mut(), row);
            if head.refusal.is_none() {
                call(&head.answer);
            }
        });
        pushed.map_err(|error| Reason::Malformed {
            message: error.to_string(),
        })?;
        (symbol.last, symbol.now, symbol.segment) = (event.ts, symbol.now.max(event.ts), segment);
        Ok(())
    }

    fn room(&mut self, name: &str) -> Result<(), Reason> {
        if !self.symbols.contains_key(name) {
            let made = self.fresh()?;
            self.symbols.insert(name.into(), made);
        }
        Ok(())
    }

    fn fresh(&self) -> Result<Symbol, Reason> {
        let engine = Engine::new(&self.engine).map_err(|error| error.to_string());
        let made = engine.and_then(|engine| Symbol::new(engine, &self.forecaster, self.network.as_ref()));
        made.map_err(|message| Reason::Failed { message })
    }

    /// Time has come to `ts`: rows of the grid up to it are answered, and the answer's age is counted from there.
    ///
    /// # Errors
    /// `Reason` for an unknown symbol or a stamp absurdly far ahead.
    pub fn advance(&mut self, name: &str, ts: i64, call: &mut dyn FnMut(&Answer)) -> Result<(), Reason> {
        let (forecaster, network) = (&self.forecaster, &mut self.network);
        let symbol = self.symbols.get_mut(name).ok_or_else(|| unseen(name))?;
        let head = &mut symbol.head;
        let advanced = symbol.engine.advance(ts, &mut |row| {
            head.take(forecaster, network.as_mut(), row);
            if head.refusal.is_none() {
                call(&head.answer);
            }
        });
        advanced.map_err(|error| Reason::Malformed {
            message: error.to_string(),
        })?;
        symbol.now = symbol.now.max(ts);
        Ok(())
    }

    /// The latest forecast of a symbol.
    ///
    /// # Errors
    /// `Reason` why there is none.
    pub fn predict(&self, name: &str) -> Result<&Answer, Reason> {
        let Some(symbol) = self.symbols.get(name) else {
            let need = self.engine.warmup() + self.forecaster.window() as u64;
            return Err(if self.symbols.is_empty() {
                Reason::WarmingUp { have: 0, need }
            } else {
                unseen(name)
            });
        };
        match &symbol.head.refusal {
            Some(Reason::NotReady { ts, field }) => {
                let at = field.strip_prefix('#').and_then(|at| at.parse::<usize>().ok());
                let field = at
                    .and_then(|at| self.engine.features.get(at))
                    .map_or(field.clone(), |feature| feature.name.clone());
                return Err(Reason::NotReady { ts: *ts, field });
            }
            Some(reason) => return Err(reason.clone()),
            None => {}
        }
        let (age_ns, limit_ns) = (symbol.now.saturating_sub(symbol.head.answer.ts), self.manifest.max_age_ns);
        if age_ns > limit_ns {
            Err(Reason::Stale { age_ns, limit_ns })
        } else {
            Ok(&symbol.head.answer)
        }
    }

    /// Goes on where `before` stood, as far as the bundles are alike; see `Kept`. A forecast of the old bundle is never repeated.
    ///
    /// # Errors
    /// `Reason::Failed` when there is no memory for a network's state; `before` is whole then.
    pub fn take_over(&mut self, before: &mut Self) -> Result<Kept, Reason> {
        if self.features != before.features {
            return Ok(Kept::Nothing);
        }
        let mut fresh = Vec::with_capacity(before.symbols.len());
        for _ in 0..before.symbols.len() {
            fresh.push(self.fresh()?);
        }
        let same = self.model == before.model;
        for ((name, mut old), mut new) in std::mem::take(&mut before.symbols).into_iter().zip(fresh) {
            std::mem::swap(&mut new.engine, &mut old.engine);
            (new.last, new.now, new.segment) = (old.last, old.now, old.segment);
            new.head.follow(old.head, same, self.forecaster.window() as u64);
            self.symbols.insert(name, new);
        }
        Ok(if same { Kept::All } else { Kept::Features })
    }

    /// Forgets every symbol.
    pub fn clear(&mut self) {
        self.symbols.clear();
    }

    /// Everything remembered, as JSON that `restore` continues from to the bit.
    ///
    /// # Errors
    /// `Reason::Failed` when the engine cannot be saved.
    pub fn save(&mut self) -> Result<String, Reason> {
        let failed = |message: String| Reason::Failed { message };
        let mut saved = BTreeMap::new();
        for (name, symbol) in &mut self.symbols {
            saved.insert(name.clone(), symbol.save().map_err(failed)?);
        }
        serde_json::to_string(&(&self.hash, saved)).map_err(|error| failed(error.to_string()))
    }

    /// Takes what `save` gave; on an error the memory is as it was.
    ///
    /// # Errors
    /// `Reason::Malformed` for the state of another bundle.
    pub fn restore(&mut self, saved: &str) -> Result<(), Reason> {
        let bad = |message: String| Reason::Malformed {
            message: format!("saved state: {message}"),
        };
        let (hash, saved): (String, BTreeMap<String, Snapshot>) = serde_json::from_str(saved).map_err(|e| bad(e.to_string()))?;
        if hash != self.hash {
            return Err(bad(format!("it belongs to bundle {hash}")));
        }
        let mut symbols = BTreeMap::new();
        for (name, snapshot) in saved {
            let mut symbol = self.fresh()?;
            symbol.restore(&snapshot).map_err(bad)?;
            symbols.insert(name, symbol);
        }
        self.symbols = symbols;
        Ok(())
    }
}

fn unseen(name: &str) -> Reason {
    Reason::Symbol {
        symbol: name.into(),
        message: "has not been seen. Send its events first".into(),
    }
}

/// Prices of trades and bars are positive: research sets other rows aside, so live refuses them.
fn prices(graph: &Graph) -> Vec<bool> {
    let known = matches!(graph.stream.as_str(), "trades" | "bars");
    let price = |name: &String| known && matches!(name.as_str(), "price" | "open" | "high" | "low" | "close");
    graph.inputs.iter().map(price).collect()
}
