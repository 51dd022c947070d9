//! Which block changed which key: the index over undo records that makes past states readable.
//!
//! The value of a key at height `h` is what the earliest block above `h` that changed it found there; if none did, it is
//! the current value. The index keeps, for every key changed within the readable window, the heights that changed it:
//! eight bytes a change and some forty a key. It is rebuilt from the undo records at start.

use florin_proof::StateKey;
use florin_types::{Height, alloy_primitives::map::HashMap};
use std::collections::BTreeMap;

/// Index over the undo records of a contiguous range of heights.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Heights that changed a key, rising, by the first eight bytes of the key. Keys are hashes, so two keys hardly ever
    /// share them; a reader that meets such a pair sees it in the undo record and goes on.
    changes: HashMap<u64, Vec<Height>>,
    /// Height of the block after which the store has this many operations.
    heights: BTreeMap<u64, Height>,
    /// Oldest height whose state can be read.
    oldest: Height,
    /// Latest height in the index.
    latest: Height,
}

impl History {
    /// An index that begins after `height`, the block with this many operations.
    pub(crate) fn starting_at(height: Height, operations_end: u64) -> Self {
        let heights = BTreeMap::from([(operations_end, height)]);
        Self { changes: HashMap::default(), heights, oldest: height, latest: height }
    }

    /// Adds the next block. A block that is in already stays as it is.
    pub(crate) fn record<'a>(&mut self, height: Height, operations_end: u64, keys: impl Iterator<Item = &'a StateKey>) {
        if height <= self.latest {
            return;
        }
        self.latest = height;
        self.heights.insert(operations_end, height);
        for key in keys {
            self.changes.entry(prefix(key)).or_default().push(height);
        }
    }

    /// The earliest block in `after+1 ..= upto` that changed `key`.
    pub(crate) fn next_change(&self, key: &StateKey, after: Height, upto: Height) -> Option<Height> {
        let heights = self.changes.get(&prefix(key))?;
        let at = heights.partition_point(|height| *height <= after);
        heights.get(at).copied().filter(|height| *height <= upto)
    }

    /// Height at which the store has this many operations.
    pub(crate) fn height_at(&self, operations_end: u64) -> Option<Height> {
        self.heights.get(&operations_end).copied()
    }

    /// Oldest height whose state can be read.
    pub(crate) fn oldest(&self) -> Height {
        self.oldest
    }

    /// Forgets what only heights below `oldest` need.
    pub(crate) fn prune(&mut self, oldest: Height) {
        if oldest <= self.oldest {
            return;
        }
        self.oldest = oldest;
        self.heights.retain(|_, height| *height >= oldest);
        self.changes.retain(|_, heights| {
            let below = heights.partition_point(|height| *height <= oldest);
            heights.drain(..below);
            !heights.is_empty()
        });
    }
}

fn prefix(key: &StateKey) -> u64 {
    key.0.iter().take(8).fold(0, |value, byte| (value << 8) | u64::from(*byte))
}
