#![allow(clippy::unwrap_used)]
use super::*;

/// What `age-keygen` wrote, and beside it two files that `age` 1.1.1 wrote.
const IDENTITY: &str = "# public key: age1k208hdwgrc6e65fl9u68tf4vs5c7n9zx8guvq9qvak458kxf7vds545xn9\n\
                        AGE-SECRET-KEY-193ZSS5A4ALTNSTCLKVFKX3876AR488X0Q2SFJWCE4RN23N9ND9SSKYV2S5\n";
const RECIPIENT: &str = "age1k208hdwgrc6e65fl9u68tf4vs5c7n9zx8guvq9qvak458kxf7vds545xn9";
const GOLDEN: &[u8] = b"florin opens what age wrote\n";

fn passphrase(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.into())
}

fn content(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|index| (index % 251) as u8).collect()
}

#[test]
fn what_age_wrote_is_opened() {
    let identity = Identity::parse_file(IDENTITY).unwrap();
    assert_eq!(identity.recipient().to_string(), RECIPIENT);
    assert_eq!(identity.to_text().as_str(), IDENTITY);
    let sealed = include_bytes!("golden/recipient.age");
    assert_eq!(open_bytes(&Key::Identity(identity), sealed, 100).unwrap().as_slice(), GOLDEN);
    let sealed = include_bytes!("golden/passphrase.age");
    let key = Key::Passphrase(passphrase("correct horse"));
    assert_eq!(open_bytes(&key, sealed, 100).unwrap().as_slice(), GOLDEN);
    let other = Key::Passphrase(passphrase("correct  horse"));
    assert!(matches!(open_bytes(&other, sealed, 100), Err(EnvelopeError::Passphrase)));
}

#[test]
fn every_length_comes_back_for_every_recipient() {
    let (one, two, stranger) = (Identity::generate(), Identity::generate(), Identity::generate());
    let lock = Lock::Recipients(vec![one.recipient(), two.recipient().to_string().parse().unwrap()]);
    for bytes in [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000] {
        let plain = content(bytes);
        let sealed = seal_bytes(&lock, &plain).unwrap();
        for identity in [&one, &two] {
            let opened = open_bytes(&Key::Identity(identity.clone()), &sealed, 1 << 20).unwrap();
            assert_eq!(*opened, plain, "{bytes}");
        }
        let refused = open_bytes(&Key::Identity(stranger.clone()), &sealed, 1 << 20);
        assert!(matches!(refused, Err(EnvelopeError::NoMatch)), "{bytes}");
    }
}

#[test]
fn every_changed_bit_and_every_cut_is_an_error() {
    let identity = Identity::generate();
    let plain = content(100);
    let sealed = seal_bytes(&Lock::Recipients(vec![identity.recipient()]), &plain).unwrap();
    let key = Key::Identity(identity);
    for at in 0..sealed.len() {
        for bit in 0..8 {
            let mut changed = sealed.clone();
            changed[at] ^= 1 << bit;
            assert!(open_bytes(&key, &changed, 1_000).is_err(), "bit {bit} of byte {at}");
        }
        assert!(open_bytes(&key, &sealed[..at], 1_000).is_err(), "cut at {at}");
    }
    let longer = [sealed.as_slice(), &[0]].concat();
    assert!(open_bytes(&key, &longer, 1_000).is_err());
    assert_eq!(*open_bytes(&key, &sealed, 1_000).unwrap(), plain);
}

#[test]
fn pieces_cannot_be_moved_doubled_or_left_out() {
    let identity = Identity::generate();
    let sealed = seal_bytes(&Lock::Recipients(vec![identity.recipient()]), &content(3 * 65_536)).unwrap();
    let key = Key::Identity(identity);
    let piece = 65_536 + 16;
    let begin = sealed.len() - 3 * piece;
    let parts = |order: &[usize]| {
        let mut bytes = sealed[..begin].to_vec();
        order.iter().for_each(|at| bytes.extend(&sealed[begin + at * piece..begin + (at + 1) * piece]));
        open_bytes(&key, &bytes, 1 << 20)
    };
    assert!(parts(&[0, 1, 2]).is_ok());
    let wrong = [&[1usize, 0, 2] as &[usize], &[0, 0, 1, 2], &[0, 2], &[0, 1], &[0, 1, 2, 2], &[2]];
    for order in wrong {
        assert!(matches!(parts(order), Err(EnvelopeError::Content { .. })), "{order:?}");
    }
}

