//! The generated tables are what the rest relies on.

use crate::schema::{Body, EXTERNAL, MESSAGES, Type, external};
use crate::{CBPR_PLUS, Definition, HEADER_VERSION};

fn walk(kind: &'static Type, depth: usize, visit: &mut impl FnMut(&'static Type, usize)) {
    visit(kind, depth);
    kind.elements().iter().for_each(|element| walk(element.kind, depth + 1, visit));
}

#[test]
fn the_messages_of_cbpr_plus_and_their_neighbours_are_known() {
    for name in CBPR_PLUS.iter().chain([&HEADER_VERSION]) {
        assert_eq!(Definition::find(name).unwrap().name(), *name);
    }
    for name in [
        "pacs.008.001.02",
        "pacs.008.001.14",
        "pain.001.001.03",
        "camt.053.001.02",
        "camt.053.001.14",
        "head.001.001.04",
    ] {
        assert!(Definition::find(name).is_some(), "{name}");
    }
    for name in ["pacs.008.001.8", "pacs.008.001.008", "pacs.008.001", "", ".", "pacs.008.001.1٣"] {
        assert!(Definition::find(name).is_none(), "{name}");
    }
    assert_eq!(MESSAGES.len(), 149);
}

#[test]
fn contents_are_ordered_and_bounded() {
    for message in MESSAGES {
        walk(message.root.kind, 0, &mut |kind, depth| {
            assert!(depth < 30, "{} in {}", kind.name, message.name());
            let elements = kind.elements();
            assert!(elements.is_sorted_by_key(|element| element.slot), "{}", kind.name);
            assert!(elements.iter().all(|element| element.least <= element.most && element.most > 0), "{}", kind.name);
            if let Body::Text(text) = &kind.body {
                assert!(text.values.is_sorted() && text.shortest <= text.longest, "{}", kind.name);
            }
        });
    }
}

#[test]
fn external_sets_are_sorted_and_complete() {
    assert!(EXTERNAL.is_sorted_by_key(|(name, _)| *name));
    assert!(EXTERNAL.iter().all(|(_, codes)| codes.is_sorted() && !codes.is_empty()));
    for (set, code) in
        [("ExternalStatusReason1Code", "AC01"), ("ExternalPurpose1Code", "SALA"), ("ExternalReturnReason1Code", "FOCR")]
    {
        assert!(external(set).unwrap().contains(&code), "{set} {code}");
    }
    assert!(external("ExternalNothing1Code").is_none());
}

#[test]
fn every_reason_code_that_is_given_is_in_the_list() {
    let source = include_str!("../problem.rs");
    let (_, codes) = source.split_once("pub(crate) mod reason").unwrap();
    let given: Vec<&str> = codes.split('"').skip(1).step_by(2).collect();
    let listed = external("ExternalStatusReason1Code").unwrap();
    assert!(given.len() > 30);
    for code in given {
        assert!(listed.contains(&code), "{code}");
    }
}
