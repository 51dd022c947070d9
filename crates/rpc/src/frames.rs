//! Frames of a WebSocket as they arrive: those that are no messages are counted.
//!
//! The protocol's library answers pings by itself and joins fragments to messages; neither is a request that could be
//! refused. So the heads of frames are read here, on their way to the library, and a client that sends nothing else loses
//! its connection. Source: RFC 6455, section 5.2.

use crate::clients::Caller;
use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Longest head: two bytes, a length of eight, a mask of four.
const HEAD_BYTES_MAX: usize = 14;
/// Of the first byte: this frame is the last of its message.
const FINAL: u8 = 0x80;
/// Of the first byte: what the frame is.
const OPERATION: u8 = 0x0f;
/// A further fragment of a message; control frames have numbers from [`CONTROL`] on.
const CONTINUATION: u8 = 0x0;
const CONTROL: u8 = 0x8;

/// A connection whose frames are counted.
pub(crate) struct Frames<S> {
    stream: S,
    caller: Caller,
    heads: Heads,
}

impl<S> Frames<S> {
    pub(crate) fn new(stream: S, caller: Caller) -> Self {
        Self { stream, caller, heads: Heads::default() }
    }
}

/// Finds the heads of frames in what arrives, in whatever pieces.
#[derive(Debug, Default)]
struct Heads {
    /// Of a head that has begun, as far as it has arrived.
    head: [u8; HEAD_BYTES_MAX],
    arrived: usize,
    /// Bytes of the frame's payload that have not arrived.
    payload_left: u64,
}

impl Heads {
    /// Frames that begin in these bytes and are no whole messages.
    fn count(&mut self, mut bytes: &[u8]) -> u64 {
        let mut counted = 0u64;
        while !bytes.is_empty() {
            let skipped = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(bytes.len());
            self.payload_left = self.payload_left.saturating_sub(skipped as u64);
            let Some((first, rest)) = bytes.get(skipped..).and_then(<[u8]>::split_first) else { break };
            bytes = rest;
            if let Some(place) = self.head.get_mut(self.arrived) {
                *place = *first;
            }
            self.arrived = self.arrived.saturating_add(1);
            let Some(payload) = self.payload() else { continue };
            self.payload_left = payload;
            self.arrived = 0;
            let [kind, ..] = self.head;
            let operation = kind & OPERATION;
            let is_message = kind & FINAL != 0 && operation != CONTINUATION && operation < CONTROL;
            counted = counted.saturating_add(u64::from(!is_message));
        }
        counted
    }

    /// Length of the payload, once the head is there.
    fn payload(&self) -> Option<u64> {
        let [_, second, ..] = self.head;
        let length_bytes = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0usize,
        };
        let mask_bytes = if second & 0x80 == 0 { 0 } else { 4 };
        if self.arrived < 2 || self.arrived < length_bytes.saturating_add(mask_bytes).saturating_add(2) {
            return None;
        }
        let long = self.head.iter().skip(2).take(length_bytes);
        let long = long.fold(0u64, |length, byte| (length << 8) | u64::from(*byte));
        Some(if length_bytes == 0 { u64::from(second & 0x7f) } else { long })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Frames<S> {
    fn poll_read(self: Pin<&mut Self>, task: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(task, buffer))?;
        let counted = this.heads.count(buffer.filled().get(before..).unwrap_or_default());
        let refused = |_| io::Error::new(io::ErrorKind::ConnectionAborted, "too many frames that are no messages");
        Poll::Ready(this.caller.count_frames(counted).map_err(refused))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Frames<S> {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(task, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as a client sends it, masked.
    fn frame(first: u8, payload: usize) -> Vec<u8> {
        let length = match payload {
            0..126 => vec![0x80 | payload as u8],
            126..65_536 => [&[0x80 | 126][..], &(payload as u16).to_be_bytes()].concat(),
            _ => [&[0x80 | 127][..], &(payload as u64).to_be_bytes()].concat(),
        };
        // A payload that looks like pings.
        [&[first][..], &length, &[1, 2, 3, 4], &vec![0x89; payload]].concat()
    }

    #[test]
    fn heads_are_found_in_whatever_pieces_they_arrive() {
        let (text, binary, ping, pong) = (0x81, 0x82, 0x89, 0x8a);
        let (begun, further, last) = (0x01, 0x00, 0x80);
        let mut bytes = Vec::new();
        for payload in [0, 1, 125, 126, 65_535, 65_536, 100_000] {
            bytes.extend(frame(text, payload));
            bytes.extend(frame(binary, payload));
        }
        assert_eq!(Heads::default().count(&bytes), 0, "messages are counted as what they ask for");
        for first in [ping, pong, begun, further, last, ping] {
            bytes.extend(frame(first, 5));
            bytes.extend(frame(text, 200));
        }
        bytes.extend([ping, 0, ping, 0]);
        for piece in [1, 2, 3, 7, 4_096, bytes.len()] {
            let mut heads = Heads::default();
            let counted: u64 = bytes.chunks(piece).map(|piece| heads.count(piece)).sum();
            assert_eq!(counted, 8, "pieces of {piece}");
        }
    }

    #[test]
    fn a_length_that_is_none_overflows_nothing() {
        let mut heads = Heads::default();
        let longest = [&[0x81, 0xff][..], &[0xff; 8], &[0; 4]].concat();
        assert_eq!(heads.count(&longest), 0);
        assert_eq!(heads.count(&vec![0x89; 100_000]), 0, "all of it is payload");
        assert_eq!(heads.payload_left, u64::MAX - 100_000);
    }
}