#[test]
fn a_passphrase_stands_alone_and_its_work_is_bounded() {
    let lock = Lock::Passphrase(passphrase("correct horse"), Cost::Light);
    let sealed = seal_bytes(&lock, GOLDEN).unwrap();
    let key = Key::Passphrase(passphrase("correct horse"));
    assert_eq!(open_bytes(&key, &sealed, 100).unwrap().as_slice(), GOLDEN);
    let other_way = open_bytes(&Key::Identity(Identity::generate()), &sealed, 100);
    assert!(matches!(other_way, Err(EnvelopeError::OtherWay(_))));
    let text = String::from_utf8_lossy(&sealed);
    let costly = text.replacen(" 10\n", " 30\n", 1);
    assert_ne!(costly, text);
    assert!(matches!(open_bytes(&key, costly.as_bytes(), 100), Err(EnvelopeError::Work { log_n: 30 })));
    assert!(matches!(open_bytes(&key, &sealed, 5), Err(EnvelopeError::Header(_))), "longer than allowed");
}

#[test]
fn a_line_of_a_header_is_no_longer_than_lines_are() {
    let header = |line: &str| format!("{VERSION}\n-> other\n{line}\n\n--- {}\n", encode(&[0; 32]));
    assert!(Header::read(&mut header(&"A".repeat(64)).as_bytes()).is_ok());
    for columns in [68, 128] {
        assert!(Header::read(&mut header(&"A".repeat(columns)).as_bytes()).is_err(), "{columns}");
    }
}

#[test]
fn keys_are_read_strictly() {
    let changed = RECIPIENT.replace("k208", "k209");
    let wrong = ["", "age1", &changed, &RECIPIENT.to_uppercase(), "AGE-SECRET-KEY-1", &RECIPIENT[..60]];
    for text in wrong {
        assert!(text.parse::<Recipient>().is_err(), "{text}");
    }
    for text in ["", "# nothing\n", RECIPIENT, "AGE-SECRET-KEY-1QQQQ\n"] {
        assert!(Identity::parse_file(text).is_err(), "{text}");
    }
    let shown = format!("{:?}", Identity::parse_file(IDENTITY).unwrap());
    assert!(!shown.to_uppercase().contains("SECRET-KEY-1"), "{shown}");
}

proptest::proptest! {
    #[test]
    fn a_damaged_file_opens_to_nothing_else(bytes in crate::damage::near(include_bytes!("golden/recipient.age"))) {
        let key = Key::Identity(Identity::parse_file(IDENTITY).unwrap());
        if let Ok(opened) = open_bytes(&key, &bytes, 100) {
            proptest::prop_assert_eq!(opened.as_slice(), GOLDEN);
            proptest::prop_assert_eq!(bytes.as_slice(), include_bytes!("golden/recipient.age"));
        }
    }

    #[test]
    fn a_header_has_one_form(
        recipient in crate::damage::near(include_bytes!("golden/recipient.age")),
        passphrase in crate::damage::near(include_bytes!("golden/passphrase.age")),
    ) {
        for bytes in [recipient, passphrase] {
            let Ok(header) = Header::read(&mut bytes.as_slice()) else { continue };
            let written = |one: &Stanza| stanza(&one.arguments.iter().map(String::as_str).collect::<Vec<_>>(), &one.body);
            let stanzas: String = header.stanzas.iter().map(written).collect();
            let again = format!("{VERSION}\n{stanzas}--- {}\n", encode(&header.mac));
            proptest::prop_assert_eq!(bytes.get(..again.len()), Some(again.as_bytes()), "{}", again);
        }
    }

    #[test]
    fn damaged_keys_are_other_keys_or_none(
        recipient in crate::damage::near(RECIPIENT),
        identity in crate::damage::near(IDENTITY),
    ) {
        let text = String::from_utf8_lossy(&recipient);
        if let Ok(recipient) = text.parse::<Recipient>() {
            proptest::prop_assert_eq!(recipient.to_string(), text);
        }
        if let Ok(identity) = Identity::parse_file(&String::from_utf8_lossy(&identity)) {
            proptest::prop_assert_eq!(identity.recipient().to_string(), RECIPIENT);
        }
    }
}
