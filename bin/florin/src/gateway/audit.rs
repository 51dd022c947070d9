//! `florin gateway audit`: whether the audit log is what it was.

use super::{config::Config, gateway_failure, location, runtime};
use crate::{
    failure::{Exit, Failure},
    network::NetworkArguments,
    output::{self, Output},
};
use clap::{Args, Subcommand};
use florin_gateway::audit::verify_audit;
use florin_history::Location;
use serde_json::json;
use std::path::{Path, PathBuf};

/// What is done with the log.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditAction {
    /// Computes the chain of the log again and compares it with what was committed to the ledger. Names the first row that is wrong.
    Verify(VerifyArguments),
}

/// Which log.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The gateway's configuration, TOML.
    #[arg(long, value_name = "FILE", default_value = "gateway.toml")]
    config: PathBuf,
    #[command(flatten)]
    network: NetworkArguments,
}

/// Runs `florin gateway audit`.
pub(crate) fn run(action: &AuditAction, output: Output) -> Result<(), Failure> {
    let AuditAction::Verify(arguments) = action;
    runtime()?.block_on(verify(arguments, output))
}

async fn verify(arguments: &VerifyArguments, output: Output) -> Result<(), Failure> {
    let config = Config::load(&arguments.config)?;
    let root = arguments.config.parent().map(Path::to_path_buf).unwrap_or_default();
    let location = location(&config.gateway, &root)?;
    if let Location::Sqlite(file) = &location
        && !file.exists()
    {
        let message = format!("{} is not there", file.display());
        return Err(Failure::input(
            "gateway.database",
            message,
            "name the configuration of the gateway that has the log",
        ));
    }
    let network = arguments.network.open().await?;
    let anchor = match &config.audit {
        Some(section) => {
            let currency = config.currencies.iter().find(|currency| currency.code == section.currency);
            let name = currency.map(|currency| currency.token.as_str()).unwrap_or_default();
            Some((section.account, network.token(name).await?.address()))
        }
        None => None,
    };
    let genesis_hash = crate::genesis::block(&network.genesis)?.hash();
    let audited = verify_audit(&location, genesis_hash, (network.client, network.verifier), anchor).await;
    let audited = audited.map_err(gateway_failure)?.map_err(|fault| {
        Failure::new(Exit::Damaged, "gateway.audit", fault, "keep the database as it is, and ask who could write to it")
    })?;
    let value = json!({
        "rows": audited.rows,
        "head": audited.head,
        "commitments": audited.commitments,
        "covered": audited.covered,
    });
    output.show(&value, || {
        output::fields(&[
            ("rows", audited.rows.to_string()),
            ("last hash", audited.head.to_string()),
            ("commitments on the ledger", audited.commitments.to_string()),
            ("rows that they cover", audited.covered.to_string()),
        ])
    })
}
