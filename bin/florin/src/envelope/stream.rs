//! The content of an age file: pieces of 64 KiB, each sealed under its number, the last one marked.

use super::EnvelopeError;
use chacha20poly1305::{
    ChaCha20Poly1305, Nonce,
    aead::{Aead as _, KeyInit as _},
};
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

/// Bytes of a piece of content.
const PIECE_BYTES: usize = 64 * 1024;
/// Bytes that sealing adds to it.
const TAG_BYTES: usize = 16;

/// ChaCha20-Poly1305 under one key.
pub(super) struct Cipher(ChaCha20Poly1305);

impl Cipher {
    pub(super) fn new(key: &Zeroizing<[u8; 32]>) -> Result<Self, EnvelopeError> {
        let cipher = ChaCha20Poly1305::new_from_slice(key.as_slice());
        cipher.map(Self).map_err(|_| EnvelopeError::Key("no key of a cipher"))
    }

    pub(super) fn seal(&self, nonce: &[u8; 12], plain: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
        self.0.encrypt(&Nonce::from(*nonce), plain).map_err(|_| EnvelopeError::Key("too long to be sealed"))
    }

    /// `None` when it was not sealed with this key and nonce.
    pub(super) fn open(&self, nonce: &[u8; 12], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.0.decrypt(&Nonce::from(*nonce), sealed).ok().map(Zeroizing::new)
    }
}

/// The number of a piece, and whether it is the last.
fn nonce(piece: u64, last: bool) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[3..11].copy_from_slice(&piece.to_be_bytes());
    nonce[11] = u8::from(last);
    nonce
}

/// Writes content encrypted.
pub(crate) struct Sealed<W: Write> {
    out: W,
    cipher: Cipher,
    waiting: Zeroizing<Vec<u8>>,
    piece: u64,
}

impl<W: Write> Sealed<W> {
    pub(super) fn new(out: W, cipher: Cipher) -> Self {
        Self { out, cipher, waiting: Zeroizing::new(Vec::with_capacity(PIECE_BYTES)), piece: 0 }
    }

    fn seal_piece(&mut self, last: bool) -> io::Result<()> {
        let sealed = self.cipher.seal(&nonce(self.piece, last), &self.waiting).map_err(io::Error::other)?;
        self.waiting.clear();
        self.piece += 1;
        self.out.write_all(&sealed)
    }

    /// Seals the last piece. What was not finished cannot be opened to its end.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.seal_piece(true)?;
        self.out.flush()?;
        Ok(self.out)
    }
}

impl<W: Write> Write for Sealed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full piece is sealed when more comes: the last one may be full, but never empty behind others.
        if self.waiting.len() == PIECE_BYTES {
            self.seal_piece(false)?;
        }
        let taken = bytes.len().min(PIECE_BYTES - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Reads content that was encrypted.
pub(crate) struct Opened<R: Read> {
    from: R,
    cipher: Cipher,
    /// Sealed bytes that were read: a piece, and one byte that shows whether another one follows.
    ahead: Vec<u8>,
    plain: Zeroizing<Vec<u8>>,
    given: usize,
    piece: u64,
    ended: bool,
}

impl<R: Read> Opened<R> {
    pub(super) fn new(from: R, cipher: Cipher) -> Self {
        Self { from, cipher, ahead: Vec::new(), plain: Zeroizing::default(), given: 0, piece: 0, ended: false }
    }

    /// What the sealed bytes were read from.
    pub(crate) fn into_inner(self) -> R {
        self.from
    }

    fn open_piece(&mut self) -> io::Result<()> {
        let wanted = PIECE_BYTES + TAG_BYTES + 1;
        let missing = wanted.saturating_sub(self.ahead.len()) as u64;
        (&mut self.from).take(missing).read_to_end(&mut self.ahead)?;
        let last = self.ahead.len() < wanted;
        let rest = if last { Vec::new() } else { self.ahead.split_off(wanted - 1) };
        let changed = || io::Error::new(io::ErrorKind::InvalidData, EnvelopeError::Content { piece: self.piece });
        let plain = self.cipher.open(&nonce(self.piece, last), &self.ahead).ok_or_else(changed)?;
        if plain.is_empty() && self.piece > 0 {
            return Err(changed());
        }
        self.ahead = rest;
        self.plain = plain;
        self.given = 0;
        self.piece += 1;
        self.ended = last;
        Ok(())
    }
}

impl<R: Read> Read for Opened<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.given == self.plain.len() {
            if self.ended {
                return Ok(0);
            }
            self.open_piece()?;
        }
        let rest = &self.plain[self.given..];
        let taken = rest.len().min(bytes.len());
        bytes[..taken].copy_from_slice(&rest[..taken]);
        self.given += taken;
        Ok(taken)
    }
}

/// The error of a piece, as it came through [`Read`].
pub(super) fn unpacked(error: io::Error) -> EnvelopeError {
    match error.downcast::<EnvelopeError>() {
        Ok(envelope) => envelope,
        Err(error) => EnvelopeError::Io(error),
    }
}
