//! Places against Solidity's documented layout, with vectors that other tools give too.

use super::*;
use crate::{CallEnv, Failure, MemoryStorage};
use alloy_primitives::{b256, keccak256};
use florin_types::Rules;
use proptest::prelude::*;

const HERE: Address = Address::repeat_byte(7);

packed! {
    struct Sample {
        small: u8 = 0..1,
        flag: bool = 1..2,
        narrow: u128 = 2..5,
        who: Address = 5..25,
    }
}

layout! {
    struct Inner {
        sample: Slot<Sample> = 0,
        text: Text = 1,
    }
}

layout! {
    struct Outer {
        first: Slot<u64> = 0,
        inner: Inner = 1,
        last: Mapping<B256, Mapping<u64, Inner>> = 3,
    }
}

fn with<T>(storage: &mut MemoryStorage, operation: impl FnOnce(&mut Context<'_>) -> T) -> T {
    let rules = Rules::default();
    operation(&mut Context::new(CallEnv { is_static: false, ..CallEnv::reader(&rules) }, storage))
}

fn slot(storage: &MemoryStorage, number: U256) -> U256 {
    storage.slots.get(&(HERE, number)).copied().unwrap_or_default()
}

#[test]
fn packed_members_stand_from_the_low_order_end() {
    let mut storage = MemoryStorage::default();
    let place = Slot::<Sample>::locate(HERE, U256::from(9));
    let value = Sample { small: 0xab, flag: true, narrow: 0x123456, who: Address::repeat_byte(0xcd) };
    with(&mut storage, |context| place.write(context, value)).unwrap();
    let expected = b256!("00000000000000cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd12345601ab");
    assert_eq!(B256::from(slot(&storage, U256::from(9))), expected);
    assert_eq!(with(&mut storage, |context| place.read(context)).unwrap(), value);
}

#[test]
fn a_value_that_does_not_fit_its_place_reverts_and_nothing_is_written() {
    let mut storage = MemoryStorage::default();
    let place = Slot::<Sample>::locate(HERE, U256::ZERO);
    let fits = Sample { narrow: (1 << 24) - 1, ..Sample::default() };
    with(&mut storage, |context| place.write(context, fits)).unwrap();
    let before = storage.slots.clone();
    let beyond = Sample { narrow: 1 << 24, ..Sample::default() };
    let failure = with(&mut storage, |context| place.write(context, beyond)).unwrap_err();
    assert!(matches!(failure, Failure::Revert(_)), "{failure:?}");
    assert_eq!(storage.slots, before);
}

#[test]
fn words_that_were_never_written_are_faults() {
    let mut storage = MemoryStorage::default();
    let mut faults = |word: U256, read: fn(&mut Context<'_>) -> Result<(), Failure>| {
        storage.slots.insert((HERE, U256::ZERO), word);
        let failure = with(&mut storage, read).unwrap_err();
        assert!(matches!(failure, Failure::Fault(_)), "{word:#x}: {failure:?}");
    };
    faults(U256::from(2), |c| Slot::<bool>::locate(HERE, U256::ZERO).read(c).map(|_| ()));
    faults(U256::from(256), |c| Slot::<u8>::locate(HERE, U256::ZERO).read(c).map(|_| ()));
    faults(U256::ONE << 128, |c| Slot::<u128>::locate(HERE, U256::ZERO).read(c).map(|_| ()));
    faults(U256::ONE << 160, |c| Slot::<Address>::locate(HERE, U256::ZERO).read(c).map(|_| ()));
    faults(U256::ONE << 255, |c| Slot::<Sample>::locate(HERE, U256::ZERO).read(c).map(|_| ()));
    // A text: short with a long length, long with a short one, longer than any that we write, not UTF-8.
    for word in
        [U256::from(64), U256::from(3), U256::from(2 * 257 + 1), U256::MAX, (U256::from(0xff) << 248) | U256::from(2)]
    {
        faults(word, |c| Text::locate(HERE, U256::ZERO).read(c).map(|_| ()));
    }
}

#[test]
fn mappings_and_arrays_lie_where_solidity_puts_them() {
    let zero = Mapping::<U256, Slot<U256>>::locate(HERE, U256::ZERO);
    let known = b256!("ad3228b676f7d3cd4284a5443f17f1962b36e491b30a40b2405849e597ba5fb5");
    assert_eq!(zero.of(&U256::ZERO).place(), (HERE, known.into()));

    let mut storage = MemoryStorage::default();
    let array = Array::<U256>::locate(HERE, U256::ZERO);
    with(&mut storage, |context| array.push(context, U256::from(5)).and_then(|()| array.push(context, U256::from(6))))
        .unwrap();
    let first: U256 = b256!("290decd9548b62a8d60345a988386fc84ba6bc95484008f6362f93160ef3e563").into();
    assert_eq!(slot(&storage, U256::ZERO), U256::from(2));
    assert_eq!((slot(&storage, first), slot(&storage, first + U256::ONE)), (U256::from(5), U256::from(6)));

    let owner = Address::repeat_byte(1);
    let nested = Mapping::<Address, Mapping<Address, Slot<U256>>>::locate(HERE, U256::from(5));
    let outer = keccak256([B256::left_padding_from(owner.as_slice()).0, U256::from(5).to_be_bytes()].concat());
    let inner = keccak256([B256::left_padding_from(HERE.as_slice()).0, outer.0].concat());
    assert_eq!(nested.of(&owner).of(&HERE).place(), (HERE, inner.into()));

    let by_text = Mapping::<str, Slot<Address>>::locate(HERE, U256::ONE);
    let expected = keccak256([b"EUR".as_slice(), &U256::ONE.to_be_bytes::<32>()].concat());
    assert_eq!(by_text.of("EUR").place(), (HERE, expected.into()));
}

#[test]
fn a_metered_place_is_the_same_as_a_free_one() {
    let mut storage = MemoryStorage::default();
    let mapping = Mapping::<Address, Slot<U256>>::locate(HERE, U256::from(3));
    let metered = with(&mut storage, |context| mapping.at(context, &HERE)).unwrap();
    assert_eq!(metered.place(), mapping.of(&HERE).place());
    assert_eq!(storage.gas_used, 42, "30 and 6 for each of two words");
}

#[test]
fn structs_nest_slot_by_slot() {
    assert_eq!((Inner::SLOTS, Outer::SLOTS), (2, 4));
    let outer = Outer::locate(HERE, U256::from(10));
    assert_eq!(outer.first.place().1, U256::from(10));
    assert_eq!(outer.inner.sample.place().1, U256::from(11));
    let within = outer.last.of(&B256::ZERO).of(&1);
    let mut storage = MemoryStorage::default();
    with(&mut storage, |context| within.text.write(context, "x")).unwrap();
    let base = within.sample.place().1;
    assert!(storage.slots.contains_key(&(HERE, base + U256::ONE)));
}

#[test]
fn arrays_are_bounded_by_their_length() {
    let mut storage = MemoryStorage::default();
    let array = Array::<B256>::locate(HERE, U256::from(4));
    with(&mut storage, |context| {
        assert_eq!(array.get(context, 0)?, None);
        array.pop(context)?;
        for byte in 1..=3 {
            array.push(context, B256::repeat_byte(byte))?;
        }
        assert_eq!(array.get(context, 3)?, None);
        assert_eq!(array.get(context, 2)?, Some(B256::repeat_byte(3)));
        array.pop(context)?;
        assert_eq!(array.all(context)?, [B256::repeat_byte(1), B256::repeat_byte(2)]);
        array.pop(context)?;
        array.pop(context)
    })
    .unwrap();
    assert!(storage.slots.is_empty(), "popped elements leave nothing behind");
}

#[test]
fn texts_have_solidity_s_two_forms() {
    let mut storage = MemoryStorage::default();
    let text = Text::locate(HERE, U256::ZERO);
    with(&mut storage, |context| text.write(context, "abc")).unwrap();
    let short = b256!("6162630000000000000000000000000000000000000000000000000000000006");
    assert_eq!(B256::from(slot(&storage, U256::ZERO)), short);

    let long = "0123456789abcdef0123456789abcdefX";
    with(&mut storage, |context| text.write(context, long)).unwrap();
    let body: U256 = keccak256(B256::ZERO).into();
    assert_eq!(slot(&storage, U256::ZERO), U256::from(2 * 33 + 1));
    assert_eq!(slot(&storage, body), U256::from_be_slice(&long.as_bytes()[..32]));
    assert_eq!(slot(&storage, body + U256::ONE), U256::from(b'X') << 248);

    let failure = with(&mut storage, |context| text.write(context, &"x".repeat(TEXT_BYTES_MAX + 1))).unwrap_err();
    assert!(matches!(failure, Failure::Revert(_)));
    assert_eq!(with(&mut storage, |context| text.read(context)).unwrap(), long);
}

#[test]
fn a_static_context_writes_nothing() {
    let mut storage = MemoryStorage::default();
    let rules = Rules::default();
    let mut context = Context::new(CallEnv::reader(&rules), &mut storage);
    assert!(Slot::<u64>::locate(HERE, U256::ZERO).write(&mut context, 1).is_err());
    assert!(Text::locate(HERE, U256::ZERO).write(&mut context, "x").is_err());
    assert!(context.mark(HERE).is_err());
    assert!(storage.slots.is_empty() && storage.code.is_empty());
}

proptest! {
    /// Any sequence of texts reads back, and the last, empty one leaves not a slot behind.
    #[test]
    fn texts_leave_no_residue(texts in prop::collection::vec("\\PC{0,64}", 0..8)) {
        let mut storage = MemoryStorage::default();
        let place = Text::locate(HERE, U256::from(3));
        for text in &texts {
            with(&mut storage, |context| place.write(context, text)).unwrap();
            prop_assert_eq!(&with(&mut storage, |context| place.read(context)).unwrap(), text);
        }
        with(&mut storage, |context| place.write(context, "")).unwrap();
        prop_assert!(storage.slots.is_empty());
    }

    /// Any word read as any type is a value that encodes to the same word, or a fault; never a panic.
    #[test]
    fn any_word_is_a_value_or_a_fault(bytes in any::<[u8; 32]>(), narrow in any::<bool>()) {
        let word = U256::from_be_bytes(bytes) >> if narrow { 248 } else { 0 };
        fn same<T: Word>(word: U256) -> bool {
            T::from_word(word).is_none_or(|value| value.to_word() == Some(word))
        }
        prop_assert!(same::<bool>(word) && same::<u8>(word) && same::<u64>(word) && same::<u128>(word));
        prop_assert!(same::<Address>(word) && same::<B256>(word) && same::<U256>(word) && same::<Sample>(word));
        let mut storage = MemoryStorage::default();
        storage.slots.insert((HERE, U256::ZERO), word);
        let read = with(&mut storage, |context| Text::locate(HERE, U256::ZERO).read(context));
        prop_assert!(!matches!(read, Err(Failure::Revert(_) | Failure::OutOfGas)));
    }
}
