//! Every function of every module, from its own ABI: arguments that are right, cut, dirty, or lie about offsets and lengths.

use super::*;
use crate::{
    CHANNEL_ADDRESS, ESCROW_ADDRESS, EXCHANGE_ADDRESS, FACTORY_ADDRESS, IDENTITY_ADDRESS, PAYMENT_ADDRESS,
    PERMISSION_ADDRESS, SETTLEMENT_ADDRESS,
};
use alloy_json_abi::{JsonAbi, Param};
use std::sync::LazyLock;

/// A function and where it answers.
pub(super) struct Function {
    pub(super) to: Address,
    pub(super) selector: [u8; 4],
    name: String,
    inputs: Vec<Param>,
}

/// All functions of all modules.
pub(super) fn functions() -> &'static [Function] {
    static FUNCTIONS: LazyLock<Vec<Function>> = LazyLock::new(read_functions);
    &FUNCTIONS
}

fn read_functions() -> Vec<Function> {
    let modules = [
        (TOKEN, include_str!("../../token/golden/abi.json")),
        (POLICY_ADDRESS, include_str!("../../policy/golden/abi.json")),
        (PERMISSION_ADDRESS, include_str!("../../permission/golden/abi.json")),
        (FACTORY_ADDRESS, include_str!("../../factory/golden/abi.json")),
        (IDENTITY_ADDRESS, include_str!("../../identity/golden/abi.json")),
        (PAYMENT_ADDRESS, include_str!("../../payment/golden/abi.json")),
        (SETTLEMENT_ADDRESS, include_str!("../../settlement/golden/abi.json")),
        (EXCHANGE_ADDRESS, include_str!("../../fx/golden/abi.json")),
        (ESCROW_ADDRESS, include_str!("../../escrow/golden/abi.json")),
        (CHANNEL_ADDRESS, include_str!("../../channel/golden/abi.json")),
    ];
    let parse = |text| serde_json::from_str::<JsonAbi>(text).expect("a golden ABI is JSON");
    let all = modules.into_iter().flat_map(|(to, text)| {
        parse(text).functions.into_values().flatten().map(move |function| Function {
            to,
            selector: function.selector().0,
            name: function.signature(),
            inputs: function.inputs,
        })
    });
    all.collect()
}

/// What a word of an encoding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// A number of so many bits, right-aligned; all values of that size are valid but for what the operation says.
    Number(usize),
    /// So many bytes, left-aligned.
    Bytes(usize),
    Bool,
    /// Where something begins.
    Offset,
    /// How many elements or bytes follow.
    Length,
    /// Content of a text or of bytes.
    Content,
}

/// An encoding, and what each of its words is.
#[derive(Default)]
struct Encoding {
    words: Vec<([u8; 32], Word)>,
}

fn number(value: usize) -> [u8; 32] {
    U256::from(value).to_be_bytes()
}

fn is_dynamic(ty: &str, components: &[Param]) -> bool {
    ty.ends_with(']')
        || ty == "bytes"
        || ty == "string"
        || (ty == "tuple" && components.iter().any(|part| is_dynamic(&part.ty, &part.components)))
}

/// Words of one argument, as Solidity's coder v2 lays them out; arrays have one element, texts and bytes one word.
fn encode_one(ty: &str, components: &[Param]) -> Encoding {
    let one = |value, word| Encoding { words: vec![(value, word)] };
    if let Some(element) = ty.strip_suffix("[]") {
        let mut array = one(number(1), Word::Length);
        array.words.extend(encode_all(&[(element, components)]).words);
        return array;
    }
    match ty {
        "bytes" | "string" => Encoding { words: vec![(number(32), Word::Length), ([b'A'; 32], Word::Content)] },
        "bool" => one(number(1), Word::Bool),
        "address" => one(B256::left_padding_from(account(1).as_slice()).0, Word::Number(160)),
        "tuple" => {
            let parts: Vec<_> = components.iter().map(|part| (part.ty.as_str(), part.components.as_slice())).collect();
            encode_all(&parts)
        }
        _ if ty.starts_with("bytes") => {
            let length = ty["bytes".len()..].parse().expect("a size");
            let mut word = [0; 32];
            word[..length].fill(b'A');
            one(word, Word::Bytes(length))
        }
        _ => {
            let bits = ty.strip_prefix("uint").or(ty.strip_prefix("int")).and_then(|bits| bits.parse().ok());
            one(number(1), Word::Number(bits.unwrap_or_else(|| panic!("an unknown type: {ty}"))))
        }
    }
}

