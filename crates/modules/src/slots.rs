//! Typed places in storage, laid out as Solidity lays them out, so that any reader with `eth_getStorageAt` finds them.
//!
//! **The one place that encodes values.** A [`Word`] is a value that fills a slot: a number, an address, or several
//! small ones packed from the low-order end (`packed!`). A [`Located`] thing knows where it lies: a [`Slot`], a
//! [`Mapping`], an [`Array`], a [`Text`], or a struct of them (`layout!`). Layouts are append-only: a number, once
//! given, is never given to anything else, and `golden/layout.json` of each module holds them against change.
//!
//! **Failures.** A stored word that is not a value of its type is corruption, hence a fault. A value too large for its
//! place reverts; operations check before, so that this is a second lock and not a rule.
//!
//! Source: Solidity 0.8 documentation, "Layout of state variables in storage".

use alloy_primitives::{Address, B256, U256, keccak256};
use florin_types::StateFault;
use serde_json::{Value, json};
use std::{collections::BTreeMap, marker::PhantomData};

use crate::{
    calls::IModule,
    context::{Context, Failure, ensure, revert},
};

/// Longest text that any module stores, in bytes.
pub const TEXT_BYTES_MAX: usize = 256;

/// Structs met while a layout is described: name to members.
pub type TypeBook = BTreeMap<String, Vec<Value>>;

// ---------------------------------------------------------------------------------------------------------------------
// Values
// ---------------------------------------------------------------------------------------------------------------------

/// A value of fixed width that may stand alone in a slot or share one.
pub trait Field: Copy {
    /// Bytes it takes when it stands alone.
    const BYTES: usize;
    /// The value as an unsigned integer.
    fn to_bits(self) -> U256;
    /// The value of these bits, if they are one.
    fn from_bits(bits: U256) -> Option<Self>;
    /// Solidity's name of the type, in this many bytes.
    fn solidity(bytes: usize) -> String;
}

macro_rules! unsigned_field {
    ($($type:ty),*) => {$(
        impl Field for $type {
            const BYTES: usize = size_of::<$type>();
            fn to_bits(self) -> U256 {
                U256::from(self)
            }
            fn from_bits(bits: U256) -> Option<Self> {
                Self::try_from(bits).ok()
            }
            fn solidity(bytes: usize) -> String {
                format!("uint{}", bytes.saturating_mul(8))
            }
        }
    )*};
}
unsigned_field!(u8, u16, u32, u64, u128);

impl Field for U256 {
    const BYTES: usize = 32;
    fn to_bits(self) -> U256 {
        self
    }
    fn from_bits(bits: U256) -> Option<Self> {
        Some(bits)
    }
    fn solidity(_: usize) -> String {
        "uint256".into()
    }
}

impl Field for B256 {
    const BYTES: usize = 32;
    fn to_bits(self) -> U256 {
        self.into()
    }
    fn from_bits(bits: U256) -> Option<Self> {
        Some(bits.into())
    }
    fn solidity(_: usize) -> String {
        "bytes32".into()
    }
}

impl Field for bool {
    const BYTES: usize = 1;
    fn to_bits(self) -> U256 {
        U256::from(self)
    }
    fn from_bits(bits: U256) -> Option<Self> {
        u8::try_from(bits).ok().filter(|bit| *bit <= 1).map(|bit| bit == 1)
    }
    fn solidity(_: usize) -> String {
        "bool".into()
    }
}

impl Field for Address {
    const BYTES: usize = 20;
    fn to_bits(self) -> U256 {
        U256::from_be_slice(self.as_slice())
    }
    fn from_bits(bits: U256) -> Option<Self> {
        (bits.bit_len() <= 160).then(|| Self::from_word(bits.into()))
    }
    fn solidity(_: usize) -> String {
        "address".into()
    }
}

/// A value that fills one slot.
pub trait Word: Sized {
    /// The slot's content; absent if the value does not fit.
    fn to_word(&self) -> Option<U256>;
    /// The value that a slot's content stands for; absent if it stands for none.
    fn from_word(word: U256) -> Option<Self>;
    /// Solidity's name of the type; structs describe their members in `book`.
    fn describe(book: &mut TypeBook) -> String;
}

impl<T: Field> Word for T {
    fn to_word(&self) -> Option<U256> {
        Some(self.to_bits())
    }
    fn from_word(word: U256) -> Option<Self> {
        Self::from_bits(word)
    }
    fn describe(_: &mut TypeBook) -> String {
        Self::solidity(Self::BYTES)
    }
}

/// Puts `bits` into bytes `start..end` of a word, counted from the low-order end; absent if they do not fit.
pub fn place(bits: U256, start: usize, end: usize) -> Option<U256> {
    let width = end.saturating_sub(start).saturating_mul(8);
    (bits.bit_len() <= width).then(|| bits.wrapping_shl(start.saturating_mul(8)))
}

