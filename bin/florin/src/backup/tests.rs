#![allow(clippy::unwrap_used)]
use super::{
    blocks::{Chain, Kept, Trust, read_block, read_head, write_block, write_head},
    manifest::{Hashing, Manifest, Store},
    state::{Parts, write_beginning, write_part},
};
use crate::{damage::near, demo::accounts::People, failure::Failure};
use alloy_primitives::{B256, Bytes};
use florin_consensus::{
    NetworkConfig, Node, NodeConfig, NodeSecret, RebuildError, RuntimeConfig, StateBeginning, rebuild,
};
use florin_state::StateCopy;
use florin_types::{Block, Genesis, GenesisNode, NodeRole};
use proptest::prelude::any;
use std::{
    io::Write as _,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    sync::{Arc, OnceLock},
};

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
fn a_backup_may_begin_with_a_state_and_only_begin() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::at(root.path());
    let genesis = store.put_genesis(b"genesis").unwrap();
    let mut manifest = Manifest::new("net", 7, B256::repeat_byte(7), vec!["age1".into()], genesis);
    assert!(manifest.state().is_none());
    let file = |name: &str, content: &str| {
        let mut file = Hashing::new(store.begin(name).unwrap());
        file.write_all(content.as_bytes()).unwrap();
        file
    };
    manifest.add(store.put_state(file("state", "the state after seven"), 7).unwrap(), B256::repeat_byte(7));
    manifest.add(store.put_blocks(file("blocks", "eight and nine"), "blocks", 8, 9).unwrap(), B256::repeat_byte(9));
    let other = store.put_state(file("state", "the state after nine"), 9).unwrap();
    store.save(&manifest).unwrap();
    let read = quick(&store).unwrap();
    assert_eq!((read.height(), read.state().unwrap().first, read.files.len()), (9, 7, 3));
    let entries = [manifest.files.clone(), vec![other]].concat();
    // By place in `entries`: genesis, the state after 7, blocks 8 and 9, the state after 9.
    for order in [&[0usize, 2] as &[usize], &[0, 2, 1], &[0, 1, 1], &[0, 1, 2, 3], &[0, 1, 3], &[1, 2], &[0, 3, 2]] {
        let mut manifest = manifest.clone();
        manifest.files = order.iter().map(|index| entries[*index].clone()).collect();
        store.save(&manifest).unwrap();
        assert!(store.existing().unwrap_err().message.contains("backup.json"), "{order:?}");
    }
    manifest.files.truncate(2);
    store.save(&manifest).unwrap();
    assert_eq!(store.existing().unwrap().height(), 7, "a state alone is a whole snapshot");
    store.tidy(Some(&manifest)).unwrap();
    assert!(store.path("state-000000000007.age").exists() && !store.path("state-000000000009.age").exists());
}

#[test]
fn what_an_interrupted_run_left_is_removed_and_nothing_else() {
    let root = tempfile::tempdir().unwrap();
    let (store, manifest) = backup(root.path());
    let names = ["blocks.partial", "state.partial", "backup.json.partial", "genesis.age.partial"];
    let runs = ["blocks-000000000006-000000000009.age", "state-000000000006.age"];
    let stray: Vec<&str> = names.into_iter().chain(runs).collect();
    let mine =
        ["notes.txt", "holiday.mp4.partial", "blocks-of-wood.age", "blocks-6-9.age", "state-6.age", "state-of.age"];
    stray.iter().chain(&mine).for_each(|name| std::fs::write(store.path(name), "left").unwrap());
    store.tidy(Some(&manifest)).unwrap();
    assert!(stray.iter().all(|name| !store.path(name).exists()));
    assert!(mine.iter().all(|name| store.path(name).exists()));
    assert_eq!(quick(&store).unwrap(), manifest);
}

/// The genesis of a network of this validator alone, and its share.
fn genesis_of(secret: &NodeSecret) -> (Genesis, florin_consensus::ThresholdShare) {
    let public_key = secret.public_key();
    let mut dealing = florin_consensus::deal(&[public_key]).unwrap();
    let node = GenesisNode { name: "one".into(), public_key, address: "127.0.0.1:1".into(), role: NodeRole::Validator };
    let genesis = People::derive().unwrap().genesis(1_000, dealing.threshold_public, vec![node]).unwrap();
    (genesis, dealing.shares.remove(0).1)
}

fn trust() -> (Trust, Block) {
    let (genesis, _) = genesis_of(&NodeSecret::generate());
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

/// A network of one validator, and the state after one of its blocks as it was given while it ran.
struct Network {
    genesis: Arc<Genesis>,
    block: Kept,
    state_root: B256,
    parts: Vec<Bytes>,
}

fn network() -> &'static Network {
    static NETWORK: OnceLock<Network> = OnceLock::new();
    NETWORK.get_or_init(|| {
        let secret = NodeSecret::generate();
        let (genesis, share) = genesis_of(&secret);
        let config = NodeConfig::new(Arc::new(genesis), secret, Some(share));
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let listen = NetworkConfig::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let directory = tempfile::tempdir().unwrap();
        on(directory.path(), |context| async move {
            let node = florin_consensus::start(context, config, listen).await.unwrap();
            let network = taken(&node).await;
            node.stop().await;
            network
        })
    })
}

