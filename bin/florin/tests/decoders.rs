//! Every decoder of bytes from outside, fed with arbitrary bytes and with valid inputs that were damaged. The decoders are
//! the ones that libFuzzer runs (`fuzz/`); here they get what fits into the ordinary gate.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "../../../fuzz/decoders.rs"]
mod decoders;

use decoders::{DECODERS, seeds};
use proptest::prelude::*;

/// One way to damage an input.
#[derive(Clone, Debug)]
enum Damage {
    Cut(prop::sample::Index),
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Repeat(prop::sample::Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        place().prop_map(Damage::Cut),
        (place(), 1u8..).prop_map(|(at, bits)| Damage::Flip(at, bits)),
        (place(), prop::collection::vec(any::<u8>(), 1..40)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        (place(), 1usize..2_000).prop_map(|(at, times)| Damage::Repeat(at, times)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damage: &Damage) -> Vec<u8> {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..1_024)) {
        for decoder in DECODERS {
            (decoder.run)(&bytes);
        }
    }

    #[test]
    fn damaged_inputs_are_read_or_refused(damages in prop::collection::vec(damage(), 1..4)) {
        for (name, seed) in seeds() {
            let input = damages.iter().fold(seed, damaged);
            let decoder = DECODERS.iter().find(|decoder| decoder.name == name).unwrap();
            (decoder.run)(&input);
        }
    }
}

#[test]
fn seeds_are_whole_and_every_decoder_has_a_fuzz_target() {
    for (name, seed) in seeds() {
        let decoder = DECODERS.iter().find(|decoder| decoder.name == name);
        (decoder.unwrap_or_else(|| panic!("no decoder is named {name}")).run)(&seed);
    }
    let targets = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/fuzz_targets");
    for decoder in DECODERS {
        let path = format!("{targets}/{}.rs", decoder.name);
        assert!(std::path::Path::new(&path).is_file(), "{path} is missing");
    }
}
