//! What is answered where.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tokio::sync::{broadcast, watch};

use super::gate::Gate;
use super::sheet;
use super::swap;
use crate::predictor::{Event, Fields, Predictor, Reason};

/// Upper bounds of the update latency histogram, in microseconds.
const BOUNDS: [u64; 9] = [5, 10, 25, 50, 100, 250, 1000, 10_000, 100_000];
const LARGEST_BODY: usize = 1 << 20;
/// Verifying and replaying a new bundle may take this long; its request is not cut off before.
const LOADING: Duration = Duration::from_secs(300);
/// Bodies from this many bytes on are worked on while other requests move to another thread.
const LONG: usize = 8192;

/// What every request sees.
pub(super) struct Shared {
    pub predictor: Mutex<Predictor>,
    pub gate: Gate,
    /// How long a request, or a stream's client, may keep the server waiting.
    pub patience: Duration,
    pub exchange: swap::Exchange,
    pub stream: broadcast::Sender<Arc<str>>,
    pub stop: watch::Receiver<bool>,
    pub counts: Counts,
}

#[derive(Default)]
pub(super) struct Counts {
    requests: AtomicU64,
    refused: AtomicU64,
    events: AtomicU64,
    forecasts: AtomicU64,
    clients: AtomicU64,
    dropped: AtomicU64,
    latency: [AtomicU64; 10],
    nanoseconds: AtomicU64,
}

impl Shared {
    /// A thread that died while holding the lock leaves whole values behind: nothing inside panics half way.
    pub(super) fn predictor(&self) -> MutexGuard<'_, Predictor> {
        self.predictor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/events", post(events))
        .route("/v1/bundle", post(swap::swap))
        .route("/v1/forecast", get(forecast))
        .route("/v1/stream", get(stream))
        .route("/live", get(|| async { answer(StatusCode::OK, &json!({"live": true})) }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn_with_state(shared.clone(), gate))
        .with_state(shared)
}

pub(super) fn answer(status: StatusCode, value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

async fn gate(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    shared.counts.requests.fetch_add(1, Ordering::Relaxed);
    if let Err((status, message)) = shared.gate.admit(request.method(), request.uri(), request.headers()) {
        shared.counts.refused.fetch_add(1, Ordering::Relaxed);
        return answer(status, &json!({"reason": "refused", "message": message}));
    }
    let late = answer(
        StatusCode::REQUEST_TIMEOUT,
        &json!({"reason": "timeout", "message": "the request took too long"}),
    );
    let limit = if request.uri().path() == swap::PATH {
        LOADING
    } else {
        shared.patience
    };
    tokio::time::timeout(limit, next.run(request)).await.unwrap_or(late)
}

/// Every event of the request is checked before the first is taken in.
fn checked(predictor: &Predictor, body: &[u8]) -> Result<Vec<Event>, (Option<usize>, Reason)> {
    let malformed = |error: serde_json::Error| {
        (
            None,
            Reason::Malformed {
                message: format!("the body is no JSON list of events: {error}"),
            },
        )
    };
    let rows: Vec<Fields> = match body.trim_ascii_start().first() {
        Some(b'{') => vec![serde_json::from_slice(body).map_err(malformed)?],
        _ => serde_json::from_slice(body).map_err(malformed)?,
    };
    let read = rows
        .iter()
        .enumerate()
        .map(|(i, row)| predictor.event(row).map_err(|reason| (Some(i + 1), reason)));
    let events = read.collect::<Result<Vec<_>, _>>()?;
    predictor.admit(&events).map_err(|(i, reason)| (Some(i + 1), reason))?;
    Ok(events)
}

async fn events(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    if body.len() > LONG {
        tokio::task::block_in_place(|| take(&shared, &body))
    } else {
        take(&shared, &body)
    }
}

fn take(shared: &Shared, body: &[u8]) -> Response {
    let mut predictor = shared.predictor();
    let hash = predictor.hash().to_string();
    let refuse = |status, row, reason: &Reason| {
        shared.counts.refused.fetch_add(1, Ordering::Relaxed);
        answer(status, &sheet::refusal(&hash, reason, row))
    };
    let events = match checked(&predictor, body) {
        Ok(events) => events,
        Err((row, reason)) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, row, &reason),
    };
    let (mut forecasts, mut made) = (0, Vec::new());
    for (i, event) in events.iter().enumerate() {
        let (start, followed) = (Instant::now(), shared.stream.receiver_count() > 0);
        let mut count = 0;
        let taken = predictor.update(event, &mut |answer| {
            count += 1;
            if followed {
                made.push(answer.clone());
            }
        });
        shared.counts.taken(start.elapsed(), count);
        if let Err(reason) = taken {
            // Only memory that ran out can bring us here: everything else has been rehearsed.
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, Some(i + 1), &reason);
        }
        forecasts += count;
        for one in made.drain(..) {
            let text: Arc<str> = sheet::forecast(&predictor, &event.symbol, &one, false).to_string().into();
            let _ = shared.stream.send(text);
        }
    }
    answer(
        StatusCode::OK,
        &json!({"bundle": hash, "events": events.len(), "forecasts": forecasts}),
    )
}

