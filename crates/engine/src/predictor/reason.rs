//! Why there is no forecast, or why an event was refused. Never a number in its place.

use std::fmt;

/// A refusal; `code` is for programs, `Display` is one line for people.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// Too few rows yet.
    WarmingUp { have: u64, need: u64 },
    /// The row cannot be used although the warm-up is over.
    NotReady { ts: i64, field: String },
    /// The last row is too old to speak about now.
    Stale { age_ns: i64, limit_ns: i64 },
    /// No session of the bundle's calendar is open at `ts`.
    Closed { ts: i64 },
    /// The event is older than one already taken.
    OutOfOrder { ts: i64, last: i64 },
    /// A field of the event is absent.
    Missing { field: String, nearest: Option<String> },
    /// The bundle has no such input.
    Unknown {
        field: String,
        nearest: Option<String>,
        known: String,
    },
    /// A field's value cannot be used.
    BadValue {
        field: String,
        found: String,
        wanted: &'static str,
    },
    /// A field is given twice.
    Repeated { field: String },
    /// The request is no JSON of the expected form.
    Malformed { message: String },
    /// The predictor has never seen the symbol, or has no room for it.
    Symbol { symbol: String, message: String },
    /// The network or the law failed on finite inputs.
    Failed { message: String },
}

impl Reason {
    /// One word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::WarmingUp { .. } => "warming_up",
            Reason::NotReady { .. } => "not_ready",
            Reason::Stale { .. } => "stale",
            Reason::Closed { .. } => "closed",
            Reason::OutOfOrder { .. } => "out_of_order",
            Reason::Missing { .. } => "missing_field",
            Reason::Unknown { .. } => "unknown_field",
            Reason::BadValue { .. } => "bad_value",
            Reason::Repeated { .. } => "repeated_field",
            Reason::Malformed { .. } => "malformed",
            Reason::Symbol { .. } => "unknown_symbol",
            Reason::Failed { .. } => "failed",
        }
    }

    /// The field it is about.
    pub fn field(&self) -> Option<&str> {
        match self {
            Reason::NotReady { field, .. } | Reason::Missing { field, .. } => Some(field),
            Reason::Unknown { field, .. } | Reason::BadValue { field, .. } | Reason::Repeated { field } => Some(field),
            Reason::Closed { .. } | Reason::OutOfOrder { .. } => Some("ts"),
            _ => None,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::WarmingUp { have, need } => write!(f, "warming up: {have} of {need} rows seen. Send earlier events first"),
            Reason::NotReady { ts, field } => write!(f, "field {field} is not a number in the row at ts {ts}. Wait for the next row"),
            Reason::Stale { age_ns, limit_ns } => {
                let seconds = |ns: &i64| *ns as f64 / 1e9;
                write!(
                    f,
                    "the last row is {:.3} s old, more than {:.3} s. Send newer events",
                    seconds(age_ns),
                    seconds(limit_ns)
                )
            }
            Reason::Closed { ts } => write!(
                f,
                "ts {ts} lies in no session of the bundle's calendar. Check that it is UTC nanoseconds"
            ),
            Reason::OutOfOrder { ts, last } => write!(f, "ts {ts} is before the last event at {last}. Send events in time order"),
            Reason::Missing { field, nearest } => match nearest {
                Some(near) => write!(f, "field {field} is missing. Rename {near} if it is meant"),
                None => write!(f, "field {field} is missing. Send every input of the bundle"),
            },
            Reason::Unknown { field, nearest, known } => match nearest {
                Some(near) => write!(f, "field {field} is no input of this bundle. Did you mean {near}?"),
                None => write!(f, "field {field} is no input of this bundle. Known: {known}"),
            },
            Reason::BadValue { field, found, wanted } => write!(f, "field {field} is {found}, not {wanted}. Drop the event or repair it"),
            Reason::Repeated { field } => write!(f, "field {field} is given twice. Send it once"),
            Reason::Malformed { message } => write!(f, "{message}"),
            Reason::Symbol { symbol, message } => write!(f, "symbol {symbol:?} {message}"),
            Reason::Failed { message } => write!(f, "{message}"),
        }
    }
}

/// The name among `known` that is closest to `name`, when it is close at all.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let limit = (name.chars().count() / 2).clamp(1, 3);
    let best = known.map(|k| (distance(name, k), k)).min_by_key(|(d, _)| *d)?;
    (best.0 <= limit).then(|| best.1.to_string())
}

/// Edits between two names, case ignored.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_finds_typing_errors_only() {
        let names = ["close", "volume", "ts"];
        assert_eq!(nearest("Close", names.into_iter()).as_deref(), Some("close"));
        assert_eq!(nearest("volum", names.into_iter()).as_deref(), Some("volume"));
        assert_eq!(nearest("spread_bps", names.into_iter()), None);
    }
}
