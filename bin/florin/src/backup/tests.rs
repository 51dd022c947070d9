#![allow(clippy::unwrap_used)]
use super::{
    blocks::{Chain, Kept, Trust, read_block, read_head, write_block, write_head},
    manifest::{Hashing, Manifest, Store},
};
use crate::{demo::accounts::People, failure::Failure};
use alloy_primitives::{B256, Bytes};
use florin_types::Block;
use std::{io::Write as _, path::Path};

/// A backup of three files whose content does not matter here: lengths and hashes are looked at.
fn backup(root: &Path) -> (Store, Manifest) {
    let store = Store::at(root);
    let genesis = store.put_genesis(b"genesis").unwrap();
    let mut manifest = Manifest::new("net", 7, B256::repeat_byte(7), vec!["age1".into()], genesis);
    for (first, last, content) in [(1u64, 4u64, "one to four"), (5, 5, "five alone!")] {
        let mut file = Hashing::new(store.begin("blocks").unwrap());
        file.write_all(content.as_bytes()).unwrap();
        let entry = store.put_blocks(file, "blocks", first, last).unwrap();
        manifest.add(entry, B256::repeat_byte(last as u8));
    }
    store.save(&manifest).unwrap();
    let manifest = store.existing().unwrap();
    (store, manifest)
}

fn quick(store: &Store) -> Result<Manifest, Failure> {
    let manifest = store.existing()?;
    manifest.files.iter().try_for_each(|entry| store.check(entry))?;
    Ok(manifest)
}

fn named(store: &Store, file: &str, what: &str) {
    let failure = quick(store).expect_err(what);
    assert_eq!(failure.code, "backup.damaged", "{what}: {failure}");
    assert!(failure.message.contains(file) && !failure.next.is_empty(), "{what}: {failure}");
}

#[test]
fn every_changed_bit_cut_and_missing_file_is_named() {
    let root = tempfile::tempdir().unwrap();
    let (store, manifest) = backup(root.path());
    assert_eq!((manifest.height(), manifest.files.len()), (5, 3));
    let names = manifest.files.iter().map(|entry| entry.file.as_str()).chain(["backup.json"]);
    for name in names {
        let path = store.path(name);
        let sound = std::fs::read(&path).unwrap();
        for at in 0..sound.len() {
            for bit in 0..8 {
                let mut changed = sound.clone();
                changed[at] ^= 1 << bit;
                std::fs::write(&path, changed).unwrap();
                named(&store, name, &format!("bit {bit} of byte {at} of {name}"));
            }
            std::fs::write(&path, &sound[..at]).unwrap();
            named(&store, name, &format!("{name} cut to {at} bytes"));
        }
        std::fs::write(&path, [sound.as_slice(), b"\n"].concat()).unwrap();
        named(&store, name, &format!("{name} with a byte more"));
        std::fs::remove_file(&path).unwrap();
        match name {
            "backup.json" => assert_eq!(quick(&store).unwrap_err().code, "backup.absent"),
            _ => named(&store, name, &format!("{name} is missing")),
        }
        std::fs::write(&path, &sound).unwrap();
    }
    assert_eq!(quick(&store).unwrap(), manifest);
}

#[test]
fn files_that_changed_places_are_named() {
    let root = tempfile::tempdir().unwrap();
    let (store, manifest) = backup(root.path());
    let (one, two) = (store.path(&manifest.files[1].file), store.path(&manifest.files[2].file));
    let (first, second) = (std::fs::read(&one).unwrap(), std::fs::read(&two).unwrap());
    std::fs::write(&one, &second).unwrap();
    std::fs::write(&two, &first).unwrap();
    named(&store, &manifest.files[1].file, "swapped");
    // A list that is changed with its checksum still has to name runs without gaps, in order.
    let reordered = |order: &[usize]| {
        let mut manifest = manifest.clone();
        manifest.files = order.iter().map(|index| manifest.files[*index].clone()).collect();
        store.save(&manifest).unwrap();
        store.existing().expect_err("an order that cannot be")
    };
    for order in [&[0usize, 2, 1] as &[usize], &[0, 2], &[1, 2], &[0, 1, 1, 2], &[]] {
        assert!(reordered(order).message.contains("backup.json"), "{order:?}");
    }
}

