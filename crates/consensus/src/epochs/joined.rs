//! With what the epoch began in which this node's state was copied.
//!
//! The block that says so lies below the one at which the ledger begins, so nobody can read it here. It is kept from before
//! the copy begins, for as long as the data directory: it is small, and says in which epoch this node does not know what
//! it has signed.

use crate::{
    block::{Epochal, payload_bounds},
    engine::StartError,
    runtime::Runtime,
};
use commonware_storage::metadata::{Config, Metadata};
use commonware_utils::{fixed_bytes, sequence::FixedBytes};

const PLACE: FixedBytes<1> = fixed_bytes!("00");

type Record<E> = Metadata<E, FixedBytes<1>, Epochal>;

/// What was noted, if anything was.
pub(crate) async fn read<E: Runtime>(context: E, partition: String) -> Result<Option<Epochal>, StartError> {
    Ok(open(context, partition).await?.get(&PLACE).cloned())
}

/// Notes it, durably. A copy that was interrupted and goes on in a later epoch notes that one instead.
pub(crate) async fn write<E: Runtime>(context: E, partition: String, begins: Epochal) -> Result<(), StartError> {
    let record = open(context, partition.clone()).await?;
    let written = record.put_sync(PLACE, begins).await;
    written.map(drop).map_err(|error| StartError::Archive { partition, reason: error.to_string() })
}

async fn open<E: Runtime>(context: E, partition: String) -> Result<Record<E>, StartError> {
    let config = Config { partition: partition.clone(), codec_config: payload_bounds() };
    let record = Metadata::init(context, config).await;
    record.map_err(|error| StartError::Archive { partition, reason: error.to_string() })
}
