//! A new bundle in the place of the old one, while requests go on.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use super::routes::{Shared, answer};
use crate::predictor::{BundleFault, Kept, Predictor};

/// Where a new bundle is named.
pub(super) const PATH: &str = "/v1/bundle";

/// Bytes that name a folder at most.
const LARGEST: usize = 8192;

/// What loading needs; the lock lets one bundle load at a time.
pub(super) struct Exchange {
    pub onnxruntime: PathBuf,
    pub turn: Mutex<()>,
}

/// What an exchange came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swapped {
    /// Hashes of the bundle that serves now and of the one before.
    pub bundle: String,
    pub before: String,
    pub kept: Kept,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    folder: PathBuf,
}

impl Kept {
    /// One word for programs, one sentence for people.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Kept::All => ("all", "every symbol goes on; forecasts come with the next row"),
            Kept::Features => ("features", "features go on, the network's memory begins anew"),
            Kept::Nothing => ("nothing", "every symbol warms up anew"),
        }
    }
}

/// Loads, verifies and replays the bundle in `folder` beside the one that serves, then exchanges them between two requests.
pub(super) fn exchange(shared: &Shared, folder: &Path) -> Result<Swapped, BundleFault> {
    let mut new = Predictor::open(folder, &shared.exchange.onnxruntime)?;
    let mut serving = shared.predictor();
    let (bundle, before) = (new.hash().to_string(), serving.hash().to_string());
    if bundle == before {
        return Ok(Swapped {
            bundle,
            before,
            kept: Kept::All,
        });
    }
    let kept = new
        .take_over(&mut serving)
        .map_err(|reason| BundleFault::new("model.onnx", reason.to_string(), "Free some memory"))?;
    let old = std::mem::replace(&mut *serving, new);
    drop(serving);
    drop(old);
    Ok(Swapped { bundle, before, kept })
}

/// The folder that a request names: whole, without detours, and a folder itself.
fn plain(body: &[u8]) -> Result<PathBuf, String> {
    let asked: Asked = serde_json::from_slice(body).map_err(|error| format!("the body is not {{\"folder\": …}}: {error}"))?;
    let straight = asked
        .folder
        .components()
        .all(|part| matches!(part, Component::RootDir | Component::Prefix(_) | Component::Normal(_)));
    if !asked.folder.is_absolute() || !straight {
        return Err("folder is no absolute path without detours. Give the whole path".into());
    }
    match fs::symlink_metadata(&asked.folder) {
        Ok(facts) if facts.is_dir() => Ok(asked.folder),
        _ => Err("folder is no folder that the server may read. Check the path".into()),
    }
}

pub(super) async fn swap(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let hash = || shared.predictor().hash().to_string();
    let refuse = |status, reason: &str, message: String, file: Option<String>| {
        answer(
            status,
            &json!({"bundle": hash(), "reason": reason, "message": message, "file": file}),
        )
    };
    let Ok(Ok(body)) = tokio::time::timeout(shared.patience, to_bytes(request.into_body(), LARGEST)).await else {
        let message = format!("the body is no {LARGEST} bytes that arrive in time");
        return refuse(StatusCode::REQUEST_TIMEOUT, "timeout", message, None);
    };
    let folder = match plain(&body) {
        Ok(folder) => folder,
        Err(message) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, "malformed", message, None),
    };
    let Ok(_turn) = shared.exchange.turn.try_lock() else {
        let message = "another bundle is being loaded. Wait for its answer";
        return refuse(StatusCode::CONFLICT, "busy", message.into(), None);
    };
    let side = shared.clone();
    match tokio::task::spawn_blocking(move || exchange(&side, &folder)).await {
        Ok(Ok(done)) => {
            let (kept, message) = done.kept.words();
            answer(
                StatusCode::OK,
                &json!({"bundle": done.bundle, "before": done.before, "kept": kept, "message": message}),
            )
        }
        Ok(Err(fault)) => refuse(StatusCode::UNPROCESSABLE_ENTITY, "bundle", one_line(&fault), Some(fault.file)),
        Err(_) => refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "failed",
            "loading stopped half way. The old bundle serves on".into(),
            None,
        ),
    }
}

fn one_line(fault: &BundleFault) -> String {
    fault.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