/// The bits that stand in bytes `start..end` of a word.
pub fn extract(word: U256, start: usize, end: usize) -> U256 {
    let width = end.saturating_sub(start).saturating_mul(8);
    let mask = if width >= 256 { U256::MAX } else { U256::ONE.wrapping_shl(width).wrapping_sub(U256::ONE) };
    word.wrapping_shr(start.saturating_mul(8)) & mask
}

/// Declares a struct whose members share one slot, each at a range of bytes counted from the low-order end, as a
/// Solidity struct of small members does.
macro_rules! packed {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty = $start:literal..$end:literal),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $type),* }

        impl $crate::slots::Word for $name {
            fn to_word(&self) -> Option<alloy_primitives::U256> {
                let mut word = alloy_primitives::U256::ZERO;
                $(word |= $crate::slots::place($crate::slots::Field::to_bits(self.$field), $start, $end)?;)*
                Some(word)
            }
            fn from_word(word: alloy_primitives::U256) -> Option<Self> {
                let value = Self {
                    $($field: $crate::slots::Field::from_bits($crate::slots::extract(word, $start, $end))?,)*
                };
                // Bits outside of every member were never written by us.
                (value.to_word() == Some(word)).then_some(value)
            }
            fn describe(book: &mut $crate::slots::TypeBook) -> String {
                let name = format!("struct {}", stringify!($name));
                let members = vec![$($crate::slots::entry(
                    stringify!($field), 0, $start, $end,
                    <$type as $crate::slots::Field>::solidity($end - $start),
                )),*];
                book.insert(name.clone(), members);
                name
            }
        }
    };
}
pub(crate) use packed;

// ---------------------------------------------------------------------------------------------------------------------
// Places
// ---------------------------------------------------------------------------------------------------------------------

/// Something that lies in the storage of a module from a slot on.
pub trait Located: Sized {
    /// Slots it takes in a struct.
    const SLOTS: u64 = 1;
    /// The thing at `slot` of `address`.
    fn locate(address: Address, slot: U256) -> Self;
    /// Solidity's name of the type; structs describe their members in `book`.
    fn describe(book: &mut TypeBook) -> String;
}

/// `slot + offset` in the ring of 2^256 slots, as Solidity counts.
pub fn offset(slot: U256, offset: U256) -> U256 {
    slot.wrapping_add(offset)
}

/// One line of a layout: where a member lies and what it is.
pub fn entry(label: &str, slot: u64, start: usize, end: usize, type_name: String) -> Value {
    json!({ "label": label, "slot": slot, "offset": start, "bytes": end.saturating_sub(start), "type": type_name })
}

/// A value that fills one slot.
#[derive(Clone, Copy, Debug)]
pub struct Slot<T> {
    address: Address,
    slot: U256,
    value: PhantomData<T>,
}

impl<T: Word> Slot<T> {
    /// The value.
    pub fn read(&self, context: &mut Context<'_>) -> Result<T, Failure> {
        let word = context.load(self.address, self.slot)?;
        T::from_word(word).ok_or_else(|| {
            let name = T::describe(&mut TypeBook::new());
            StateFault(format!("slot {:#x} of {} holds {word:#x}, which is no {name}", self.slot, self.address)).into()
        })
    }

    /// Sets the value.
    pub fn write(&self, context: &mut Context<'_>, value: T) -> Result<(), Failure> {
        let word = value.to_word().ok_or_else(|| revert(IModule::ValueTooLarge { slot: self.slot }))?;
        context.store(self.address, self.slot, word)
    }

    /// Where it lies: the module's address and the number of the slot, for proofs and prefetching.
    pub fn place(&self) -> (Address, U256) {
        (self.address, self.slot)
    }
}

impl<T: Word> Located for Slot<T> {
    fn locate(address: Address, slot: U256) -> Self {
        Self { address, slot, value: PhantomData }
    }
    fn describe(book: &mut TypeBook) -> String {
        T::describe(book)
    }
}

/// A key of a mapping, as it enters the hash.
pub trait Key {
    /// Bytes before the slot's number.
    fn bytes(&self) -> Vec<u8>;
    /// Solidity's name of the type.
    fn solidity() -> String;
}

impl<T: Field> Key for T {
    fn bytes(&self) -> Vec<u8> {
        self.to_bits().to_be_bytes_vec()
    }
    fn solidity() -> String {
        <T as Field>::solidity(T::BYTES)
    }
}

impl Key for str {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
    fn solidity() -> String {
        "string".into()
    }
}