fn on<F: Future>(storage: &Path, main: impl FnOnce(florin_consensus::Context) -> F) -> F::Output {
    florin_consensus::run(RuntimeConfig { storage_directory: storage.into(), worker_threads: 2 }, main)
}

/// The state after the first block with a certificate that is not the first of all.
async fn taken(node: &Node) -> Network {
    let ledger = node.ledger();
    let mut blocks = ledger.subscribe();
    loop {
        let finalized = blocks.next().await.unwrap().unwrap();
        let (block, height) = (&finalized.block, finalized.block.height());
        let stored = ledger.stored_block(height).await.unwrap().unwrap();
        if height < 3 || stored.certificate.is_none() {
            continue;
        }
        let mut copy = StateCopy::of(&block.extension().state).unwrap();
        let mut parts = Vec::new();
        while let Some(start) = copy.next() {
            let part = ledger.state_operations(height, start).await.unwrap();
            copy.take(part.clone()).unwrap();
            parts.push(part.into());
        }
        let kept = Kept { height, hash: block.hash(), block: stored.block.into(), certificate: stored.certificate };
        return Network { genesis: node.genesis().clone(), block: kept, state_root: block.header().state_root, parts };
    }
}

#[test]
fn a_state_in_a_file_proves_itself() {
    let network = network();
    let (trust, height) = (Trust::of(&network.genesis).unwrap(), network.block.height);
    let mut file = Vec::new();
    write_beginning(&mut file, &trust, &network.block).unwrap();
    let beginning = file.len();
    network.parts.iter().for_each(|part| write_part(&mut file, part).unwrap());
    let read = |bytes: &[u8]| -> Result<Vec<Bytes>, String> {
        let (_, mut parts) = Parts::begin(bytes, &trust, height)?;
        std::iter::from_fn(|| parts.next().transpose()).collect()
    };
    assert_eq!(read(&file).unwrap(), network.parts);
    // All of what stands before the state, and the lengths of the first part; then here and there.
    let last = file.len() - 1;
    for at in (0..=last).filter(|at| *at < beginning + 8 || at % (last / 300 + 1) == 0 || *at == last) {
        let mut changed = file.clone();
        changed[at] ^= 1 << (at % 8);
        assert!(read(&changed).is_err(), "byte {at} of {last}");
        if at % 5 == 0 || at >= beginning {
            assert!(read(&file[..at]).is_err(), "cut to {at} bytes");
        }
    }
    for more in [&network.parts[0][..], &[0], &[]] {
        let mut longer = file.clone();
        write_part(&mut longer, &Bytes::copy_from_slice(more)).unwrap();
        assert!(read(&longer).is_err(), "{} bytes more", more.len());
    }
    let doubled = [&file[..], &file[..]].concat();
    assert!(read(&doubled).is_err());
    assert!(Parts::begin(file.as_slice(), &trust, height + 1).is_err(), "another block");
    let (other, _) = self::trust();
    assert!(Parts::begin(file.as_slice(), &other, height).is_err(), "another network");
}

#[test]
fn a_list_of_more_bytes_than_can_be_counted_is_told_as_it_is() {
    let mut manifest = listed();
    manifest.files.iter_mut().for_each(|entry| entry.bytes = u64::MAX);
    let read = Manifest::parse(manifest.to_text().unwrap().as_bytes()).unwrap();
    assert_eq!(read.bytes(), u64::MAX);
}

/// The list of a backup of three files.
fn listed() -> Manifest {
    let root = tempfile::tempdir().unwrap();
    backup(root.path()).1
}

/// A file of blocks, and one of a state.
fn written(network: &Network) -> (Vec<u8>, Vec<u8>) {
    let trust = Trust::of(&network.genesis).unwrap();
    let (mut blocks, mut state) = (Vec::new(), Vec::new());
    write_head(&mut blocks, &trust, network.block.height).unwrap();
    write_block(&mut blocks, &network.block).unwrap();
    write_beginning(&mut state, &trust, &network.block).unwrap();
    network.parts.iter().for_each(|part| write_part(&mut state, part).unwrap());
    (blocks, state)
}

