//! History for people and bank systems: payments, transfers, decisions, settlement, transactions and logs in SQL.
//!
//! **Place in the way of a payment.** After finality, outside of the node. Whoever follows the ledger hands over
//! finalised blocks in order ([`History::append`]); the gateway, the console and an institution's own reports ask.
//! `florin-index` answers Ethereum's clients where something stands; this answers what happened, to whom, for how much
//! and why.
//!
//! **State.** One schema in SQLite or PostgreSQL (`migrations/`), with the same names and meanings. Everything can be
//! derived again from blocks and receipts. No balance is owned here.
//!
//! **Invariants.** The told heights have no gap and each block follows the one before it by hash. A batch of blocks is
//! one SQL transaction: a crash leaves a whole prefix. A block that is told already is skipped if it is the same, so
//! that at-least-once delivery is enough, also from several writers; another one is refused.
//!
//! **Failures.** Every [`HistoryError`] says where and what to do. A row that is not what was written is named and never
//! served (`content.rs`). Damage is cured by [`History::remove`] and a rebuild.
//!
//! **Limits.** A search names how many rows it wants and the time it may take; both are bounded here.

mod columns;
mod content;
mod cursor;
mod database;
mod decode;
mod location;
mod record;
mod runs;
mod schema;
mod search;
#[cfg(test)]
mod tests;
mod write;

pub use cursor::decode_cursor;
pub use decode::{
    DecodeError, HistoryBlock, NameChange, PaymentEvent, PaymentStep, Rows, TEXT_BYTES_MAX, decode, genesis_names,
};
pub use location::Location;
pub use record::{
    BlockRecord, DecisionRecord, LogRecord, NameKind, NameRecord, PaymentRecord, PaymentStepRecord, Place,
    SettlementRecord, Spot, Status, TransactionRecord, TransferKind, TransferRecord,
};
pub use search::{
    Ask, DecisionSearch, LogSearch, NAMED_MAX, PAGE_ROWS_MAX, Page, Party, PaymentSearch, Reference, SEARCH_TIME_MAX,
    SettlementSearch, Side, TransactionSearch, TransferSearch, Who,
};

/// The two databases behind one face, for others who keep rows in SQL beside the history.
pub mod sql {
    pub use crate::{
        columns::{Fields, Kind, amount, bytes, number, optional, text},
        database::{Change, Database, Failure, Schema, Statement, Value, Work},
        schema::typed,
    };
}

use alloy_primitives::B256;
use database::{Database, Failure};
use florin_types::Height;
use std::{
    ops::RangeInclusive,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use tokio::sync::watch;
use write::Chain;

/// Why a history cannot answer or grow.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The URL names no database.
    #[error("the URL of the database cannot be used: {reason}")]
    Url {
        /// Why; never the URL, which may have a password.
        reason: String,
    },
    /// The database keeps text in another way.
    #[error("history {place} keeps text as {encoding}: create its database with ENCODING 'UTF8'")]
    Encoding {
        /// Database.
        place: String,
        /// Its encoding.
        encoding: String,
    },
    /// The history belongs to another chain.
    #[error(
        "history {place} tells the chain with genesis block {found}, not {expected}: name another database, or remove this history and it is rebuilt"
    )]
    OtherChain {
        /// Database.
        place: String,
        /// Genesis hash in the database.
        found: B256,
        /// Genesis hash of this ledger.
        expected: B256,
    },
    /// The database is none of a history.
    #[error("{place} is a database of something else: it is not removed. Name a file of its own for the history")]
    Foreign {
        /// Database.
        place: String,
    },
    /// A block came that is not the one that is told, or does not follow it.
    #[error(
        "block {height} is {found}, where history {place} expects {expected}: two ledgers share a genesis block, or one of the sources is wrong"
    )]
    OtherBlock {
        /// Database.
        place: String,
        /// Height of the block that does not fit.
        height: Height,
        /// Its hash.
        found: B256,
        /// Hash that is told.
        expected: B256,
    },
    /// A block came out of turn.
    #[error("the history ends at height {told:?} and cannot take height {offered}: offer the next one")]
    Gap {
        /// Last height that is told.
        told: Option<Height>,
        /// Height that was offered.
        offered: Height,
    },
    /// A block cannot be told.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// What was asked for cannot be asked so.
    #[error("this search is not possible: {reason}")]
    Search {
        /// Why, and what to ask instead.
        reason: String,
    },
    /// The cursor is none of this search.
    #[error("the cursor is none that this search gave: begin again without one")]
    Cursor,
    /// The search took too long.
    #[error("the search ran for {milliseconds} ms without an end: name a shorter time or another party")]
    TooSlow {
        /// Time that it was given.
        milliseconds: u128,
    },
    /// Content of the database is not what was written.
    #[error("history {place} is damaged ({what}): remove it, and it is rebuilt from the blocks")]
    Damaged {
        /// Database.
        place: String,
        /// What was found.
        what: String,
    },
    /// The database failed otherwise.
    #[error("history {place}: {source}")]
    Database {
        /// Database.
        place: String,
        /// What it says.
        source: sqlx::Error,
    },
}