/// Solidity's `mapping(K => V)`: the thing of a key lies at `keccak256(key . slot)`. Mappings nest.
#[derive(Debug)]
pub struct Mapping<K: ?Sized, V> {
    address: Address,
    slot: U256,
    types: PhantomData<fn(&K) -> V>,
}

impl<K: ?Sized, V> Clone for Mapping<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K: ?Sized, V> Copy for Mapping<K, V> {}

impl<K: Key + ?Sized, V: Located> Mapping<K, V> {
    /// The thing of `key`.
    pub fn at(&self, context: &mut Context<'_>, key: &K) -> Result<V, Failure> {
        let slot = context.keccak(&self.preimage(key))?;
        Ok(V::locate(self.address, slot.into()))
    }

    /// The thing of `key`, outside of any call: for proofs and prefetching.
    pub fn of(&self, key: &K) -> V {
        V::locate(self.address, keccak256(self.preimage(key)).into())
    }

    fn preimage(&self, key: &K) -> Vec<u8> {
        let mut preimage = key.bytes();
        preimage.extend_from_slice(&self.slot.to_be_bytes::<32>());
        preimage
    }
}

impl<K: Key + ?Sized, V: Located> Located for Mapping<K, V> {
    fn locate(address: Address, slot: U256) -> Self {
        Self { address, slot, types: PhantomData }
    }
    fn describe(book: &mut TypeBook) -> String {
        format!("mapping({} => {})", K::solidity(), V::describe(book))
    }
}

/// Solidity's `T[]` for values too wide to share a slot: the length lies in the slot, element `i` at
/// `keccak256(slot) + i`.
#[derive(Clone, Copy, Debug)]
pub struct Array<T> {
    address: Address,
    slot: U256,
    value: PhantomData<T>,
}

impl<T: Field> Array<T> {
    const ONE_EACH: () = assert!(T::BYTES > 16, "Solidity would pack several of these into a slot");

    /// Number of elements.
    pub fn len(&self, context: &mut Context<'_>) -> Result<u64, Failure> {
        Slot::<u64>::locate(self.address, self.slot).read(context)
    }

    /// The element at `index`; absent beyond the end.
    pub fn get(&self, context: &mut Context<'_>, index: u64) -> Result<Option<T>, Failure> {
        if index >= self.len(context)? {
            return Ok(None);
        }
        self.element(context, index)?.read(context).map(Some)
    }

    /// All elements.
    pub fn all(&self, context: &mut Context<'_>) -> Result<Vec<T>, Failure> {
        let length = self.len(context)?;
        (0..length).map(|index| self.element(context, index)?.read(context)).collect()
    }

    /// Sets the element at `index`, which must exist.
    pub fn set(&self, context: &mut Context<'_>, index: u64, value: T) -> Result<(), Failure> {
        self.element(context, index)?.write(context, value)
    }

    /// Appends an element.
    pub fn push(&self, context: &mut Context<'_>, value: T) -> Result<(), Failure> {
        let length = self.len(context)?;
        self.set(context, length, value)?;
        Slot::<u64>::locate(self.address, self.slot).write(context, length.saturating_add(1))
    }

    /// Removes the last element, if there is one.
    pub fn pop(&self, context: &mut Context<'_>) -> Result<(), Failure> {
        let Some(last) = self.len(context)?.checked_sub(1) else { return Ok(()) };
        self.element(context, last)?.write_zero(context)?;
        Slot::<u64>::locate(self.address, self.slot).write(context, last)
    }

    fn element(&self, context: &mut Context<'_>, index: u64) -> Result<Slot<T>, Failure> {
        let () = Self::ONE_EACH;
        let start: U256 = context.keccak(&self.slot.to_be_bytes::<32>())?.into();
        Ok(Slot::locate(self.address, offset(start, U256::from(index))))
    }
}

impl<T> Slot<T> {
    fn write_zero(&self, context: &mut Context<'_>) -> Result<(), Failure> {
        context.store(self.address, self.slot, U256::ZERO)
    }
}

impl<T: Field> Located for Array<T> {
    fn locate(address: Address, slot: U256) -> Self {
        Self { address, slot, value: PhantomData }
    }
    fn describe(_: &mut TypeBook) -> String {
        format!("{}[]", T::solidity(T::BYTES))
    }
}

/// Solidity's `string`: up to 31 bytes stand left-aligned in the slot with twice the length in the last byte; longer
/// ones leave twice the length plus one in the slot and lie from `keccak256(slot)` on.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    address: Address,
    slot: U256,
}

