//! A network between the supervisor and a server that cuts connections in the middle of an answer.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::TcpStream;

use crate::background::Background;

/// Passes bytes on; each of the first connections is closed after a number of bytes of the server's.
#[derive(Debug)]
pub struct CuttingProxy {
    server: Background,
    cuts: Arc<Mutex<VecDeque<u64>>>,
}

impl CuttingProxy {
    /// Starts in front of the server at `port`. The first connection is cut after `cuts[0]` bytes, and so on.
    pub fn start(port: u16, cuts: impl IntoIterator<Item = u64>) -> Self {
        let cuts: Arc<Mutex<VecDeque<u64>>> = Arc::new(Mutex::new(cuts.into_iter().collect()));
        let remaining = Arc::clone(&cuts);
        let server = Background::start(async move |listener| {
            while let Ok((client, _)) = listener.accept().await {
                let limit = remaining.lock().unwrap().pop_front().unwrap_or(u64::MAX);
                tokio::spawn(pass(client, port, limit));
            }
        });
        Self { server, cuts }
    }

    /// What to set a `hostname` to.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Connections that are still to be cut.
    pub fn left(&self) -> usize {
        self.cuts.lock().unwrap().len()
    }
}

async fn pass(client: TcpStream, port: u16, limit: u64) {
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await else {
        return;
    };
    let (mut from_client, mut to_client) = client.into_split();
    let (from_server, mut to_server) = server.into_split();
    let requests = tokio::spawn(async move {
        let _ = copy(&mut from_client, &mut to_server).await;
    });
    let _ = copy(&mut from_server.take(limit), &mut to_client).await;
    let _ = to_client.shutdown().await;
    requests.abort();
}