proptest::proptest! {
    #[test]
    fn a_damaged_list_is_none(bytes in near(listed().to_text().unwrap())) {
        if let Ok(manifest) = Manifest::parse(&bytes) {
            proptest::prop_assert_eq!(manifest, listed());
        }
    }

    /// Who can write into the directory can write a checksum, too.
    #[test]
    fn a_list_of_any_numbers_is_read_or_refused(
        numbers in proptest::collection::vec((0u64..9, any::<u64>(), 0u8..4), 3)
    ) {
        let mut manifest = listed();
        for (entry, (small, large, which)) in manifest.files.iter_mut().zip(numbers) {
            let place = [&mut entry.first, &mut entry.last, &mut entry.bytes].into_iter().nth(which.into());
            if let Some(place) = place {
                *place = match small {
                    7 => large,
                    8 => u64::MAX,
                    small => small,
                };
            }
        }
        let text = manifest.to_text().unwrap();
        if let Ok(read) = Manifest::parse(text.as_bytes()) {
            proptest::prop_assert_eq!(read.to_text().unwrap(), text);
            proptest::prop_assert!(read.height() >= read.files[0].first && read.bytes() >= read.files[0].bytes);
        }
    }

    #[test]
    fn damaged_blocks_are_read_or_refused(bytes in near(written(network()).0)) {
        let (trust, height) = (Trust::of(&network().genesis).unwrap(), network().block.height);
        let mut from = bytes.as_slice();
        if read_head(&mut from, &trust, height).is_ok() {
            let parent = Block::decode(&network().block.block).unwrap().header().parent_hash;
            let mut chain = Chain::after(trust, height - 1, parent);
            while let Ok(Some((block, certificate))) = read_block(&mut from) {
                let Ok(kept) = chain.next(block, certificate) else { break };
                // Without a certificate of its own a block is final through one that comes later, which is looked for.
                proptest::prop_assert!(kept.certificate.is_none() || kept.hash == network().block.hash);
            }
        }
    }

    #[test]
    fn a_damaged_state_is_the_same_or_refused(bytes in near(written(network()).1)) {
        let (trust, height) = (Trust::of(&network().genesis).unwrap(), network().block.height);
        let Ok((kept, mut parts)) = Parts::begin(bytes.as_slice(), &trust, height) else { return Ok(()) };
        proptest::prop_assert_eq!(kept.hash, network().block.hash);
        let mut found = Vec::new();
        while let Ok(Some(part)) = parts.next() {
            found.push(part);
        }
        proptest::prop_assert!(network().parts.starts_with(&found));
    }

    #[test]
    fn what_is_no_state_is_refused(bytes in proptest::collection::vec(any::<u8>(), 0..4_096)) {
        let network = network();
        let trust = Trust::of(&network.genesis).unwrap();
        proptest::prop_assert!(Parts::begin(bytes.as_slice(), &trust, 1).is_err());
        let mut file = Vec::new();
        write_beginning(&mut file, &trust, &network.block).unwrap();
        let (_, mut parts) = Parts::begin(std::io::Read::chain(file.as_slice(), bytes.as_slice()), &trust, network.block.height).unwrap();
        proptest::prop_assert!(parts.next().is_err());
    }
}

#[test]
fn a_storage_begins_with_a_state_or_not_at_all() {
    let network = network();
    let open = |storage: &Path, parts: Vec<Result<Bytes, String>>, certificate: Bytes| {
        let config = NodeConfig::new(network.genesis.clone(), NodeSecret::generate(), None);
        let parts = parts.into_iter().map(|part| part.map(|part| part.0));
        let beginning = StateBeginning { block: network.block.block.clone(), certificate, parts: Box::new(parts) };
        on(storage, |context| async move {
            let mut rebuild = rebuild(context, config, Some(beginning)).await?;
            let settled = rebuild.settle().await;
            rebuild.close().await;
            settled
        })
    };
    let certificate = network.block.certificate.clone().unwrap();
    let whole = || network.parts.iter().cloned().map(Ok).collect::<Vec<_>>();
    let [half, other, sound] = [(); 3].map(|()| tempfile::tempdir().unwrap());

    // A part that cannot be had, or is none, is told; what was placed by then is of no use, and noticed.
    for wrong in [Err("the disk is gone".to_string()), Ok(Bytes::from_static(b"no part"))] {
        let directory = tempfile::tempdir().unwrap();
        let error = open(directory.path(), vec![wrong], certificate.clone()).unwrap_err();
        assert_eq!(error.code(), "rebuild.state", "{error}");
    }
    let told = open(half.path(), vec![Err("the disk is gone".into())], certificate.clone()).unwrap_err();
    assert!(told.to_string().contains("the disk is gone"), "{told}");
    let error = open(half.path(), whole(), certificate.clone()).unwrap_err();
    assert!(matches!(error, RebuildError::HalfPlaced), "{error}");
    let error = open(other.path(), whole(), Bytes::from_static(b"signed by nobody")).unwrap_err();
    assert_eq!(error.code(), "rebuild.certificate");

    let expected = (network.block.height, network.block.hash, network.state_root);
    assert_eq!(open(sound.path(), whole(), certificate.clone()).unwrap(), expected);
    assert_eq!(open(sound.path(), Vec::new(), certificate).unwrap(), expected, "it begins only once");
}
