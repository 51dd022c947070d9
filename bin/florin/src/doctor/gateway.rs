//! Checks of a gateway: its file, the secrets that it names, its database, its ports, and whether it answers.

use super::{
    Trust,
    machine::{secret_files, user_of},
    report::Finding,
};
use crate::{files, gateway::config::Config};
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

/// Everything about the gateway of this configuration.
pub(super) async fn findings(file: &Path, trust: &Trust) -> Vec<Finding> {
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(failure) => {
            let rest = ["gateway_secrets", "gateway_database", "gateway_ports", "gateway"];
            let not_seen = |code| Finding::not_seen(code, "the gateway's configuration cannot be used");
            let broken = Finding::broken("gateway_config", failure.message, failure.next);
            return [broken].into_iter().chain(rest.map(not_seen)).collect();
        }
    };
    let root = file.parent().filter(|root| !root.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let counted = format!("{} tenants, {} accounts", config.tenants.len(), config.accounts.len());
    let database = config.gateway.database_file(root);
    let pid = database.as_ref().and_then(|file| files::lock_holder(&file.with_extension("lock")));
    let user = user_of(pid, database.clone().into_iter().chain([file.to_path_buf()]));
    vec![
        Finding::well("gateway_config", counted),
        secret_files("gateway_secrets", &config.secrets(root), root, &user),
        database.map_or_else(
            || Finding::well("gateway_database", "it is PostgreSQL, whose server decides who may read it"),
            |file| database_finding(&file),
        ),
        ports(&config),
        answers(&config, trust).await,
    ]
}

/// Whether others can read or change what the gateway remembers.
fn database_finding(file: &Path) -> Finding {
    const CODE: &str = "gateway_database";
    let mode = |path: &Path| fs::metadata(path).map(|metadata| metadata.permissions().mode() & 0o777).ok();
    let shown = file.display();
    let Some(own) = mode(file) else {
        return Finding::well(CODE, format!("{shown} is made at the first start, closed to others"));
    };
    let directory = file.parent().and_then(mode).unwrap_or(0o777);
    let seen = format!("{shown} has mode {own:03o}, its directory {directory:03o}");
    let next = format!("chmod 600 {shown}*");
    // Who cannot pass through the directory reaches nothing in it.
    match own & 0o077 {
        open if open == 0 || directory & 0o011 == 0 => Finding::well(CODE, seen),
        open if open & 0o022 == 0 => Finding::warning(CODE, format!("{seen}: other users may read it"), next),
        _ => Finding::broken(CODE, format!("{seen}: other users may change it"), next),
    }
}

fn ports(config: &Config) -> Finding {
    const CODE: &str = "gateway_ports";
    let open = config.plain_public_ports();
    if open.is_empty() {
        return Finding::well(CODE, "the gateway's ports listen on loopback addresses or speak TLS");
    }
    let open: Vec<String> = open.iter().map(|(field, at)| format!("{field} = {at}")).collect();
    let seen = format!("{} without TLS: who is on the way reads keys, tokens and payments", open.join(", "));
    Finding::warning(
        CODE,
        seen,
        "give it tls_certificate and tls_key, or listen on 127.0.0.1 behind a proxy that speaks TLS",
    )
}

/// Whether it answers, and says that it works.
async fn answers(config: &Config, trust: &Trust) -> Finding {
    const CODE: &str = "gateway";
    let url = super::url(config.gateway.listen, config.gateway.tls_certificate.is_some());
    match super::fetch(&format!("{url}/healthz"), trust).await {
        Ok(_) => Finding::well(CODE, format!("it works at {url}")),
        Err(reason) if trust.is_short_of(&reason) => Finding::not_seen(CODE, trust.advice(&reason)),
        Err(reason) => Finding::broken(
            CODE,
            reason,
            "start it: florin gateway --config FILE --genesis FILE. If it runs, its log says what it waits for",
        ),
    }
}