#[test]
fn what_an_interrupted_run_left_is_removed_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let (store, manifest) = backup(root.path());
    let stray =
        ["blocks.partial", "backup.json.partial", "genesis.age.partial", "blocks-000000000006-000000000009.age"];
    let mine = ["notes.txt", "holiday.mp4.partial", "blocks-of-wood.age", "blocks-6-9.age", "blocks-000000000006.age"];
    stray.iter().chain(&mine).for_each(|name| std::fs::write(store.path(name), "left").unwrap());
    store.tidy(Some(&manifest)).unwrap();
    assert!(stray.iter().all(|name| !store.path(name).exists()));
    assert!(mine.iter().all(|name| store.path(name).exists()));
    assert_eq!(quick(&store).unwrap(), manifest);
}

fn trust() -> (Trust, Block) {
    let key = florin_consensus::NodeSecret::generate().public_key();
    let public = florin_consensus::deal(&[key]).unwrap().threshold_public;
    let node = florin_types::GenesisNode {
        name: "one".into(),
        public_key: key,
        address: "127.0.0.1:1".into(),
        role: florin_types::NodeRole::Validator,
    };
    let genesis = People::derive().unwrap().genesis(1_000, public, vec![node]).unwrap();
    let block = crate::genesis::block(&genesis).unwrap();
    (Trust::of(&genesis).unwrap(), Block::decode(&block.encode()).unwrap())
}

#[test]
fn blocks_come_back_from_a_file_and_a_cut_one_is_an_error() {
    let (trust, block) = trust();
    let encoded = Bytes::from(block.encode());
    let with = |certificate: Option<Bytes>| Kept { height: 0, hash: block.hash(), block: encoded.clone(), certificate };
    let mut file = Vec::new();
    write_head(&mut file, &trust, 9).unwrap();
    write_block(&mut file, &with(Some(Bytes::from_static(b"signed")))).unwrap();
    write_block(&mut file, &with(None)).unwrap();
    let read = |bytes: &[u8]| -> Result<Vec<_>, String> {
        let mut from = bytes;
        read_head(&mut from, &trust, 9)?;
        std::iter::from_fn(|| read_block(&mut from).transpose()).collect()
    };
    let signed = Some(Bytes::from_static(b"signed"));
    assert_eq!(read(&file).unwrap(), [(encoded.clone(), signed), (encoded.clone(), None)]);
    let whole = [64, 64 + 8 + encoded.len() + 6, file.len()];
    for cut in (0..file.len()).filter(|cut| !whole.contains(cut)) {
        assert!(read(&file[..cut]).is_err(), "cut at {cut}");
    }
    assert!(read_head(&mut file.as_slice(), &trust, 8).is_err(), "another height");
    let mut huge = file.clone();
    huge[64] = 0xff;
    assert!(read(&huge).unwrap_err().contains("announced"));
}

#[test]
fn a_chain_takes_only_the_next_block() {
    let (trust, genesis) = trust();
    let encoded = Bytes::from(genesis.encode());
    let mut chain = Chain::after(trust.clone(), 0, genesis.hash());
    assert!(chain.next(encoded.clone(), None).unwrap_err().contains("belongs"), "the same height again");
    assert!(chain.next(encoded.slice(..encoded.len() - 1), None).is_err(), "no block");
    assert_eq!(chain.last(), (0, genesis.hash()), "what is refused changes nothing");
    let forged = Chain::after(trust, u64::MAX, B256::ZERO).next(encoded, Some(Bytes::from_static(b"no certificate")));
    assert!(forged.is_err());
}