/// Words of several: heads, and behind them what is dynamic.
fn encode_all(parts: &[(&str, &[Param])]) -> Encoding {
    let encoded: Vec<_> = parts.iter().map(|(ty, components)| encode_one(ty, components)).collect();
    let dynamic: Vec<_> = parts.iter().map(|(ty, components)| is_dynamic(ty, components)).collect();
    let heads: usize =
        encoded.iter().zip(&dynamic).map(|(part, dynamic)| if *dynamic { 1 } else { part.words.len() }).sum();
    let (mut head, mut tail) = (Encoding::default(), Encoding::default());
    for (part, dynamic) in encoded.into_iter().zip(dynamic) {
        if dynamic {
            head.words.push((number(32 * (heads + tail.words.len())), Word::Offset));
            tail.words.extend(part.words);
        } else {
            head.words.extend(part.words);
        }
    }
    head.words.extend(tail.words);
    head
}

impl Function {
    fn encoding(&self) -> Encoding {
        let parts: Vec<_> = self.inputs.iter().map(|part| (part.ty.as_str(), part.components.as_slice())).collect();
        encode_all(&parts)
    }

    fn input(&self, encoding: &Encoding) -> Vec<u8> {
        let words = encoding.words.iter().flat_map(|(word, _)| *word);
        self.selector.into_iter().chain(words).collect()
    }

    fn malformed(&self) -> Result<Bytes, Failure> {
        Err(revert(IModule::ArgumentsMalformed { selector: self.selector.into() }))
    }

    /// Sends to a world of its own. The call is paid before it is read, and nothing of a failure remains.
    fn send(&self, fresh: &Ledger, input: &[u8]) -> (Result<Bytes, Failure>, Ledger) {
        let mut ledger = Ledger { storage: fresh.storage.clone(), rules: fresh.rules.clone(), ..*fresh };
        let answer = ledger.send(account(1), self.to, input);
        let words = u64::try_from(input.len().div_ceil(32)).unwrap();
        assert!(ledger.storage.gas_used >= CALL_GAS + WORD_GAS * words, "{} read before it was paid", self.name);
        assert!(!matches!(answer, Err(Failure::Fault(_))), "{}: {answer:?}", self.name);
        (answer, ledger)
    }
}

#[test]
fn every_function_of_every_module_is_known() {
    assert!(functions().len() > 200, "{}", functions().len());
    let fresh = world();
    for function in functions() {
        let (answer, _) = function.send(&fresh, &function.input(&function.encoding()));
        assert_ne!(answer, function.malformed(), "{}", function.name);
        let unknown = revert(IModule::SelectorUnknown { selector: function.selector.into() });
        assert_ne!(answer, Err(unknown), "{}", function.name);
    }
}

#[test]
fn bytes_after_the_arguments_change_nothing() {
    let fresh = world();
    for function in functions() {
        let input = function.input(&function.encoding());
        let (plain, one) = function.send(&fresh, &input);
        for tail in [&[0u8][..], &[0xff; 31], &[0xff; 32], &[7; 100]] {
            let (answer, two) = function.send(&fresh, &[&input[..], tail].concat());
            assert_eq!(answer, plain, "{}", function.name);
            assert_eq!(two.storage.slots, one.storage.slots, "{}", function.name);
        }
    }
}

