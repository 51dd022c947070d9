//! Talking to a node: clients, and their failures for people.

use crate::failure::{Exit, Failure};
use florin_client::{ClientError, Roots, RpcClient, RpcConfig};

/// A client of the node at `url`.
pub(crate) fn connect(url: &str) -> Result<RpcClient, Failure> {
    RpcClient::new(url).map_err(client_failure)
}

/// The same; its certificate is checked against these roots.
pub(crate) fn connect_trusting(url: &str, roots: &Roots) -> Result<RpcClient, Failure> {
    RpcClient::with_roots(url, RpcConfig::default(), roots).map_err(client_failure)
}

/// What a node did not answer, for people. What a module of the ledger refused is said in its own words: permanent code,
/// values and rule, and the remedy as the next step.
pub(crate) fn client_failure(error: ClientError) -> Failure {
    if let Some(explained) = error.explanation() {
        let message = format!("the ledger refuses: {}({}): {}", explained.code, explained.values, explained.broken());
        return Failure::refused(&format!("ledger.{}", explained.code), message, explained.remedy());
    }
    let (exit, next) = match &error {
        ClientError::Refused { .. } | ClientError::Reverted { .. } => {
            (Exit::Refused, "correct what the message names, and send again")
        }
        ClientError::Unverified(_) => (Exit::Damaged, "do not trust this node; ask another one"),
        ClientError::Connect { .. } | ClientError::Timeout { .. } | ClientError::Http { .. } => {
            (Exit::Unavailable, "check the address, and that the node runs")
        }
        ClientError::NotFinal { .. } => {
            (Exit::Unavailable, "it may still become final: look with `florin inspect tx HASH` before paying again")
        }
        _ => (Exit::Input, "correct what the message names"),
    };
    Failure::new(exit, &format!("client.{}", error.code()), error, next)
}

/// Runs a command that talks to a node.
pub(crate) fn block_on<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::new(Exit::Failed, "runtime", error, "raise the limit of open files, and try again")
    })?;
    runtime.block_on(command)
}
