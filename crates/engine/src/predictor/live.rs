//! The predictor: one bundle, many symbols.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::answer::Answer;
use super::forecaster::Forecaster;
use super::golden::Golden;
use super::manifest::{BundleFault, Contents, Manifest};
use super::network::Network;
use super::reason::{Reason, nearest};
use super::sessions::Sessions;
use super::symbol::{Snapshot, Symbol};
use crate::features::{Engine, Graph};
use crate::law::Law;

/// Symbols that one predictor remembers at most.
const MOST_SYMBOLS: usize = 1024;
const REWRITE: &str = "Write the bundle with this version of tickcast";

/// One event whose fields have been checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    pub symbol: String,
    pub ts: i64,
    pub session: i64,
    pub segment: Option<i64>,
    /// In the order of the bundle's inputs.
    pub values: Vec<f64>,
}

/// A verified bundle and the memory of every symbol it has seen.
pub struct Predictor {
    hash: String,
    manifest: Manifest,
    sessions: Sessions,
    engine: Graph,
    forecaster: Forecaster,
    network: Option<Network>,
    symbols: BTreeMap<String, Symbol>,
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
        Engine::new(&graph).map_err(|e| bad("features.json", e.to_string()))?;
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
            sessions,
            engine: graph,
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

    /// An event from JSON fields: `ts`, exactly the bundle's inputs, and optionally `symbol` and `segment_id`.
    ///
    /// # Errors
    /// `Reason` naming the field.
    pub fn event(&self, fields: &Map<String, Value>) -> Result<Event, Reason> {
        let known = || self.engine.inputs.iter().map(String::as_str).chain(["ts", "symbol", "segment_id"]);
        if let Some(field) = fields.keys().find(|key| !known().any(|name| name == key.as_str())) {
            let near = nearest(field, known().filter(|name| !fields.contains_key(*name)));
            return Err(Reason::Unknown {
                field: field.clone(),
                nearest: near,
                known: known().collect::<Vec<_>>().join(", "),
            });
        }
        let need = |field: &str| {
            let near = || nearest(field, fields.keys().map(String::as_str).filter(|k| !known().any(|name| name == *k)));
            fields.get(field).ok_or_else(|| Reason::Missing {
                field: field.into(),
                nearest: near(),
            })
        };
        let bad = |field: &str, found: &Value| Reason::BadValue {
            field: field.into(),
            found: found.to_string(),
        };
        let whole = |field: &str, value: &Value| value.as_i64().ok_or_else(|| bad(field, value));
        let ts = need("ts").and_then(|value| whole("ts", value))?;
        let values = self.engine.inputs.iter().map(|name| {
            let value = need(name)?;
            value.as_f64().filter(|x| x.is_finite()).ok_or_else(|| bad(name, value))
        });
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let segment = fields.get("segment_id").map(|value| whole("segment_id", value)).transpose()?;
        let symbol = match fields.get("symbol") {
            None => String::new(),
            Some(Value::String(text)) if text.len() <= 64 => text.clone(),
            Some(other) => return Err(bad("symbol", other)),
        };
        let session = self.sessions.close_of(ts).ok_or(Reason::Closed { ts })?;
        Ok(Event {
            symbol,
            ts,
            session,
            segment,
            values,
        })
    }

    /// An event from values in the order of the inputs.
    ///
    /// # Errors
    /// `Reason` naming the field.
    pub fn ordered_event(&self, symbol: &str, ts: i64, segment: Option<i64>, values: &[f64]) -> Result<Event, Reason> {
        for (name, value) in self.engine.inputs.iter().zip(values) {
            if !value.is_finite() {
                return Err(Reason::BadValue {
                    field: name.clone(),
                    found: value.to_string(),
                });
            }
        }
        if let Some(name) = self.engine.inputs.get(values.len()) {
            return Err(Reason::Missing {
                field: name.clone(),
                nearest: None,
            });
        }
        let session = self.sessions.close_of(ts).ok_or(Reason::Closed { ts })?;
        Ok(Event {
            symbol: symbol.into(),
            ts,
            session,
            segment,
            values: values.to_vec(),
        })
    }

    /// Err for the first event of a batch that is out of time order; with its position.
    pub fn admit(&self, events: &[Event]) -> Result<(), (usize, Reason)> {
        let mut last: BTreeMap<&str, i64> = self
            .symbols
            .iter()
            .map(|(name, symbol)| (name.as_str(), symbol.now.max(symbol.last)))
            .collect();
        for (row, event) in events.iter().enumerate() {
            if let Some(before) = last.insert(&event.symbol, event.ts).filter(|before| event.ts < *before) {
                return Err((
                    row,
                    Reason::OutOfOrder {
                        ts: event.ts,
                        last: before,
                    },
                ));
            }
            if last.len() > MOST_SYMBOLS {
                let message = format!("is one more than the {MOST_SYMBOLS} this predictor remembers");
                return Err((
                    row,
                    Reason::Symbol {
                        symbol: event.symbol.clone(),
                        message,
                    },
                ));
            }
        }
        Ok(())
    }

    /// Takes one event in; every forecast that it makes known goes to `call`.
    ///
    /// # Errors
    /// `Reason`; nothing is taken in then.
    pub fn update(&mut self, event: &Event, call: &mut dyn FnMut(&Answer)) -> Result<(), Reason> {
        self.admit(std::slice::from_ref(event)).map_err(|(_, reason)| reason)?;
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
            let made = Engine::new(&self.engine).map_err(|error| error.to_string());
            let made = made.and_then(|engine| Symbol::new(engine, &self.forecaster, self.network.as_ref()));
            self.symbols
                .insert(name.into(), made.map_err(|message| Reason::Failed { message })?);
        }
        Ok(())
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
            let engine = Engine::new(&self.engine).map_err(|error| bad(error.to_string()))?;
            let mut symbol = Symbol::new(engine, &self.forecaster, self.network.as_ref()).map_err(bad)?;
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
