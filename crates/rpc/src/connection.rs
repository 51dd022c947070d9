//! One connection as the server holds it: a place among all connections, and a client that must take what is sent.
//!
//! Whoever asks and never reads makes the server keep every answer. Here a client that has not taken [`PROGRESS_BYTES`]
//! in the time it is given loses its connection, in both directions.

use crate::clients::Caller;
use std::{
    future::Future as _,
    io,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};

/// What a client must take of an answer in the time it is given. A byte now and then is not reading.
const PROGRESS_BYTES: usize = 64 * 1024;

/// A socket, and its place among all sockets.
pub(crate) struct Connection {
    stream: TcpStream,
    stall_time_max: Duration,
    /// Since when the client is behind.
    behind: Option<Behind>,
    /// The client did not read: nothing is read from it either.
    ended: bool,
    reader: Option<Waker>,
    caller: Caller,
    _place: OwnedSemaphorePermit,
}

/// A client that has not taken everything yet.
struct Behind {
    time_left: Pin<Box<Sleep>>,
    taken_bytes: usize,
}

impl Behind {
    fn new(time_max: Duration) -> Self {
        Self { time_left: Box::pin(sleep(time_max)), taken_bytes: 0 }
    }
}

impl Connection {
    pub(crate) fn new(
        stream: TcpStream,
        caller: Caller,
        place: OwnedSemaphorePermit,
        stall_time_max: Duration,
    ) -> Self {
        Self { stream, stall_time_max, behind: None, ended: false, reader: None, caller, _place: place }
    }

    /// Waits for the client to read, but not for ever.
    fn wait(&mut self, task: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let time_max = self.stall_time_max;
        let behind = self.behind.get_or_insert_with(|| Behind::new(time_max));
        while behind.time_left.as_mut().poll(task).is_ready() {
            if behind.taken_bytes < PROGRESS_BYTES {
                self.ended = true;
                self.reader.take().into_iter().for_each(Waker::wake);
                tracing::debug!(time_ms = time_max.as_millis() as u64, "http.connection.does_not_read");
                return Poll::Ready(Err(ended()));
            }
            *behind = Behind::new(time_max);
        }
        Poll::Pending
    }
}

fn ended() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the client does not read")
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(Err(ended()));
        }
        // What has been answered may still be taken; nothing more is asked.
        if this.caller.is_banned() {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "the client is banned")));
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(task, buffer);
        this.caller.count_bytes(buffer.filled().len().saturating_sub(before));
        this.reader = read.is_pending().then(|| task.waker().clone());
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(Err(ended()));
        }
        match Pin::new(&mut this.stream).poll_write(task, bytes) {
            Poll::Ready(written) => {
                let taken = written.as_ref().map_or(0, |taken| *taken);
                this.caller.count_bytes(taken);
                if let Some(behind) = &mut this.behind {
                    behind.taken_bytes = behind.taken_bytes.saturating_add(taken);
                }
                Poll::Ready(written)
            }
            Poll::Pending => this.wait(task),
        }
    }

    /// Everything has been taken, by the client or by the system for it.
    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.behind = None;
        Pin::new(&mut this.stream).poll_flush(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(task)
    }
}
