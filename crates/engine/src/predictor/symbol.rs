//! What is remembered of one symbol.

use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::forecaster::Forecaster;
use super::network::{Carrier, Network};
use super::reason::Reason;
use crate::features::{Engine, Row, State};

/// A symbol's memory, to be restored to the bit.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Snapshot {
    engine: State,
    window: Vec<u32>,
    states: Vec<Vec<u32>>,
    filled: u64,
    seen: u64,
    segment: i64,
    last: i64,
    now: i64,
    answer: Option<Answer>,
}

/// Feature engine, window or carried state, and the latest answer.
pub(super) struct Symbol {
    pub engine: Engine,
    pub head: Head,
    /// The last event, and the latest moment known of.
    pub last: i64,
    pub now: i64,
    /// Segment of the last event.
    pub segment: i64,
}

/// The part behind the feature engine.
pub(super) struct Head {
    carrier: Option<Carrier>,
    window: Vec<f32>,
    filled: u64,
    seen: u64,
    segment: i64,
    warmup: u64,
    spare: Vec<f64>,
    pub answer: Answer,
    /// Why `answer` does not count, if it does not.
    pub refusal: Option<Reason>,
}

impl Symbol {
    pub fn new(engine: Engine, forecaster: &Forecaster, network: Option<&Network>) -> Result<Self, String> {
        let warmup = engine.graph().warmup() + forecaster.window() as u64;
        let head = Head {
            carrier: network.map(Network::carrier).transpose()?,
            window: vec![0.0; forecaster.window() * forecaster.columns.len()],
            filled: 0,
            seen: 0,
            segment: 0,
            warmup,
            spare: Vec::new(),
            answer: Answer {
                law: vec![0.0; forecaster.horizons * forecaster.size],
                ..Answer::default()
            },
            refusal: Some(Reason::WarmingUp { have: 0, need: warmup }),
        };
        Ok(Self {
            engine,
            head,
            last: i64::MIN,
            now: i64::MIN,
            segment: 0,
        })
    }

    pub fn save(&mut self) -> Result<Snapshot, String> {
        let engine = self.engine.save().map_err(|error| error.to_string())?;
        let states = self.head.carrier.as_ref().map(Carrier::save).unwrap_or_default();
        let window = self.head.window.iter().map(|x| x.to_bits()).collect();
        Ok(Snapshot {
            engine,
            window,
            states,
            filled: self.head.filled,
            seen: self.head.seen,
            segment: self.head.segment,
            last: self.last,
            now: self.now,
            answer: self.head.refusal.is_none().then(|| self.head.answer.clone()),
        })
    }

    /// Err when the snapshot belongs to another bundle; the symbol must then be thrown away.
    pub fn restore(&mut self, saved: &Snapshot) -> Result<(), String> {
        self.engine.restore(&saved.engine).map_err(|error| error.to_string())?;
        if saved.window.len() != self.head.window.len() {
            return Err("the saved window has another size".into());
        }
        self.head
            .window
            .iter_mut()
            .zip(&saved.window)
            .for_each(|(to, from)| *to = f32::from_bits(*from));
        if self.head.carrier.as_mut().is_some_and(|carrier| !carrier.restore(&saved.states)) {
            return Err("the saved state has another size".into());
        }
        (self.head.filled, self.head.seen, self.head.segment) = (saved.filled, saved.seen, saved.segment);
        (self.last, self.now, self.segment) = (saved.last, saved.now, saved.segment);
        self.head.refusal = Some(self.head.warming());
        if let Some(answer) = &saved.answer {
            let ours = &self.head.answer;
            if answer.law.len() != ours.law.len() || answer.scale.len() != answer.outputs.len() {
                return Err("the saved forecast has another size".into());
            }
            (self.head.answer, self.head.refusal) = (answer.clone(), None);
        }
        Ok(())
    }
}

impl Head {
    /// Goes on from the head of an earlier bundle with the same features: with its memory when that is the `same` network's.
    pub fn follow(&mut self, before: Head, same: bool, window: u64) {
        self.segment = before.segment;
        let states = before.carrier.as_ref().map(Carrier::save).unwrap_or_default(); // a binding belongs to its session, so values move
        if same && self.carrier.as_mut().is_none_or(|carrier| carrier.restore(&states)) {
            (self.window, self.filled, self.seen) = (before.window, before.filled, before.seen);
        } else {
            self.seen = before.seen.min(self.warmup - window);
        }
        self.refusal = Some(self.warming());
    }

    fn warming(&self) -> Reason {
        Reason::WarmingUp {
            have: self.seen.min(self.warmup - 1),
            need: self.warmup,
        }
    }

    /// Takes one row of features in; afterwards `answer` or `refusal` speaks about it.
    pub fn take(&mut self, forecaster: &Forecaster, network: Option<&mut Network>, row: Row<'_>) {
        if row.segment != self.segment {
            (self.filled, self.seen, self.segment) = (0, 0, row.segment);
            if let Some(carrier) = &mut self.carrier {
                carrier.clear();
            }
        }
        self.seen += 1;
        self.refusal = self.answered(forecaster, network, row).err();
    }

    fn answered(&mut self, forecaster: &Forecaster, network: Option<&mut Network>, row: Row<'_>) -> Result<(), Reason> {
        let unknown = forecaster.needed.iter().find(|at| !row.values[**at].is_finite());
        if unknown.is_some() || !(row.price.is_finite() && row.price > 0.0) {
            self.filled = 0;
            if self.seen < self.warmup {
                return Err(Reason::WarmingUp {
                    have: self.seen,
                    need: self.warmup,
                });
            }
            return Err(Reason::NotReady {
                ts: row.ts,
                field: unknown.map_or("price".into(), |at| format!("#{at}")),
            });
        }
        self.filled += 1;
        (self.answer.ts, self.answer.session, self.answer.segment, self.answer.price) = (row.ts, row.session, row.segment, row.price);
        match (network, &mut self.carrier) {
            (Some(network), Some(carrier)) => {
                let k = forecaster.columns.len();
                let at = self.window.len() - k;
                self.window.copy_within(k.., 0);
                forecaster.standardized(row.values, &mut self.window[at..]);
                if self.filled < forecaster.window() as u64 {
                    return Err(Reason::WarmingUp {
                        have: self.seen.min(self.warmup - 1),
                        need: self.warmup,
                    });
                }
                carrier.x.extract_tensor_mut().1.copy_from_slice(&self.window);
                network
                    .run(carrier, &mut self.answer.law)
                    .map_err(|message| Reason::Failed { message })?;
            }
            _ if forecaster.fixed(row.values, &mut self.answer.law) => {}
            _ => {
                return Err(Reason::Failed {
                    message: "the slot of the fixed law is below zero".into(),
                });
            }
        }
        let settled = forecaster.finish(row.values, &mut self.spare, &mut self.answer);
        settled.map_err(|message| Reason::Failed { message: message.into() })
    }
}
