//! Starting and stopping.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, broadcast, watch};

use super::gate::Gate;
use super::routes::{Shared, router};
use crate::predictor::Predictor;

/// Connections at once, and forecasts that wait for one WebSocket client.
const CONNECTIONS: usize = 4096;
const QUEUE: usize = 64;

/// Where to listen and who may write.
pub struct Settings {
    pub host: IpAddr,
    /// 0 takes a free one.
    pub port: u16,
    pub token: String,
    /// Further names that a Host header may have, without port.
    pub names: Vec<String>,
}

/// A running server; dropping it stops it.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
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
        let names = ["127.0.0.1", "localhost", "[::1]"]
            .map(String::from)
            .into_iter()
            .chain([settings.host.to_string()])
            .chain(settings.names);
        let hosts = names
            .map(|name| format!("{}:{}", name.to_ascii_lowercase(), address.port()))
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
            stream: broadcast::channel(QUEUE).0,
            stop: stopped.clone(),
            counts: Default::default(),
        });
        let runtime = Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(|e| e.to_string())?;
        runtime.spawn(accept(listener, shared, stopped));
        Ok(Self {
            address,
            stop,
            runtime: Some(runtime),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
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
    let (router, room) = (router(shared), Arc::new(Semaphore::new(CONNECTIONS)));
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
            http.timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(5))
                .max_buf_size(16 * 1024);
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
