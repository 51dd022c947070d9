//! `florin pay`: one payment, from a person or a script, until it is final and shown to be.
//!
//! What is signed does not depend on the node: chain id and digits come from the genesis file, or are proven. The receipt
//! that is printed was verified here: the block by its certificate, the payment by the block's roots. Paying twice is the one thing a script must not do by accident, so a failure after sending names the transaction's hash.

use crate::{
    failure::Failure,
    key::{Keystore, accounts},
    network::NetworkArguments,
    output::{self, Output},
    passphrase::PassphraseSource,
    remote::client_failure,
};
use alloy_primitives::{Address, B256};
use clap::Args;
use florin_client::ProvenReceipt;
use florin_types::Amount;
use serde_json::json;

/// Longest reference, in bytes. Source: ISO 20022 unstructured remittance information.
const REFERENCE_BYTES_MAX: usize = 140;

/// Pays, and waits until the payment is final.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  florin pay --from treasury --to 0x7099…79C8 --amount 12.50 --token DEUR --genesis genesis.json
  florin pay --from bank-a --to bank-b --amount 1250.75 --token DEUR --reference 'Invoice 4711' --json
  florin pay --from 'pkcs11:token=hsm;object=treasury?module-path=/usr/lib/hsm.so' --to bank-b --amount 1 --token DEUR

The receipt is verified with the genesis file's key, whatever the node says. After a timeout look at the transaction
with `florin inspect tx HASH` before paying again.")]
pub(crate) struct PayCommand {
    /// Account that pays: its name in the keystore, its key file, or `pkcs11:token=LABEL;object=LABEL` for one in a device.
    #[arg(long, value_name = "NAME")]
    from: String,
    /// Who is paid: an address, or an account's name in the keystore.
    #[arg(long, value_name = "ADDRESS")]
    to: String,
    /// How much, such as 12.50.
    #[arg(long)]
    amount: String,
    /// Currency: its symbol in the genesis file, or its address.
    #[arg(long, value_name = "SYMBOL")]
    token: String,
    /// 32 bytes for machines: hexadecimal, or a text of at most 32 bytes.
    #[arg(long, value_name = "TEXT")]
    memo: Option<String>,
    /// What the payment is for, at most 140 bytes.
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// How long to wait until it is final, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    timeout_ms: u64,
    #[command(flatten)]
    network: NetworkArguments,
    #[command(flatten)]
    keystore: Keystore,
    #[command(flatten)]
    passphrase: PassphraseSource,
}

/// Runs `florin pay`.
pub(crate) fn run(command: PayCommand, output: Output) -> Result<(), Failure> {
    crate::remote::block_on(pay(command, output))
}

async fn pay(command: PayCommand, output: Output) -> Result<(), Failure> {
    let memo = command.memo.as_deref().map_or(Ok(B256::ZERO), read_memo)?;
    let reference = command.reference.clone().unwrap_or_default();
    if reference.len() > REFERENCE_BYTES_MAX {
        let message = format!("a reference has at most {REFERENCE_BYTES_MAX} bytes, this one has {}", reference.len());
        return Err(Failure::usage("pay.reference", message, "shorten it, or put a number there that you can look up"));
    }
    let store = accounts::Store::open(&command.keystore)?;
    let to = payee(&command.to, &store)?;
    let network = command.network.open().await?;
    let token = network.token(&command.token).await?;
    let amount = Amount::parse(&command.amount, token.currency()).map_err(|error| {
        Failure::usage("pay.amount", error, "write the amount as digits with a point, such as 12.50")
    })?;
    let payer = accounts::named(&command.from, &store, &command.passphrase)?;
    let plain = memo.is_zero() && reference.is_empty();
    let sent = if plain {
        token.transfer(&payer, to, amount).await
    } else {
        token.transfer_with_memo(&payer, to, amount, memo, &reference).await
    };
    let sent = sent.map_err(client_failure)?;
    let paid = network.verifier.wait_receipt(&network.client, sent.hash, command.timeout_ms).await;
    let paid = paid.map_err(|error| after_sending(client_failure(error), sent.hash))?;
    if !paid.receipt.status() {
        return Err(Failure::refused(
            "pay.reverted",
            format_args!("payment {} is final in block {} and was reverted", sent.hash, paid.header.height()),
            "nothing was moved; see `florin inspect tx HASH` for the rule that stopped it",
        ));
    }
    show(&paid, payer.address(), to, amount, &reference, output)
}

