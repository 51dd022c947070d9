//! Bytes that are no message: refused early, with words, without harm.

use super::{PACS_008, PAIN_001, read, with};
use crate::{Intake, Kind, Limits, parse};

/// The words with which bytes are refused.
fn refused(bytes: &[u8]) -> String {
    let rejection = parse(bytes, &Limits::default()).expect_err("must be refused");
    let last = rejection.problems.last().unwrap();
    assert!(matches!(last.kind, Kind::Malformed | Kind::Unsupported), "{last}");
    assert_eq!(last.reason, "FF01");
    last.to_string()
}

fn contains(text: &str, part: &str) {
    assert!(text.contains(part), "{text:?} does not say {part:?}");
}

#[test]
fn entities_and_document_types_are_refused_before_they_are_read() {
    let laughs = "<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]><lolz>&b;</lolz>";
    contains(&refused(laughs.as_bytes()), "document type");
    let outside = "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>";
    contains(&refused(outside.as_bytes()), "document type");
    let entity = with(PACS_008, "Anna", "&anna;");
    let text = refused(entity.as_bytes());
    contains(&text, "&anna;");
    contains(&text, "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[1]/Dbtr/Nm");
    contains(&refused(with(PACS_008, "Anna", "&#0;").as_bytes()), "no character");
    contains(&refused(with(PACS_008, "Anna", "&#x1;").as_bytes()), "no character");
}

#[test]
fn the_five_entities_and_character_references_are_read() {
    let text = with(PACS_008, "Anna Debtor", "A &amp; B &lt;&gt;&quot;&apos; &#228;<![CDATA[ <c>]]>");
    let envelope = read(&text).unwrap();
    let name = envelope.document.root().value("CdtTrfTxInf/Dbtr/Nm");
    assert_eq!(name, Some("A & B <>\"' ä <c>"));
    assert_eq!(read(&envelope.to_xml()).unwrap(), envelope);
}

#[test]
fn depth_is_bounded_in_both_forms() {
    for depth in [65usize, 10_000, 200_000] {
        contains(&refused("<a>".repeat(depth).as_bytes()), "one inside another");
    }
    let inside = "<x>".repeat(70);
    contains(
        &refused(with(PACS_008, "<Nm>Anna Debtor", &format!("{inside}<Nm>Anna Debtor")).as_bytes()),
        "one inside another",
    );
    contains(&refused("{\"a\":".repeat(100_000).as_bytes()), "not JSON");
    contains(&refused("[".repeat(100_000).as_bytes()), "neither XML nor JSON");
}

#[test]
fn size_is_bounded_before_anything_is_read() {
    let limits = Limits { bytes_max: 1_000, ..Limits::default() };
    let rejection = parse(&vec![b'<'; 1_001], &limits).unwrap_err();
    contains(&rejection.to_string(), "at most 1000 are read");
    // A stream of 100 MB is refused with its 49th.
    let mut intake = Intake::new(Limits::default());
    let part = vec![b' '; 1 << 20];
    let accepted = (0..100).take_while(|_| intake.push(&part).is_ok()).count();
    assert_eq!(accepted, 48);
    let mut intake = Intake::new(Limits::default());
    PACS_008.as_bytes().chunks(7).for_each(|part| intake.push(part).unwrap());
    assert_eq!(intake.parse().unwrap(), read(PACS_008).unwrap());
}

#[test]
fn elements_and_values_are_bounded() {
    let limits = Limits { elements_max: 20, ..Limits::default() };
    let rejection = parse(PACS_008.as_bytes(), &limits).unwrap_err();
    assert!(rejection.problems.iter().any(|problem| problem.text.contains("more than 20 elements")));
    let limits = Limits { value_chars_max: 1_000, ..Limits::default() };
    let long = with(PACS_008, "Anna Debtor", &"a".repeat(5_000));
    let rejection = parse(long.as_bytes(), &limits).unwrap_err();
    assert!(rejection.problems.iter().any(|problem| problem.text.contains("more than 1000 characters")));
    let limits = Limits { elements_max: 50, ..Limits::default() };
    let json = format!("{{\"Document\":[{}1]}}", "1,".repeat(1_000));
    contains(&parse(json.as_bytes(), &limits).unwrap_err().to_string(), "more values");
}