/// Whatever is cut off, at least one word of it was needed.
#[test]
fn cut_arguments_are_refused() {
    let fresh = world();
    for function in functions() {
        let input = function.input(&function.encoding());
        for length in (4..input.len()).rev().step_by(7) {
            let (answer, _) = function.send(&fresh, &input[..length]);
            assert_eq!(answer, function.malformed(), "{} cut at {length}", function.name);
        }
    }
}

/// A bit outside of a value's type is refused wherever it stands.
#[test]
fn dirty_bits_are_refused() {
    let fresh = world();
    for function in functions() {
        let encoding = function.encoding();
        for (place, (_, kind)) in encoding.words.iter().enumerate() {
            let dirty = match *kind {
                Word::Number(256) | Word::Bytes(32) | Word::Content | Word::Offset | Word::Length => continue,
                Word::Number(bits) => vec![0, 31 - bits / 8],
                Word::Bytes(length) => vec![length, 31],
                Word::Bool => vec![0, 30],
            };
            for byte in dirty {
                let mut input = function.input(&encoding);
                input[4 + 32 * place + byte] = 0x80;
                let (answer, _) = function.send(&fresh, &input);
                assert_eq!(answer, function.malformed(), "{} word {place} byte {byte}", function.name);
            }
        }
    }
    let two = functions().iter().find(|function| function.name.starts_with("setAddressFrozen")).unwrap();
    let mut input = two.input(&two.encoding());
    *input.last_mut().unwrap() = 2;
    assert_eq!(two.send(&fresh, &input).0, two.malformed(), "a boolean of 2");
}

/// Offsets and lengths beyond the input are refused before anything of that size is made; those that overlap or point
/// into the heads are read or refused.
#[test]
fn offsets_and_lengths_that_lie_are_refused() {
    let fresh = world();
    let mut lies = 0;
    for function in functions() {
        let encoding = function.encoding();
        let length = 32 * encoding.words.len();
        for (place, (_, kind)) in encoding.words.iter().enumerate() {
            if !matches!(kind, Word::Offset | Word::Length) {
                continue;
            }
            let mut lie = |value: U256| {
                let mut input = function.input(&encoding);
                input[4 + 32 * place..4 + 32 * (place + 1)].copy_from_slice(&value.to_be_bytes::<32>());
                lies += 1;
                function.send(&fresh, &input).0
            };
            for bits in [16, 31, 32, 63, 64, 127, 128, 255] {
                let answer = lie(U256::ONE << bits);
                assert_eq!(answer, function.malformed(), "{} word {place}: 2^{bits}", function.name);
            }
            for value in [U256::MAX, U256::from(u64::MAX), U256::from(u64::MAX - 31), U256::from(length + 1)] {
                assert_eq!(lie(value), function.malformed(), "{} word {place}: {value}", function.name);
            }
            // Into itself, into other heads, or askew: any answer in the module's own words.
            for value in (0..=length).step_by(8) {
                match lie(U256::from(value)) {
                    Err(Failure::Revert(data)) => assert!(crate::explain(&data).is_some(), "{}", function.name),
                    answer => assert!(answer.is_ok(), "{}: {answer:?}", function.name),
                }
            }
        }
    }
    assert!(lies > 500, "{lies}");
}

/// Too long an input is refused by its size, whatever it claims; as much as may be is read within the bound.
#[test]
fn long_inputs_are_refused_by_their_size() {
    let fresh = world();
    for function in functions() {
        let mut input = function.input(&function.encoding());
        input.resize(crate::payment::BATCH_INPUT_BYTES_MAX + 1, 0xff);
        let (answer, _) = function.send(&fresh, &input);
        let Err(Failure::Revert(data)) = answer else { panic!("{}", function.name) };
        assert!(crate::explain(&data).is_some_and(|error| error.code == "InputTooLong"), "{}", function.name);
    }
}
