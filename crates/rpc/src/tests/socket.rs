//! Clients that do nothing for the server: HTTP by hand, and a plain WebSocket.

use serde_json::{Value, json};
use soketto::{Incoming, Sender, handshake::Client};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};

/// Sends bytes, and gives all that comes back until the server closes.
pub(super) async fn exchange(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut response = Vec::new();
    // A server that has refused early may reset the connection: what came before counts.
    let _ = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut response)).await.expect("it hangs");
    response
}

/// Status, headers and body of a request with these headers.
pub(super) async fn request(address: SocketAddr, head: &str, body: &[u8]) -> (u16, String, String) {
    let head = format!("{head}\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    let response = exchange(address, &[head.as_bytes(), body].concat()).await;
    let response = String::from_utf8_lossy(&response);
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, head.to_lowercase(), body.to_owned())
}

/// The status of a WebSocket handshake with these further headers.
pub(super) async fn handshake(address: SocketAddr, headers: &str) -> u16 {
    let head = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    let read = stream.read_exact(&mut status);
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("it hangs").unwrap();
    std::str::from_utf8(&status[9..]).unwrap().parse().unwrap()
}

/// A JSON-RPC request.
pub(super) async fn post(address: SocketAddr, body: &str) -> (u16, String) {
    let head = "POST / HTTP/1.1\r\nContent-Type: application/json";
    let (status, _, body) = request(address, head, body.as_bytes()).await;
    (status, body)
}

/// A WebSocket connection.
pub(super) struct WebSocket {
    sender: Sender<Compat<TcpStream>>,
    receiver: soketto::Receiver<Compat<TcpStream>>,
    next_id: u64,
    /// Notifications that came while an answer was awaited.
    waiting: Vec<Value>,
}

impl WebSocket {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap()).await
    }

    /// Opens a WebSocket on a connection.
    pub(super) async fn over(stream: TcpStream) -> Self {
        let host = stream.peer_addr().unwrap().to_string();
        let mut client = Client::new(stream.compat(), &host, "/");
        let answer = client.handshake().await.unwrap();
        assert!(matches!(answer, soketto::handshake::ServerResponse::Accepted { .. }), "{answer:?}");
        let (sender, receiver) = client.into_builder().finish();
        Self { sender, receiver, next_id: 0, waiting: Vec::new() }
    }

    pub(super) async fn send(&mut self, text: &str) {
        self.sender.send_text(text).await.unwrap();
        self.sender.flush().await.unwrap();
    }

    /// Sends until the server ends the connection, and never reads. Says whether it did.
    pub(super) async fn send_without_reading(&mut self, text: &str, times: usize) -> bool {
        for _ in 0..times {
            let sent = async {
                self.sender.send_text(text).await?;
                self.sender.flush().await
            };
            match tokio::time::timeout(Duration::from_secs(20), sent).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return true,
                Err(_) => return false,
            }
        }
        false
    }

    /// Sends so many pings. Says how many were answered, and whether the connection lives.
    pub(super) async fn ping(&mut self, times: usize) -> (usize, bool) {
        let (sender, receiver) = (&mut self.sender, &mut self.receiver);
        let sending = async {
            for _ in 0..times {
                sender.send_ping([].as_slice().try_into().unwrap()).await?;
            }
            sender.flush().await
        };
        let receiving = async {
            let (mut answered, mut message) = (0, Vec::new());
            while answered < times {
                let received = tokio::time::timeout(Duration::from_secs(20), receiver.receive(&mut message));
                match received.await.expect("nothing comes") {
                    Ok(Incoming::Pong(_)) => answered += 1,
                    Ok(_) => {}
                    Err(_) => return (answered, false),
                }
            }
            (answered, true)
        };
        // Whether all were sent before the connection ended makes no difference.
        let (_, received) = tokio::join!(sending, receiving);
        received
    }

    /// The next message.
    pub(super) async fn receive(&mut self) -> Value {
        self.try_receive().await.expect("the connection lives")
    }

    /// The next message; none when the connection has ended.
    pub(super) async fn try_receive(&mut self) -> Option<Value> {
        let mut message = Vec::new();
        let received = self.receiver.receive_data(&mut message);
        tokio::time::timeout(Duration::from_secs(20), received).await.expect("nothing comes").ok()?;
        Some(serde_json::from_slice(&message).unwrap())
    }

    pub(super) async fn call(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }).to_string()).await;
        loop {
            let message = self.receive().await;
            if message["id"] == id {
                return message;
            }
            self.waiting.push(message);
        }
    }

    /// The next notification of a subscription. Those of others are kept for later.
    pub(super) async fn notification(&mut self, subscription: &Value) -> Value {
        loop {
            let of_subscription = |message: &Value| &message["params"]["subscription"] == subscription;
            if let Some(index) = self.waiting.iter().position(of_subscription) {
                return self.waiting.remove(index)["params"]["result"].clone();
            }
            let message = self.receive().await;
            assert_eq!(message["method"], "eth_subscription", "{message}");
            self.waiting.push(message);
        }
    }
}
