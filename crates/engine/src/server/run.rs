//! Starting and stopping.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, broadcast, watch};

use super::gate::Gate;
use super::routes::{Shared, router};
use super::swap::{Exchange, Swapped, exchange};
use crate::predictor::{BundleFault, Predictor};

/// Connections at once, and forecasts that wait for one WebSocket client.
const CONNECTIONS: usize = 4096;
const QUEUE: usize = 8192;

/// Where to listen and who may write.
pub struct Settings {
    pub host: IpAddr,
    /// 0 takes a free one.
    pub port: u16,
    pub token: String,
    /// Further names that a Host header may have, without port.
    pub names: Vec<String>,
    /// How long a request, or a stream's client, may keep the server waiting; five seconds is plenty.
    pub patience: Duration,
    /// The ONNX Runtime library, for the bundles to come.
    pub onnxruntime: PathBuf,
}

/// A running server; dropping it stops it.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

impl Server {
    /// Listens and answers on threads of its own.
    ///
    /// # Errors
    /// One line when the address cannot be had or the token is shorter than 16 characters.
    pub fn start(predictor: Predictor, settings: Settings) -> Result<Self, String> {
        if settings.token.len() < 16 {
            return Err("the token is shorter than 16 characters".into());
        }
        let listener =
            TcpListener::bind((settings.host, settings.port)).map_err(|e| format!("{}:{}: {e}", settings.host, settings.port))?;
        listener.set_nonblocking(true).map_err(|e| e.to_string())?;
        let address = listener.local_addr().map_err(|e| e.to_string())?;
        let bracketed = match settings.host {
            IpAddr::V4(host) => host.to_string(),
            IpAddr::V6(host) => format!("[{host}]"),
        };
        let own = ["127.0.0.1", "localhost", "[::1]"].map(String::from).into_iter();
        let names = own.chain([bracketed]).chain(settings.names).map(|name| name.to_ascii_lowercase());
        let port = address.port();
        let hosts = names
            .flat_map(|name| {
                let bare = (port == 80).then(|| name.clone()); // browsers leave the usual port out
                bare.into_iter().chain([format!("{name}:{port}")])
            })
            .collect();
        let gate = Gate {
            hosts,
            token: settings.token,
            closed: !settings.host.is_loopback(),
        };
        let (stop, stopped) = watch::channel(false);
        let shared = Arc::new(Shared {
            predictor: Mutex::new(predictor),
            gate,
            patience: settings.patience,
            exchange: Exchange {
                onnxruntime: settings.onnxruntime,
                turn: Default::default(),
            },
            stream: broadcast::channel(QUEUE).0,
            stop: stopped.clone(),
            counts: Default::default(),
        });
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|e| e.to_string())?;
        runtime.spawn(accept(listener, shared.clone(), stopped));
        Ok(Self {
            address,
            stop,
            shared,
            runtime: Some(runtime),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Exchanges the bundle for the one in `folder`; on an error the old one serves on.
    ///
    /// # Errors
    /// `BundleFault` naming the file.
    pub fn load(&self, folder: &Path) -> Result<Swapped, BundleFault> {
        let _turn = self.shared.exchange.turn.blocking_lock();
        exchange(&self.shared, folder)
    }

    /// Takes no more connections, tells the streams and waits up to two seconds for answers under way.
    pub fn stop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(2));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let (patience, router, room) = (shared.patience, router(shared), Arc::new(Semaphore::new(CONNECTIONS)));
    loop {
        let socket = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.changed() => return,
        };
        let Ok((socket, _)) = socket else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(permit) = room.clone().try_acquire_owned() else { continue };
        let _ = socket.set_nodelay(true);
        let (service, mut stop) = (TowerToHyperService::new(router.clone()), stop.clone());
        tokio::spawn(async move {
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(patience).max_buf_size(16 * 1024);
            let connection = http.serve_connection(TokioIo::new(socket), service).with_upgrades();
            tokio::pin!(connection);
            tokio::select! {
                _ = connection.as_mut() => {}
                _ = stop.changed() => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
            drop(permit);
        });
    }
}
