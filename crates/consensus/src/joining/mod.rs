//! How a node gets the state of a network that it joins: it copies the state from peers, and executes from there on.
//!
//! **Place.** Before the first block. A node that keeps every block ([`History::blocks_kept`](crate::History) is `None`)
//! does not come here: it fetches all of them and executes them, so that it trusts nothing but certificates and itself.
//!
//! **The way.** [`sample`] asks the validators for their newest certificate and takes the highest of f + 1 answers: it is
//! valid because it verifies under the network's key, and recent because one of them is honest. Its block commits to the
//! operations of the state (`operations_root` and range); [`source`] fetches them from peers, and the engine checks every
//! part against that root before it is stored. While the network goes on, the target moves with it. At the end the
//! store's canonical root must be the block's `stateRoot`, and the ledger begins at that block.
//!
//! `florin restore` goes the same way without peers: certificate and block stand in a file, and [`given`] takes the parts from there.
//!
//! **State.** The chosen certificate (partition `-plan…`), until the copy is complete: an interrupted one resumes with
//! what is in the store already. The decision is made once; a node whose copy is complete never copies again.
//!
//! **Failures.** A peer whose answer does not fit the root is blocked, and another is asked. Without answers of f + 1
//! validators the node waits and says so: it has nothing to start from. Where all of them say that nothing is final yet,
//! the network begins, and this node with it.
//!
//! **Limits.** See [`source`] and [`sample`].

pub(crate) mod again;
pub(crate) mod beginning;
pub(crate) mod boundary;
pub(crate) mod given;
pub(crate) mod past;
pub(crate) mod sample;
pub(crate) mod source;
