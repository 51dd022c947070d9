//! Ways to damage what is read, for tests: what is one step away from a valid input is where mistakes of a decoder live.

use proptest::{collection::vec, prelude::*, sample::Index};

/// One way to damage an input.
#[derive(Clone, Debug)]
pub(crate) enum Damage {
    Cut(Index),
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Repeat(Index, usize),
}

/// One way.
pub(crate) fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<Index>;
    prop_oneof![
        place().prop_map(Damage::Cut),
        (place(), 1u8..).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        (place(), vec(any::<u8>(), 1..40)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (place(), 1usize..2_000).prop_map(|(at, times)| Damage::Repeat(at, times)),
    ]
}

/// The input after it.
pub(crate) fn damaged(mut bytes: Vec<u8>, damage: &Damage) -> Vec<u8> {
    if bytes.is_empty() {
        return bytes;
    }
    match damage {
        Damage::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Damage::Flip(at, bits) => {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        Damage::Insert(at, more) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, more.iter().copied());
        }
        Damage::Repeat(at, times) => {
            let at = at.index(bytes.len());
            let byte = bytes[at];
            bytes.splice(at..at, std::iter::repeat_n(byte, *times));
        }
    }
    bytes
}

/// A valid input after up to three damages; now and then bytes that have nothing to do with it.
pub(crate) fn near(valid: impl Into<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let valid = valid.into();
    let damages = vec(damage(), 0..4);
    prop_oneof![
        9 => damages.prop_map(move |damages| damages.iter().fold(valid.clone(), damaged)),
        1 => vec(any::<u8>(), 0..1_024),
    ]
}
