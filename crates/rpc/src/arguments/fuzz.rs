//! Every kind of argument, for fuzzers.

use super::{BlockNumberSelector, BlockOverrideArgument, BlockSelector, CallRequest, LogFilter, StateOverrideArgument};
use crate::{
    args::{Args, Count, FromValue, Slot},
    methods::METHODS,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use jsonrpsee::types::Params;

/// Reads `text` as the parameters of every method, and each of them as every kind of argument; gives how many were read.
#[doc(hidden)]
pub fn decode_arguments(text: &str) -> usize {
    let lists = METHODS.iter().filter_map(|method| {
        let params = Params::new(Some(text)).into_owned();
        Some((Args::new(method.params, params).ok()?, method.params.len()))
    });
    lists.map(|(args, count)| (0..count).map(|index| kinds(&args, index)).sum::<usize>()).sum()
}

fn kinds(args: &Args, index: usize) -> usize {
    fn read<T: FromValue>(args: &Args, index: usize) -> bool {
        args.optional::<T>(index).is_ok()
    }
    let kinds: [fn(&Args, usize) -> bool; 15] = [
        read::<CallRequest>,
        read::<LogFilter>,
        read::<StateOverrideArgument>,
        read::<BlockOverrideArgument>,
        read::<BlockSelector>,
        read::<BlockNumberSelector>,
        read::<Slot>,
        read::<Count>,
        read::<Address>,
        read::<B256>,
        read::<U256>,
        read::<Bytes>,
        read::<String>,
        read::<bool>,
        read::<u64>,
    ];
    kinds.iter().filter(|kind| kind(args, index)).count()
}