fn show(
    paid: &ProvenReceipt,
    from: Address,
    to: Address,
    amount: Amount,
    reference: &str,
    output: Output,
) -> Result<(), Failure> {
    let hash = paid.tx.tx_hash();
    let value = json!({
        "status": "final",
        "transaction_hash": hash,
        "block_number": paid.header.height(),
        "block_hash": paid.header.hash(),
        "block_timestamp_ms": paid.header.extension().timestamp_ms,
        "from": from,
        "to": to,
        "amount_minor": amount.minor().to_string(),
        "currency": amount.currency(),
        "reference": reference,
        "verified": true,
    });
    output.show(&value, || {
        let mut rows = vec![
            ("paid", amount.to_string()),
            ("from", from.to_string()),
            ("to", to.to_string()),
            ("transaction", hash.to_string()),
            ("final in block", format!("{} ({})", paid.header.height(), paid.header.hash())),
            ("verified", "certificate, transaction and receipt, with the genesis file's key".to_string()),
        ];
        if !reference.is_empty() {
            rows.insert(3, ("reference", reference.to_string()));
        }
        output::fields(&rows)
    })
}

fn payee(name: &str, store: &accounts::Store) -> Result<Address, Failure> {
    if name.starts_with("0x") {
        return parse_address(name);
    }
    parse_address(&store.find(name)?.address)
}

/// Reads an address; mixed case must carry the right checksum (EIP-55), so that a typing error is noticed.
pub(crate) fn parse_address(text: &str) -> Result<Address, Failure> {
    let wrong = |reason: &str| {
        let shown: String = text.chars().take(64).collect();
        Failure::input(
            "address",
            format_args!("{shown:?} is not an address: {reason}"),
            "copy it again, all 42 characters",
        )
    };
    let address = text.parse::<Address>().map_err(|_| wrong("it is 0x and 40 hexadecimal digits"))?;
    let digits = text.trim_start_matches("0x");
    let mixed = digits.chars().any(|c| c.is_ascii_lowercase()) && digits.chars().any(|c| c.is_ascii_uppercase());
    if mixed && Address::parse_checksummed(text, None).is_err() {
        return Err(wrong("its checksum (the case of its letters, EIP-55) is wrong"));
    }
    Ok(address)
}

fn read_memo(text: &str) -> Result<B256, Failure> {
    let wrong = || {
        Failure::usage("pay.memo", "a memo is 0x and 64 hexadecimal digits, or at most 32 bytes of text", "shorten it")
    };
    if text.starts_with("0x") {
        return text.parse().map_err(|_| wrong());
    }
    if text.len() > 32 {
        return Err(wrong());
    }
    Ok(B256::right_padding_from(text.as_bytes()))
}

fn after_sending(failure: Failure, hash: B256) -> Failure {
    Failure {
        message: format!("payment {hash} was sent, but: {}", failure.message),
        next: format!("look with `florin inspect tx {hash}` before paying again"),
        ..failure
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn typing_errors_in_addresses_are_noticed() {
        let right = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";
        assert!(parse_address(right).is_ok());
        assert!(parse_address(&right.to_lowercase()).is_ok());
        for wrong in ["0xF39fd6e51aad88F6F4ce6aB8827279cffFb92266", "0x12", "", "bank", &right[..41]] {
            assert_eq!(parse_address(wrong).unwrap_err().code, "address", "{wrong}");
        }
    }

    #[test]
    fn memos_are_32_bytes() {
        assert_eq!(read_memo("INV-1").unwrap().as_slice()[..6], *b"INV-1\0");
        let hex = format!("0x{}", "ab".repeat(32));
        assert_eq!(read_memo(&hex).unwrap(), B256::repeat_byte(0xab));
        for wrong in ["0x12", "a text that is longer than thirty-two bytes"] {
            assert_eq!(read_memo(wrong).unwrap_err().code, "pay.memo");
        }
    }
}