impl Text {
    /// The text.
    pub fn read(&self, context: &mut Context<'_>) -> Result<String, Failure> {
        let head = context.load(self.address, self.slot)?;
        let length = self.length(head)?;
        let mut bytes = Vec::with_capacity(length);
        if length < 32 {
            bytes.extend_from_slice(&head.to_be_bytes::<32>()[..length]);
        } else {
            let start = self.body(context)?;
            for index in 0..length.div_ceil(32) {
                let word = context.load(self.address, offset(start, U256::from(index)))?;
                bytes.extend_from_slice(&word.to_be_bytes::<32>());
            }
            bytes.truncate(length);
        }
        String::from_utf8(bytes).map_err(|_| self.fault("is not UTF-8"))
    }

    /// Sets the text; what a longer one left behind is cleared.
    pub fn write(&self, context: &mut Context<'_>, text: &str) -> Result<(), Failure> {
        let bytes = text.as_bytes();
        ensure(bytes.len() <= TEXT_BYTES_MAX, || IModule::TextTooLong {
            length: U256::from(bytes.len()),
            lengthMax: U256::from(TEXT_BYTES_MAX),
        })?;
        let before = context.load(self.address, self.slot)?;
        let words_before = self.body_words(self.length(before)?);
        let words = self.body_words(bytes.len());
        context.store(self.address, self.slot, head(bytes))?;
        if words.max(words_before) == 0 {
            return Ok(());
        }
        let start = self.body(context)?;
        let chunks = if words == 0 { &[] } else { bytes };
        for (index, chunk) in chunks.chunks(32).enumerate() {
            context.store(self.address, offset(start, U256::from(index)), left_aligned(chunk))?;
        }
        for index in words..words_before {
            context.store(self.address, offset(start, U256::from(index)), U256::ZERO)?;
        }
        Ok(())
    }

    fn body(&self, context: &mut Context<'_>) -> Result<U256, Failure> {
        Ok(context.keccak(&self.slot.to_be_bytes::<32>())?.into())
    }

    fn body_words(&self, length: usize) -> usize {
        if length < 32 { 0 } else { length.div_ceil(32) }
    }

    /// Length that the first slot claims; beyond our bound, or in the wrong form, we did not write it.
    fn length(&self, head: U256) -> Result<usize, Failure> {
        let long = head.bit(0);
        let claimed = if long { head } else { head & U256::from(0xff) }.wrapping_shr(1);
        usize::try_from(claimed)
            .ok()
            .filter(|length| *length <= TEXT_BYTES_MAX && (*length >= 32) == long)
            .ok_or_else(|| self.fault("has no valid length"))
    }

    fn fault(&self, what: &str) -> Failure {
        StateFault(format!("the text at slot {:#x} of {} {what}", self.slot, self.address)).into()
    }
}

fn left_aligned(bytes: &[u8]) -> U256 {
    let mut word = [0u8; 32];
    word[..bytes.len()].copy_from_slice(bytes);
    U256::from_be_bytes(word)
}

fn head(bytes: &[u8]) -> U256 {
    let doubled = U256::from(bytes.len()).wrapping_shl(1);
    if bytes.len() < 32 { left_aligned(bytes) | doubled } else { doubled | U256::ONE }
}

impl Located for Text {
    fn locate(address: Address, slot: U256) -> Self {
        Self { address, slot }
    }
    fn describe(_: &mut TypeBook) -> String {
        "string".into()
    }
}

/// Declares a struct of places at fixed slots: a module's whole layout, or the value of a mapping.
macro_rules! layout {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident: $type:ty = $slot:literal),* $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $type),* }

        impl $name {
            /// Every member with its slot and type, in order.
            pub(crate) fn members(book: &mut $crate::slots::TypeBook) -> Vec<serde_json::Value> {
                vec![$({
                    let type_name = <$type as $crate::slots::Located>::describe(book);
                    $crate::slots::entry(stringify!($field), $slot, 0, 32, type_name)
                }),*]
            }
        }

        impl $crate::slots::Located for $name {
            const SLOTS: u64 = {
                let mut end = 0;
                $(
                    // Slots are given in order, without overlap.
                    assert!($slot >= end);
                    end = $slot + <$type as $crate::slots::Located>::SLOTS;
                )*
                end
            };
            // Inlined, so that of a layout only the places that are used are made.
            #[inline]
            fn locate(address: alloy_primitives::Address, slot: alloy_primitives::U256) -> Self {
                let place = |number: u64| $crate::slots::offset(slot, alloy_primitives::U256::from(number));
                Self { $($field: $crate::slots::Located::locate(address, place($slot))),* }
            }
            fn describe(book: &mut $crate::slots::TypeBook) -> String {
                let name = format!("struct {}", stringify!($name));
                let members = Self::members(book);
                book.insert(name.clone(), members);
                name
            }
        }
    };
}
pub(crate) use layout;

#[cfg(test)]
mod tests;