#[test]
fn attributes_and_namespaces_do_not_multiply_what_is_compared_and_kept() {
    let inside = |element: &str| {
        let data = format!("<SplmtryData><Envlp>{element}</Envlp></SplmtryData></CdtTrfTxInf>");
        read(&with(PACS_008, "</CdtTrfTxInf>", &data)).unwrap_err().to_string()
    };
    let attributes = |count: usize| (0..count).map(|number| format!(" p:a{number}=\"\"")).collect::<String>();
    contains(&inside(&format!("<x xmlns:p=\"u\"{}/>", attributes(64))), "more than 64 attributes");
    contains(&inside(&format!("<x xmlns:p=\"{}\"/>", "u".repeat(1_001))), "more than 1000 characters");
    let long = "u".repeat(1_000);
    let many = format!("<y{}/>", attributes(60)).repeat(20);
    contains(&inside(&format!("<x xmlns:p=\"{long}\">{many}</x>")), "more than is kept");
    contains(&refused(format!("<a{}/>", attributes(100_000)).as_bytes()), "not declared");
}

#[test]
fn what_breaks_off_says_where() {
    let (head, _) = PACS_008.split_once("<EndToEndId>").unwrap();
    let text = refused(head.as_bytes());
    contains(&text, "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[1]/PmtId");
    contains(&text, "not complete");
    contains(&text, "line 6");
    for end in (0..PACS_008.len()).step_by(37) {
        assert!(parse(&PACS_008.as_bytes()[..end], &Limits::default()).is_err(), "{end} bytes");
    }
    let envelope = read(&with(PACS_008, "</Envelope>", "</Envelop>"));
    contains(&envelope.unwrap_err().to_string(), "not well-formed");
}

#[test]
fn other_text_is_no_message() {
    for (bytes, words) in [
        (&b""[..], "is empty"),
        (b"  \n", "is empty"),
        (b"{1:F01BANKDEFFXXXX}", "not JSON"),
        (b"hello", "neither XML nor JSON"),
        (b"<a/><b/>", "more than one outermost"),
        (b"<a/>text", "outside of any element"),
        (b"<a/>", "is missing"),
        (b"<a b='1' b='2'/>", "not well-formed"),
        (b"<p:a/>", "not declared"),
        (b"<?xml version=\"1.1\"?><a/>", "version 1.0"),
        (b"{}", "/Document: is missing"),
        (b"{\"Document\":{\"Nothing\":{}}}", "/$id"),
        (b"{\"Document\":{},\"Document\":{}}", "stands twice"),
    ] {
        contains(&refused(bytes), words);
    }
}

