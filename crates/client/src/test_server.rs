//! A real HTTP server for tests, small enough to misbehave in every way that a test wants.

use std::{future::Future, sync::Arc};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What the server does with one request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status 200 with this body.
    Json(String),
    /// Another status with this body.
    Status(u16, String),
    /// These very bytes, then the connection is closed.
    Raw(Vec<u8>),
    /// Headers, then a body that never ends, in small pieces.
    Endless,
    /// Nothing, for ever.
    Silence,
}

/// Starts a server on a free port; `handler` gets the body of each request. Returns its URL.
pub(crate) async fn serve<F, R>(handler: F) -> String
where
    F: Fn(String) -> R + Send + Sync + 'static,
    R: Future<Output = Reply> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let handler = Arc::new(handler);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let handler = handler.clone();
            tokio::spawn(async move {
                // A client that goes away ends its connection, nothing else.
                let _ = converse(stream, handler.as_ref()).await;
            });
        }
    });
    url
}

async fn converse<F, R>(mut stream: TcpStream, handler: &F) -> std::io::Result<()>
where
    F: Fn(String) -> R,
    R: Future<Output = Reply>,
{
    let mut received = Vec::new();
    while let Some(body) = read_request(&mut stream, &mut received).await? {
        match handler(body).await {
            Reply::Json(body) => respond(&mut stream, 200, &body).await?,
            Reply::Status(status, body) => respond(&mut stream, status, &body).await?,
            Reply::Raw(bytes) => return stream.write_all(&bytes).await,
            Reply::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
                loop {
                    stream.write_all(b"400\r\n").await?;
                    stream.write_all(&[b' '; 1_024]).await?;
                    stream.write_all(b"\r\n").await?;
                }
            }
            Reply::Silence => std::future::pending().await,
        }
    }
    Ok(())
}

async fn respond(stream: &mut TcpStream, status: u16, body: &str) -> std::io::Result<()> {
    let head =
        format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).await
}

/// The body of the next request, or `None` when the client has closed the connection.
async fn read_request(stream: &mut TcpStream, received: &mut Vec<u8>) -> std::io::Result<Option<String>> {
    loop {
        if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
            let total = end + 4 + length.unwrap_or(0usize);
            if received.len() >= total {
                let body = String::from_utf8_lossy(&received[end + 4..total]).into_owned();
                received.drain(..total);
                return Ok(Some(body));
            }
        }
        let mut chunk = [0u8; 16 * 1_024];
        let count = stream.read(&mut chunk).await?;
        if count == 0 {
            return Ok(None);
        }
        received.extend_from_slice(&chunk[..count]);
    }
}
