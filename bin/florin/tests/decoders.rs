//! Every decoder of bytes from outside, fed with arbitrary bytes and with valid inputs that were damaged. The decoders are
//! the ones that libFuzzer runs (`fuzz/`); here they get what fits into the ordinary gate.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

#[path = "../src/damage.rs"]
#[allow(dead_code, reason = "`near` is for what the program reads alone")]
mod damage;
#[path = "../../../fuzz/decoders.rs"]
mod decoders;

use damage::{damage, damaged};
use decoders::{DECODERS, Decoder, seeds::seeds};
use proptest::prelude::*;

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
fn seeds_are_whole_and_every_decoder_has_them_and_a_fuzz_target() {
    for (name, seed) in seeds() {
        let decoder = DECODERS.iter().find(|decoder| decoder.name == name);
        (decoder.unwrap_or_else(|| panic!("no decoder is named {name}")).run)(&seed);
    }
    let (targets, manifest) = ("../../fuzz/fuzz_targets", include_str!("../../../fuzz/Cargo.toml"));
    let readme = include_str!("../../../fuzz/README.md");
    for Decoder { name, .. } in DECODERS {
        let path = format!("{}/{targets}/{name}.rs", env!("CARGO_MANIFEST_DIR"));
        assert!(std::path::Path::new(&path).is_file(), "{path} is missing");
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
            "fuzz/Cargo.toml does not name {name}"
        );
        assert!(readme.contains(&format!("`{name}`")), "fuzz/README.md does not name {name}");
        assert!(seeds().iter().any(|(seeded, _)| seeded == name), "{name} has no valid input");
    }
}