/// Handle to a history. Cheap to clone.
#[derive(Clone, Debug)]
pub struct History(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    location: Location,
    database: Database,
    told: watch::Sender<Option<RangeInclusive<Height>>>,
    /// What [`History::check`] found that is not as it was written.
    damage: OnceLock<String>,
}

/// Longest time for a check: one that takes longer reads a history that nobody could rebuild either.
const CHECK_TIME_MAX: Duration = Duration::from_secs(24 * 3_600);

impl History {
    /// Opens the history of a chain, creating what is missing. `names` are those that stand from genesis
    /// ([`genesis_names`]); they are written when it begins.
    pub async fn open(location: &Location, genesis_hash: B256, names: &[NameRecord]) -> Result<Self, HistoryError> {
        let database = Database::open(location, &database::HISTORY)
            .await
            .map_err(|failure| location.failure(failure, database::WRITER_WAIT.as_millis()))?;
        let history = Self(Arc::new(Inner {
            location: location.clone(),
            database,
            told: watch::Sender::new(None),
            damage: OnceLock::new(),
        }));
        let chain =
            write::begin(&history.0.database, genesis_hash, names).await.map_err(|failure| history.error(failure))?;
        if chain.genesis_hash != genesis_hash {
            return Err(HistoryError::OtherChain {
                place: location.to_string(),
                found: chain.genesis_hash,
                expected: genesis_hash,
            });
        }
        history.publish(&chain);
        Ok(history)
    }

    /// Removes a history that nobody has open: the files, or the tables and nothing else of the database.
    pub async fn remove(location: &Location) -> Result<(), HistoryError> {
        Database::remove(location).await
    }

    /// Heights that are told, as this handle knows it; `None` while there is none.
    pub fn told(&self) -> Option<RangeInclusive<Height>> {
        self.0.told.borrow().clone()
    }

    /// Blocks that are final and not told yet, where the ledger is at `head`. The metric of a follower.
    pub fn lag(&self, head: Height) -> u64 {
        match self.told() {
            Some(told) => head.saturating_sub(*told.end()),
            None => head.saturating_add(1),
        }
    }

    /// Waits until `height` is told.
    pub async fn reached(&self, height: Height) {
        let mut told = self.0.told.subscribe();
        // The sender lives in `self`, so waiting can only end by reaching the height.
        let _ = told.wait_for(|told| told.as_ref().is_some_and(|told| *told.end() >= height)).await;
    }

    /// Takes finalised blocks in rising order, all or none of them. Blocks that are told already are skipped.
    pub async fn append(&self, blocks: &[HistoryBlock]) -> Result<(), HistoryError> {
        self.is_whole().map_err(|failure| self.error(failure))?;
        let chain = write::append(self, blocks).await?;
        self.publish(&chain);
        Ok(())
    }

    /// Reads everything, as it is at one moment, and fails unless it is what was written: a row that was changed is never served, but one
    /// that was lost is only found here. From then on this handle neither answers nor takes blocks. Call it after each opening, beside
    /// the work; some millions of rows a minute.
    pub async fn check(&self) -> Result<(), HistoryError> {
        let read = async {
            let deadline = Instant::now().checked_add(CHECK_TIME_MAX).ok_or(Failure::TooSlow)?;
            content::check(&mut self.0.database.read(deadline).await?).await
        };
        let outcome = read.await;
        if let Err(Failure::Damaged(what)) = &outcome {
            self.0.damage.get_or_init(|| what.clone());
        }
        outcome.map_err(|failure| self.0.location.failure(failure, CHECK_TIME_MAX.as_millis()))
    }

    /// As far as the check knows.
    fn is_whole(&self) -> Result<(), Failure> {
        self.0.damage.get().map_or(Ok(()), |what| Err(Failure::Damaged(what.clone())))
    }

    /// Lets PostgreSQL count its rows anew. Its own maintenance does so after a while; after a rebuild do not wait for
    /// it.
    pub async fn analyse(&self) -> Result<(), HistoryError> {
        self.0.database.analyse().await.map_err(|failure| self.error(failure))
    }

    /// Ends all connections. Searches that run end first.
    pub async fn close(&self) {
        self.0.database.close().await;
    }

    fn publish(&self, chain: &Chain) {
        let told = chain.first.zip(chain.last).map(|(first, (last, _))| first..=last);
        // Two appends may end in another order than they began.
        self.0.told.send_if_modified(|known| {
            let is_later = told.as_ref().map(RangeInclusive::end) > known.as_ref().map(RangeInclusive::end);
            if is_later {
                *known = told;
            }
            is_later
        });
    }

    fn place(&self) -> String {
        self.0.location.to_string()
    }

    /// A failure of a statement that had no deadline but the writer's wait.
    fn error(&self, failure: Failure) -> HistoryError {
        self.0.location.failure(failure, database::WRITER_WAIT.as_millis())
    }
}
