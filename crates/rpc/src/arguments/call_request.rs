//! The transaction object of `eth_call` and its kin.

use crate::args::{FromValue, Problem, array, field, object};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_rpc_types_eth::TransactionInput;
use florin_execution::TransactionRequest;
use serde_json::value::RawValue;

/// Entries of an access list, storage keys of it, or authorizations that one request may carry.
const LIST_ENTRIES_MAX: usize = 10_000;

/// What clients send: viem, ethers, web3.py, alloy (cast, forge) and Hardhat, and geth's own names.
const FIELDS: &[&str] = &[
    "type",
    "from",
    "to",
    "gas",
    "gasPrice",
    "maxFeePerGas",
    "maxPriorityFeePerGas",
    "value",
    "nonce",
    "chainId",
    "input",
    "data",
    "accessList",
    "authorizationList",
    "maxFeePerBlobGas",
    "blobVersionedHashes",
    "blobs",
    "commitments",
    "proofs",
    "sidecar",
];

/// A call that is to be simulated.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallRequest(pub(crate) TransactionRequest);

impl FromValue for CallRequest {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        let fields = object(value)?;
        fields.only(FIELDS)?;
        for blobs in ["blobVersionedHashes", "maxFeePerBlobGas", "blobs", "sidecar"] {
            if fields.get(blobs).is_some() {
                return Err(Problem::new(
                    "blob transactions (EIP-4844, type 3) are not supported on this chain: leave it out",
                )
                .inside(blobs));
            }
        }
        let transaction_type = field::<u64>(&fields, "type")?.map(transaction_type).transpose()?;
        let mut request = TransactionRequest {
            from: field::<Address>(&fields, "from")?,
            to: field::<Address>(&fields, "to")?.map(TxKind::Call),
            gas: field::<u64>(&fields, "gas")?,
            gas_price: field::<u128>(&fields, "gasPrice")?,
            max_fee_per_gas: field::<u128>(&fields, "maxFeePerGas")?,
            max_priority_fee_per_gas: field::<u128>(&fields, "maxPriorityFeePerGas")?,
            value: field::<U256>(&fields, "value")?,
            nonce: field::<u64>(&fields, "nonce")?,
            chain_id: field::<u64>(&fields, "chainId")?,
            access_list: field::<AccessList>(&fields, "accessList")?,
            authorization_list: field::<Vec<SignedAuthorization>>(&fields, "authorizationList")?,
            transaction_type,
            ..TransactionRequest::default()
        };
        // What contradicts itself is refused where the request is run.
        request.input =
            TransactionInput { input: field::<Bytes>(&fields, "input")?, data: field::<Bytes>(&fields, "data")? };
        Ok(Self(request))
    }
}

fn transaction_type(number: u64) -> Result<u8, Problem> {
    match u8::try_from(number) {
        Ok(known @ (0 | 1 | 2 | 4)) => Ok(known),
        _ => Err(Problem::new(format!("transaction type {number} is not supported: use 0, 1, 2 or 4")).inside("type")),
    }
}

fn bounded(list: &[&RawValue]) -> Result<(), Problem> {
    match list.len() {
        entries if entries > LIST_ENTRIES_MAX => {
            Err(Problem::new(format!("{entries} entries, at most {LIST_ENTRIES_MAX}")))
        }
        _ => Ok(()),
    }
}

impl FromValue for AccessList {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        bounded(&array(value)?)?;
        Vec::<AccessListItem>::from_value(value).map(Self)
    }
}

impl FromValue for AccessListItem {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        let fields = object(value)?;
        let address =
            field::<Address>(&fields, "address")?.ok_or_else(|| Problem::new("it is missing").inside("address"))?;
        let storage_keys = field::<Vec<B256>>(&fields, "storageKeys")?.unwrap_or_default();
        if storage_keys.len() > LIST_ENTRIES_MAX {
            return Err(Problem::new(format!("{} entries, at most {LIST_ENTRIES_MAX}", storage_keys.len()))
                .inside("storageKeys"));
        }
        Ok(Self { address, storage_keys })
    }
}

impl FromValue for SignedAuthorization {
    fn from_value(value: &RawValue) -> Result<Self, Problem> {
        let fields = object(value)?;
        let missing = |name: &'static str| move || Problem::new("it is missing").inside(name);
        let authorization = Authorization {
            chain_id: field::<U256>(&fields, "chainId")?.ok_or_else(missing("chainId"))?,
            address: field::<Address>(&fields, "address")?.ok_or_else(missing("address"))?,
            nonce: field::<u64>(&fields, "nonce")?.ok_or_else(missing("nonce"))?,
        };
        let parity = field::<u64>(&fields, "yParity")?.ok_or_else(missing("yParity"))?;
        let parity =
            u8::try_from(parity).map_err(|_| Problem::new(format!("{parity} is not 0 or 1")).inside("yParity"))?;
        let r = field::<U256>(&fields, "r")?.ok_or_else(missing("r"))?;
        let s = field::<U256>(&fields, "s")?.ok_or_else(missing("s"))?;
        Ok(Self::new_unchecked(authorization, parity, r, s))
    }
}
