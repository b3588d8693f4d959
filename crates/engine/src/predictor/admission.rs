//! What an event must be before anything is taken in.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::live::Predictor;
use super::reason::{Reason, nearest};
use crate::features::Events;

/// Symbols that one predictor remembers at most.
const MOST_SYMBOLS: usize = 1024;
/// Rows of the grid that the events of one request may answer at most: more than a session has at one a second.
const MOST_ROWS: usize = 100_000;
/// Fields that an event may have at most, whatever they are called.
const MOST_FIELDS: usize = 256;

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

/// Fields of an event as they arrived. A field given twice is remembered, since either value could be meant.
#[derive(Debug, Clone, Default)]
pub struct Fields {
    map: Map<String, Value>,
    twice: Option<String>,
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Fields;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event, as a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if fields.map.len() == MOST_FIELDS {
                        return Err(A::Error::custom(format!("an event has more than {MOST_FIELDS} fields")));
                    }
                    if fields.map.insert(name.clone(), value).is_some() {
                        fields.twice = Some(name);
                    }
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

impl Predictor {
    /// An event from JSON fields: `ts`, exactly the bundle's inputs, and optionally `symbol` and `segment_id`.
    ///
    /// # Errors
    /// `Reason` naming the field.
    pub fn event(&self, fields: &Fields) -> Result<Event, Reason> {
        if let Some(field) = &fields.twice {
            return Err(Reason::Repeated { field: field.clone() });
        }
        let fields = &fields.map;
        let known = || self.engine.inputs.iter().map(String::as_str).chain(["ts", "symbol", "segment_id"]);
        if let Some(field) = fields.keys().find(|key| !known().any(|name| name == key.as_str())) {
            let near = nearest(field, known().filter(|name| !fields.contains_key(*name)));
            return Err(Reason::Unknown {
                field: short(field.clone()),
                nearest: near,
                known: known().collect::<Vec<_>>().join(", "),
            });
        }
        let need = |field: &str| {
            fields.get(field).ok_or_else(|| Reason::Missing {
                field: field.into(),
                nearest: None, // a misspelt one was unknown above
            })
        };
        let whole = |field: &str, value: &Value| {
            let found = || short(value.to_string());
            value.as_i64().ok_or_else(|| bad(field, found(), "a whole number of 64 bits"))
        };
        let ts = need("ts").and_then(|value| whole("ts", value))?;
        let values = self.engine.inputs.iter().map(|name| {
            let value = need(name)?;
            let number = value.as_f64().filter(|x| x.is_finite());
            number.ok_or_else(|| bad(name, short(value.to_string()), "a finite number"))
        });
        let values = values.collect::<Result<Vec<_>, _>>()?;
        let segment = fields.get("segment_id").map(|value| whole("segment_id", value)).transpose()?;
        let symbol = match fields.get("symbol") {
            None => "",
            Some(Value::String(text)) if text.len() <= 64 && !text.chars().any(char::is_control) => text,
            Some(other) => {
                return Err(bad(
                    "symbol",
                    short(other.to_string()),
                    "a text of 64 bytes at most without control characters",
                ));
            }
        };
        self.ordered_event(symbol, ts, segment, &values)
    }

    /// An event from values in the order of the inputs.
    ///
    /// # Errors
    /// `Reason` naming the field.
    pub fn ordered_event(&self, symbol: &str, ts: i64, segment: Option<i64>, values: &[f64]) -> Result<Event, Reason> {
        for ((name, value), price) in self.engine.inputs.iter().zip(values).zip(&self.prices) {
            if !value.is_finite() {
                return Err(bad(name, value.to_string(), "a finite number"));
            }
            if *price && *value <= 0.0 {
                return Err(bad(name, value.to_string(), "a positive price"));
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

    /// Whether every event of a request would be taken in, one after another; nothing is changed.
    ///
    /// # Errors
    /// The position of the first that would not, and why.
    pub fn admit(&self, events: &[Event]) -> Result<(), (usize, Reason)> {
        let mut rows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut known = self.symbols.len();
        for (row, event) in events.iter().enumerate() {
            let of = rows.entry(&event.symbol).or_insert_with(|| {
                known += usize::from(!self.symbols.contains_key(&event.symbol));
                Vec::new()
            });
            if known > MOST_SYMBOLS {
                return Err((row, full(&event.symbol)));
            }
            let before = of.last().map_or(self.seen(&event.symbol), |at: &usize| events[*at].ts);
            if event.ts < before {
                return Err((
                    row,
                    Reason::OutOfOrder {
                        ts: event.ts,
                        last: before,
                    },
                ));
            }
            of.push(row);
        }
        let mut answered = 0;
        for (name, rows) in rows {
            answered += self.rehearse(name, events, &rows)?;
            if answered > MOST_ROWS {
                let message = format!("these events span {answered} rows of the grid, more than {MOST_ROWS}. Send fewer at once");
                return Err((rows[0], Reason::Malformed { message }));
            }
        }
        Ok(())
    }

    /// As `admit`, for one event and without the bound on rows, which history replayed in process may exceed.
    pub(super) fn admit_one(&self, event: &Event) -> Result<(), Reason> {
        let last = self.seen(&event.symbol);
        if event.ts < last {
            return Err(Reason::OutOfOrder { ts: event.ts, last });
        }
        if self.symbols.len() >= MOST_SYMBOLS && !self.symbols.contains_key(&event.symbol) {
            return Err(full(&event.symbol));
        }
        Ok(())
    }

    /// The latest moment known of a symbol.
    fn seen(&self, name: &str) -> i64 {
        self.symbols.get(name).map_or(i64::MIN, |symbol| symbol.now.max(symbol.last))
    }

    /// Rows that the engine would answer, by its own clock.
    fn rehearse(&self, name: &str, events: &[Event], rows: &[usize]) -> Result<usize, (usize, Reason)> {
        let (engine, mut segment) = self
            .symbols
            .get(name)
            .map_or((&self.blank, 0), |symbol| (&symbol.engine, symbol.segment));
        let mut columns = (Vec::new(), Vec::new(), Vec::new());
        for event in rows.iter().map(|at| &events[*at]) {
            segment = event.segment.unwrap_or(segment);
            columns.0.push(event.ts);
            columns.1.push(event.session);
            columns.2.push(segment);
        }
        let events = Events {
            ts: &columns.0,
            session: &columns.1,
            segment: &columns.2,
            columns: &[],
        };
        let counted = engine.count(&[events], None).map_err(|error| {
            let message = error.to_string();
            (rows[0], Reason::Malformed { message })
        });
        // where only computing can tell, an event makes about one row
        Ok(counted?.unwrap_or(rows.len()))
    }
}

fn full(symbol: &str) -> Reason {
    let message = format!("is one more than the {MOST_SYMBOLS} this predictor remembers");
    Reason::Symbol {
        symbol: symbol.into(),
        message,
    }
}

fn bad(field: &str, found: String, wanted: &'static str) -> Reason {
    Reason::BadValue {
        field: field.into(),
        found,
        wanted,
    }
}

/// What a stranger wrote, short enough to be repeated to him.
fn short(text: String) -> String {
    match text.char_indices().nth(64) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
