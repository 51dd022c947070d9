//! Who may do what: callers, recognised here and nowhere else, and the rights that their roles give.
//!
//! **Purpose.** A request carries `Authorization: Bearer`. What stands there is the key of a configured caller or an access token of
//! the configured issuer; both become a [`Caller`]: tenant, permanent name, roles. `rights` says which right a route needs.
//!
//! **Invariants.** A route that is not in the table is nobody's. A caller has one tenant, and what it reads names that tenant in the
//! query. Keys are kept as hashes and compared in constant time; neither keys nor tokens reach a log.
//!
//! **Limits.** A credential of 8 KiB; allowances of `Throttle`.

mod oidc;
#[cfg(test)]
mod oidc_tests;
mod rights;
#[cfg(test)]
mod tests;
mod throttle;

pub use oidc::{OidcConfig, OidcError, check_url, decode_discovery, decode_token};
pub use rights::{ROUTES, Right, Role, Route, right_of};
pub use throttle::CALLS_PER_SECOND;
pub(crate) use throttle::Throttle;

use alloy_primitives::B256;
use oidc::Oidc;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use subtle::ConstantTimeEq as _;

/// Bytes of a key or token.
const CREDENTIAL_BYTES_MAX: usize = 8 * 1024;
/// Characters of a caller's name.
const NAME_CHARS_MAX: usize = 128;
/// Who made an order that came as a file. No caller has this name.
pub(crate) const FILES: &str = "files";
/// Who made an order that came from within the process. No caller has this name either.
pub(crate) const PROCESS: &str = "process";

/// Who uses the gateway.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tenant {
    /// Name.
    pub name: String,
    /// Keys, each of a named caller. One caller may have several, so that they can be exchanged.
    pub keys: Vec<Key>,
    /// Above which amount, in minor units, an order waits for a checker: by currency.
    pub approval_above: BTreeMap<String, u128>,
}

/// A key of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The caller's permanent name.
    pub name: String,
    /// What it may do.
    pub roles: BTreeSet<Role>,
    /// SHA-256 of the key.
    digest: B256,
}

impl Key {
    /// A caller's key. It is not kept.
    pub fn new(name: &str, roles: impl IntoIterator<Item = Role>, key: &str) -> Self {
        Self { name: name.into(), roles: roles.into_iter().collect(), digest: digest_of(key) }
    }
}

/// Where a request comes from. Whoever serves the gateway's HTTP puts it into the request; without it no address is shut out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub std::net::IpAddr);

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose data it sees.
    pub tenant: String,
    /// Its permanent name, one among the tenant's.
    pub name: String,
    /// What it may do.
    pub roles: BTreeSet<Role>,
}

impl Caller {
    /// Whether one of its roles gives this right.
    pub fn may(&self, right: Right) -> bool {
        self.roles.iter().any(|role| role.gives(right))
    }

    /// Its roles, for the log.
    pub(crate) fn roles_text(&self) -> String {
        let names: Vec<&str> = self.roles.iter().map(|role| role.name()).collect();
        names.join(" ")
    }
}

/// Why nobody was recognised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stranger {
    /// Nothing was sent.
    Silent,
    /// What was sent is nobody's; for the log, not for the caller.
    Unknown(String),
    /// The issuer's keys cannot be had now.
    Later,
}

/// Recognises callers.
#[derive(Debug)]
pub(crate) struct Access {
    tenants: Vec<Tenant>,
    oidc: Option<Oidc>,
}

impl Access {
    pub(crate) fn new(tenants: Vec<Tenant>, oidc: Option<OidcConfig>) -> Result<Self, OidcError> {
        Ok(Self { tenants, oidc: oidc.map(Oidc::new).transpose()? })
    }

    /// Who has this key or token.
    pub(crate) async fn recognise(&self, authorization: Option<&str>) -> Result<Caller, Stranger> {
        let Some(text) = authorization else { return Err(Stranger::Silent) };
        let unknown = |why: &str| Err(Stranger::Unknown(why.into()));
        let Some(credential) = text.strip_prefix("Bearer ").map(str::trim).filter(|text| !text.is_empty()) else {
            return unknown("the header is not of the form: Bearer KEY");
        };
        if credential.len() > CREDENTIAL_BYTES_MAX {
            return unknown("it has more than 8 KiB");
        }
        if let Some(caller) = self.by_key(credential) {
            return Ok(caller);
        }
        match &self.oidc {
            Some(oidc) if credential.split('.').count() == 3 => {
                oidc.verify(credential, |tenant| self.tenants.iter().any(|known| known.name == tenant)).await
            }
            _ => unknown("no caller has this key"),
        }
    }

    /// Every key is compared, whichever fits: the time says nothing about any.
    fn by_key(&self, credential: &str) -> Option<Caller> {
        let digest = digest_of(credential);
        let mut found = None;
        for tenant in &self.tenants {
            for key in &tenant.keys {
                if bool::from(key.digest.as_slice().ct_eq(digest.as_slice())) {
                    let (tenant, name) = (tenant.name.clone(), key.name.clone());
                    found = Some(Caller { tenant, name, roles: key.roles.clone() });
                }
            }
        }
        found
    }
}

/// What is wrong with the configured callers: the tenant's place, the field, and the rule with its values.
pub fn check_tenants(tenants: &[Tenant]) -> Result<(), (usize, &'static str, String)> {
    let mut digests = BTreeSet::new();
    for (place, tenant) in tenants.iter().enumerate() {
        if tenant.keys.iter().any(|key| !digests.insert(key.digest)) {
            return Err((place, "keys", "a key is there twice: each caller has keys of its own".into()));
        }
        if let Some(name) = tenant.keys.iter().map(|key| &key.name).find(|name| !is_name(name)) {
            let rule = format!(
                "{name:?} is no name: 1 to {NAME_CHARS_MAX} visible characters, neither {FILES:?} nor {PROCESS:?}"
            );
            return Err((place, "keys", rule));
        }
    }
    Ok(())
}

/// Whether two names are one person's: capitals make no other person.
pub(crate) fn is_same_person(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// Whether a caller may be called so.
fn is_name(name: &str) -> bool {
    let is_visible = |character: char| !character.is_control() && !character.is_whitespace();
    let is_taken = [FILES, PROCESS].into_iter().any(|taken| is_same_person(taken, name));
    !name.is_empty() && name.chars().count() <= NAME_CHARS_MAX && name.chars().all(is_visible) && !is_taken
}

fn digest_of(key: &str) -> B256 {
    B256::new(Sha256::digest(key.as_bytes()).into())
}