impl Counts {
    fn taken(&self, time: Duration, forecasts: u64) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.latency[BOUNDS.iter().position(|bound| us <= *bound).unwrap_or(BOUNDS.len())].fetch_add(1, Ordering::Relaxed);
        self.nanoseconds
            .fetch_add(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.events.fetch_add(1, Ordering::Relaxed);
        self.forecasts.fetch_add(forecasts, Ordering::Relaxed);
    }
}

async fn forecast(State(shared): State<Arc<Shared>>, Query(asked): Query<BTreeMap<String, String>>) -> Response {
    let predictor = shared.predictor();
    let symbol = asked.get("symbol").map_or("", String::as_str);
    match predictor.predict(symbol) {
        Ok(one) => answer(
            StatusCode::OK,
            &sheet::forecast(&predictor, symbol, one, asked.get("full").is_some_and(|full| full == "1")),
        ),
        Err(reason @ Reason::Symbol { .. }) => answer(StatusCode::NOT_FOUND, &sheet::refusal(predictor.hash(), &reason, None)),
        Err(reason) => answer(StatusCode::CONFLICT, &sheet::refusal(predictor.hash(), &reason, None)),
    }
}

async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let predictor = shared.predictor();
    let first = predictor.predict("").map(|_| ());
    let found = predictor
        .symbols()
        .map(|symbol| predictor.predict(symbol).map(|_| ()))
        .fold(first, Result::or);
    match found {
        Ok(()) => answer(StatusCode::OK, &json!({"ready": true, "bundle": predictor.hash()})),
        Err(reason) => answer(StatusCode::SERVICE_UNAVAILABLE, &sheet::refusal(predictor.hash(), &reason, None)),
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    let (c, mut text) = (&shared.counts, String::new());
    let all = [
        ("requests", &c.requests),
        ("refused", &c.refused),
        ("events", &c.events),
        ("forecasts", &c.forecasts),
        ("dropped_clients", &c.dropped),
    ];
    for (name, count) in all {
        let _ = write!(
            text,
            "# TYPE tickcast_{name}_total counter\ntickcast_{name}_total {}\n",
            count.load(Ordering::Relaxed)
        );
    }
    let _ = write!(
        text,
        "# TYPE tickcast_stream_clients gauge\ntickcast_stream_clients {}\n",
        c.clients.load(Ordering::Relaxed)
    );
    let _ = write!(
        text,
        "# TYPE tickcast_bundle_info gauge\ntickcast_bundle_info{{hash=\"{}\"}} 1\n",
        shared.predictor().hash()
    );
    let (name, mut sum) = ("tickcast_update_seconds", 0);
    let _ = writeln!(text, "# TYPE {name} histogram");
    for (i, count) in c.latency.iter().enumerate() {
        sum += count.load(Ordering::Relaxed);
        let bound = BOUNDS.get(i).map_or("+Inf".into(), |us| format!("{}", *us as f64 / 1e6));
        let _ = writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {sum}");
    }
    let _ = write!(
        text,
        "{name}_sum {}\n{name}_count {sum}\n",
        c.nanoseconds.load(Ordering::Relaxed) as f64 / 1e9
    );
    let mut response = Response::new(Body::from(text));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; version=0.0.4"));
    response
}

async fn stream(State(shared): State<Arc<Shared>>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.max_message_size(4096).on_upgrade(move |socket| follow(shared, socket))
}

/// Sends each new forecast until the client leaves, is too slow, or the server stops.
async fn follow(shared: Arc<Shared>, mut socket: WebSocket) {
    let (mut news, mut stop) = (shared.stream.subscribe(), shared.stop.clone());
    shared.counts.clients.fetch_add(1, Ordering::Relaxed);
    loop {
        tokio::select! {
            one = news.recv() => {
                let Ok(text) = one else {
                    shared.counts.dropped.fetch_add(1, Ordering::Relaxed);
                    break;
                };
                if !matches!(tokio::time::timeout(shared.patience, socket.send(Message::Text(text.as_ref().into()))).await, Ok(Ok(()))) {
                    shared.counts.dropped.fetch_add(1, Ordering::Relaxed);
                    break;
                }
            }
            heard = socket.recv() => if !matches!(heard, Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Text(_)))) { break },
            _ = stop.changed() => break,
        }
    }
    let _ = tokio::time::timeout(shared.patience, socket.send(Message::Close(None))).await;
    shared.counts.clients.fetch_sub(1, Ordering::Relaxed);
}
