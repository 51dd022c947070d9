//! That no error of a module reaches a person undecoded. The published interfaces are read, not this crate's types.

use crate::ClientError;
use alloy_primitives::{Bytes, keccak256};
use std::{collections::BTreeMap, path::Path};

const INTERFACES: usize = 14;

/// A custom error as a published interface declares it: its name, and type and name of each value.
type Declared = (String, Vec<(String, String)>);

/// Every error of every published interface, by signature.
fn published() -> BTreeMap<String, Declared> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/solidity");
    let mut errors = BTreeMap::new();
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!(files.len(), INTERFACES, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("error ")) {
            let (name, rest) = line.split_once('(').unwrap();
            let values = rest.trim_end_matches(");").split(", ").filter(|value| !value.is_empty());
            let values: Vec<_> = values.map(|value| value.split_once(' ').unwrap()).collect();
            let types: Vec<_> = values.iter().map(|(of, _)| *of).collect();
            let signature = format!("{name}({})", types.join(","));
            let values = values.into_iter().map(|(of, name)| (of.to_string(), name.to_string())).collect();
            errors.insert(signature, (name.to_string(), values));
        }
    }
    errors
}

/// Its ABI encoding with nothing in it: zeros, and empty texts and lists.
fn encoded(signature: &str, values: &[(String, String)]) -> Bytes {
    let is_dynamic = |of: &str| of == "string" || of == "bytes" || of.ends_with("[]");
    let mut data = keccak256(signature)[..4].to_vec();
    let mut tail = values.len() * 32;
    for (of, _) in values {
        let mut word = [0u8; 32];
        if is_dynamic(of) {
            word[24..].copy_from_slice(&(tail as u64).to_be_bytes());
            tail += 32;
        }
        data.extend(word);
    }
    data.resize(4 + tail, 0);
    data.into()
}

fn refused(data: Option<Bytes>) -> ClientError {
    ClientError::Refused { method: "eth_call".into(), code: 3, message: "execution reverted".into(), data, rule: None }
}

#[test]
fn every_error_of_every_module_is_decoded_to_code_values_rule_and_remedy() {
    let errors = published();
    assert!(errors.len() > 200, "{} errors are published", errors.len());
    for (signature, (name, values)) in &errors {
        let explained = refused(Some(encoded(signature, values))).explanation();
        let explained = explained.unwrap_or_else(|| panic!("{signature} is not decoded"));
        assert_eq!((explained.code, explained.signature), (name.as_str(), signature.as_str()));
        let shown: Vec<_> = explained.values.split(", ").filter_map(|value| value.split(": ").next()).collect();
        let named: Vec<_> = values.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(shown.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>(), named, "{signature}");
        assert!(!explained.broken().is_empty() && explained.remedy().ends_with('.'), "{signature}: {}", explained.rule);
        assert_eq!(format!("{}. {}", explained.broken(), explained.remedy()), explained.rule);
    }
}

#[test]
fn what_no_module_wrote_is_not_explained() {
    let cut_short = encoded("UetrUsed(address,bytes32,uint8)", &[("address".into(), "payer".into())]);
    for data in [None, Some(Bytes::new()), Some(Bytes::from_static(&[1, 2, 3])), Some(cut_short)] {
        assert_eq!(refused(data).explanation(), None);
    }
    let other = ClientError::NotFinal { hash: Default::default(), waited_ms: 1 };
    assert_eq!(other.explanation(), None);
}