#[test]
fn byte_order_marks_and_encodings() {
    let envelope = read(PACS_008).unwrap();
    let marked = [b"\xef\xbb\xbf", PACS_008.as_bytes()].concat();
    assert_eq!(parse(&marked, &Limits::default()).unwrap(), envelope);
    let wide = with(PACS_008, "UTF-8", "UTF-16");
    let little: Vec<u8> = "\u{feff}".encode_utf16().chain(wide.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = "\u{feff}".encode_utf16().chain(wide.encode_utf16()).flat_map(u16::to_be_bytes).collect();
    let unmarked: Vec<u8> = wide.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [&little, &big, &unmarked] {
        assert_eq!(parse(bytes, &Limits::default()).unwrap(), envelope);
    }
    let latin = with(&with(PACS_008, "UTF-8", "ISO-8859-1"), "Anna", "J\u{e9}r\u{f4}me");
    let latin: Vec<u8> = latin.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let read = parse(&latin, &Limits::default()).unwrap();
    assert_eq!(read.document.root().value("CdtTrfTxInf/Dbtr/Nm"), Some("Jérôme Debtor"));

    let undeclared = [PACS_008.as_bytes(), b"\xff"].concat();
    contains(&refused(&undeclared), "not UTF-8 at byte");
    for (declared, words) in
        [("UTF-16", "the bytes are not"), ("windows-1252", "is not read"), ("IBM037", "is not read")]
    {
        contains(&refused(with(PACS_008, "UTF-8", declared).as_bytes()), words);
    }
    let contradicting: Vec<u8> =
        "\u{feff}".encode_utf16().chain(PACS_008.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    contains(&refused(&contradicting), "the bytes are UTF-16");
    let odd = &little[..little.len() - 1];
    contains(&refused(odd), "not UTF-16");
    contains(&refused(b"\xff\xfe\x00\x00<\x00\x00\x00"), "UTF-32");
    contains(&refused(with(PACS_008, "Anna", "An\u{7}na").as_bytes()), "U+0007");
}

#[test]
fn namespaces_decide_what_a_message_is() {
    for (other, words) in [
        ("urn:iso:std:iso:20022:tech:xsd:pacs.008.001.01", "is a version that is not read here"),
        ("urn:iso:std:iso:20022:tech:xsd:pacs.008.001.99", "versions 02, 03"),
        ("urn:iso:std:iso:20022:tech:xsd:pacs.003.001.08", "is a message that is not read here"),
        ("urn:iso:std:iso:20022:tech:xsd:head.001.001.02", "is a version"),
        ("http://example.org/pacs", "no namespace of ISO 20022"),
    ] {
        contains(&refused(with(PACS_008, "urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08", other).as_bytes()), words);
    }
    contains(
        &refused(with(PACS_008, " xmlns=\"urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08\"", "").as_bytes()),
        "/Document/@xmlns",
    );
    contains(
        &refused(b"<FIToFICstmrCdtTrf xmlns=\"urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08\"/>"),
        "begins with Document",
    );
    let twice = with(
        PACS_008,
        "</Envelope>",
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08\"/></Envelope>",
    );
    contains(&refused(twice.as_bytes()), "one message at a time");
}

#[test]
fn prefixes_and_wrappers_of_any_network_make_no_difference() {
    let envelope = read(PACS_008).unwrap();
    let (_, inner) = PACS_008.split_once("<AppHdr").unwrap();
    let (inner, _) = inner.split_once("</Envelope>").unwrap();
    let bare = format!("<AppHdr{inner}");
    assert_eq!(read(&bare).unwrap(), envelope, "header and document one after the other");
    let wrapped = format!(
        "<saa:DataPDU xmlns:saa=\"urn:swift:saa:xsd:saa.2.0\"><saa:Header><saa:Text>1</saa:Text></saa:Header><saa:Body>{bare}</saa:Body></saa:DataPDU>"
    );
    assert_eq!(read(&wrapped).unwrap(), envelope);
    let prefixed = bare.replace("<AppHdr xmlns=", "<h:AppHdr xmlns:h=").replace("</AppHdr>", "</h:AppHdr>");
    let (header, document) = prefixed.split_once("</h:AppHdr>").unwrap();
    let (start, rest) = header.split_once('>').unwrap();
    let header = format!("{start}>{}", rest.replace("</", "</h:").replace("<", "<h:").replace("<h:/h:", "</h:"));
    assert_eq!(read(&format!("{header}</h:AppHdr>{document}")).unwrap(), envelope);
}

#[test]
fn problems_are_collected_up_to_a_bound() {
    let many = with(PAIN_001, "<EndToEndId>E-1</EndToEndId>", &"<Wrong/>".repeat(500));
    let rejection = read(&many).unwrap_err();
    assert_eq!(rejection.problems.len(), 100);
    assert!(rejection.more);
    let long = with(
        PACS_008,
        "COBADEFFXXX</BICFI></FinInstnId></DbtrAgt>",
        &format!("{}</BICFI></FinInstnId></DbtrAgt>", "X".repeat(500)),
    );
    let quoted = read(&long).unwrap_err().problems[0].value.clone().unwrap();
    assert_eq!(quoted.chars().count(), 71);
}
