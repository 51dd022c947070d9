//! Access tokens of an OpenID Connect issuer: JWT, verified with the keys that the issuer publishes.
//!
//! **Failures.** A token that does not verify is a stranger's. While the issuer's keys cannot be had and none are known, callers are
//! told to come again: nobody is let in.
//!
//! **Limits.** 5 seconds and 256 KiB for what is fetched; 64 keys; fetched again after ten minutes, for a key that is not known, and
//! at most every ten seconds. Keys that cannot be fetched again are believed for an hour.

use super::{Caller, Role, Stranger, is_name};
use florin_client::{ClientError, Endpoint, Roots, RpcConfig};
use jsonwebtoken::{
    Algorithm, DecodingKey, Header, Validation, decode, decode_header,
    jwk::{AlgorithmParameters, Jwk, JwkSet, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr as _,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::{Mutex, RwLock};

/// How long one fetch may take, and how much it may bring.
const FETCH_TIME_MAX_MS: u64 = 5_000;
const FETCH_BYTES_MAX: usize = 256 * 1024;
/// Keys of an issuer.
const KEYS_MAX: usize = 64;
/// When keys are fetched again, for how long they are believed, and the pause between two fetches.
const FRESH: Duration = Duration::from_secs(600);
const BELIEVED: Duration = Duration::from_secs(3_600);
const FETCH_PAUSE: Duration = Duration::from_secs(10);
/// How far clocks may differ, in seconds.
const LEEWAY_SECONDS: u64 = 30;

/// Whose tokens are taken, and how they are read.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OidcConfig {
    /// The issuer, as `iss` says it. `https://`; `http://` only to this machine.
    pub issuer: String,
    /// What `aud` must name.
    pub audience: String,
    /// Where its keys are. Not set: where its `/.well-known/openid-configuration` says.
    pub jwks_url: Option<String>,
    /// Signatures that are taken: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA. Not set: RS256 and ES256.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<String>,
    /// The claim that is a caller's permanent name. Not set: `sub`.
    #[serde(default = "default_name")]
    pub name_claim: String,
    /// The claim that names the tenant. Not set: `tenant`.
    #[serde(default = "default_tenant")]
    pub tenant_claim: String,
    /// The claim with the roles: a list, or names between blanks. Not set: `roles`.
    #[serde(default = "default_roles")]
    pub roles_claim: String,
    /// What the issuer's names of roles mean here. Not set: they are called as here.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
}

fn default_algorithms() -> Vec<String> {
    vec!["RS256".into(), "ES256".into()]
}

fn default_name() -> String {
    "sub".into()
}

fn default_tenant() -> String {
    "tenant".into()
}

fn default_roles() -> String {
    "roles".into()
}

/// What is wrong with the configured issuer: the field, and the rule with its values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
pub struct OidcError {
    /// The field of the configuration.
    pub field: &'static str,
    /// The rule that it breaks.
    pub rule: String,
}

/// The keys of an issuer, as they were fetched.
#[derive(Debug, Default)]
struct Keys {
    set: Arc<JwkSet>,
    fetched: Option<Instant>,
}

/// Verifies tokens.
#[derive(Debug)]
pub(super) struct Oidc {
    config: OidcConfig,
    validation: Validation,
    roles: BTreeMap<String, Role>,
    keys: RwLock<Keys>,
    /// When the last fetch began; held while one goes on, so that there is one at a time.
    fetching: Mutex<Option<Instant>>,
}

impl Oidc {
    pub(super) fn new(config: OidcConfig) -> Result<Self, OidcError> {
        let wrong = |field, rule: String| Err(OidcError { field, rule });
        if let Err(rule) = check_url(&config.issuer) {
            return wrong("issuer", rule);
        }
        if let Some(Err(rule)) = config.jwks_url.as_deref().map(check_url) {
            return wrong("jwks_url", rule);
        }
        if config.audience.is_empty() {
            return wrong(
                "audience",
                "it names this gateway, as its tokens say it: without it any token would do".into(),
            );
        }
        let mut algorithms = Vec::new();
        for name in &config.algorithms {
            match Algorithm::from_str(name) {
                Ok(Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512) | Err(_) => {
                    return wrong("algorithms", format!("{name:?} is no signature with a public key, such as RS256"));
                }
                Ok(algorithm) => algorithms.push(algorithm),
            }
        }
        let Some(first) = algorithms.first() else { return wrong("algorithms", "one is needed, such as RS256".into()) };
        let mut roles = BTreeMap::new();
        for (theirs, ours) in &config.roles {
            let Some(role) = Role::from_name(ours) else { return wrong("roles", format!("{ours:?} is no role")) };
            roles.insert(theirs.clone(), role);
        }
        if roles.is_empty() {
            roles = Role::ALL.into_iter().map(|role| (role.name().to_owned(), role)).collect();
        }
        let mut validation = Validation::new(*first);
        validation.algorithms = algorithms;
        validation.leeway = LEEWAY_SECONDS;
        validation.validate_nbf = true;
        validation.set_audience(&[&config.audience]);
        validation.set_issuer(&[&config.issuer]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        Ok(Self { config, validation, roles, keys: RwLock::default(), fetching: Mutex::default() })
    }

    /// Whose token it is. `is_tenant` says which tenants there are.
    pub(super) async fn verify(&self, token: &str, is_tenant: impl Fn(&str) -> bool) -> Result<Caller, Stranger> {
        let header = self.header(token)?;
        let candidates = self.candidates(header.kid.as_deref()).await?;
        self.verified(token, header.alg, &candidates, is_tenant)
    }

    /// What a token says of its signature, which is not checked.
    fn header(&self, token: &str) -> Result<Header, Stranger> {
        let header = decode_header(token).map_err(|error| unknown(&error))?;
        if !self.validation.algorithms.contains(&header.alg) {
            return Err(unknown(&format_args!("algorithm {:?} is not taken", header.alg)));
        }
        // What must be understood and is not known here makes it another kind of token (RFC 7515, 4.1.11).
        if header.crit.is_some() {
            return Err(unknown(&"it has a critical header"));
        }
        Ok(header)
    }

    /// Whose token it is, by keys that may have signed it.
    fn verified(
        &self,
        token: &str,
        algorithm: Algorithm,
        candidates: &[Jwk],
        is_tenant: impl Fn(&str) -> bool,
    ) -> Result<Caller, Stranger> {
        // The library asks that every algorithm it is given is of the key's family.
        let validation = Validation { algorithms: vec![algorithm], ..self.validation.clone() };
        let mut failure = unknown(&"none of the issuer's keys is named");
        for jwk in candidates {
            let Ok(key) = DecodingKey::from_jwk(jwk) else { continue };
            // An algorithm that the key is not made for is refused by the library, whatever the header says.
            match decode::<Map<String, Value>>(token, &key, &validation) {
                Ok(verified) => return self.caller(&verified.claims, is_tenant).map_err(|why| unknown(&why)),
                Err(error) => failure = unknown(&error),
            }
        }
        Err(failure)
    }

    fn caller(&self, claims: &Map<String, Value>, is_tenant: impl Fn(&str) -> bool) -> Result<Caller, String> {
        let text = |claim: &str| claims.get(claim).and_then(Value::as_str).ok_or_else(|| format!("no text {claim:?}"));
        let (name, tenant) = (text(&self.config.name_claim)?, text(&self.config.tenant_claim)?);
        if !is_name(name) {
            return Err(format!("{:?} is no name of a caller", self.config.name_claim));
        }
        if !is_tenant(tenant) {
            return Err("there is no such tenant".into());
        }
        let named: BTreeSet<&str> = match claims.get(&self.config.roles_claim) {
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(names)) => names.split_ascii_whitespace().collect(),
            _ => BTreeSet::new(),
        };
        let roles = named.into_iter().filter_map(|name| self.roles.get(name).copied()).collect();
        Ok(Caller { tenant: tenant.into(), name: name.into(), roles })
    }

    /// Keys that may have signed: the named one, or all where none is named.
    async fn candidates(&self, kid: Option<&str>) -> Result<Vec<Jwk>, Stranger> {
        let (set, fetched) = self.known().await;
        let found = fitting(&set, kid);
        let age = fetched.map(|fetched| fetched.elapsed());
        if !found.is_empty() && age.is_some_and(|age| age < FRESH) {
            return Ok(found);
        }
        // Whose key is known and still believed waits for nobody else's fetch.
        if !found.is_empty() && age.is_some_and(|age| age < BELIEVED) && self.fetching.try_lock().is_err() {
            return Ok(found);
        }
        self.fetch().await;
        let (set, fetched) = self.known().await;
        match fetched {
            Some(fetched) if fetched.elapsed() < BELIEVED => Ok(fitting(&set, kid)),
            _ => Err(Stranger::Later),
        }
    }

    async fn known(&self) -> (Arc<JwkSet>, Option<Instant>) {
        let keys = self.keys.read().await;
        (keys.set.clone(), keys.fetched)
    }

    /// Fetches the keys, unless that was tried a moment ago. A failure leaves what is known.
    async fn fetch(&self) {
        let mut last = self.fetching.lock().await;
        if last.is_some_and(|last| last.elapsed() < FETCH_PAUSE) {
            return;
        }
        *last = Some(Instant::now());
        match self.fetched().await {
            Ok(set) => *self.keys.write().await = Keys { set: Arc::new(set), fetched: Some(Instant::now()) },
            Err(error) => tracing::warn!(error, issuer = self.config.issuer, "gateway.oidc"),
        }
    }

    async fn fetched(&self) -> Result<JwkSet, String> {
        let url = match &self.config.jwks_url {
            Some(url) => url.clone(),
            None => {
                let issuer = self.config.issuer.trim_end_matches('/');
                let content = get(&format!("{issuer}/.well-known/openid-configuration")).await?;
                decode_discovery(&self.config.issuer, &content)?
            }
        };
        read_keys(&get(&url).await?)
    }
}

fn unknown(why: &dyn std::fmt::Display) -> Stranger {
    Stranger::Unknown(format!("token: {why}"))
}

/// Where the keys of an issuer are, as its description (`/.well-known/openid-configuration`) says; else what is wrong with it.
pub fn decode_discovery(issuer: &str, content: &[u8]) -> Result<String, String> {
    let told: Discovery = serde_json::from_slice(content).map_err(|error| error.to_string())?;
    if told.issuer != issuer {
        return Err(format!("it says that it is {:?}", told.issuer));
    }
    check_url(&told.jwks_uri)?;
    Ok(told.jwks_uri)
}

/// Whose token it is, by the keys (a JSON Web Key Set) that the configured issuer publishes; `None` where it is nobody's. Any tenant
/// is one.
pub fn decode_token(config: OidcConfig, keys: &[u8], token: &str) -> Result<Option<Caller>, OidcError> {
    let oidc = Oidc::new(config)?;
    let Ok(set) = read_keys(keys) else { return Ok(None) };
    let caller = oidc.header(token).and_then(|header| {
        let candidates = fitting(&set, header.kid.as_deref());
        oidc.verified(token, header.alg, &candidates, |_| true)
    });
    Ok(caller.ok())
}

/// The keys that an issuer publishes, as far as they are of use here.
fn read_keys(content: &[u8]) -> Result<JwkSet, String> {
    let set: JwkSet = serde_json::from_slice(content).map_err(|error| error.to_string())?;
    let mut keys: Vec<Jwk> = set.keys.into_iter().filter(verifies).collect();
    keys.truncate(KEYS_MAX);
    if keys.is_empty() { Err("it has no key that verifies".into()) } else { Ok(JwkSet { keys }) }
}

/// What of an issuer's description is used.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

async fn get(url: &str) -> Result<Vec<u8>, String> {
    let bounds = RpcConfig { timeout_ms: FETCH_TIME_MAX_MS, answer_bytes_max: FETCH_BYTES_MAX, ..RpcConfig::default() };
    let told = |error: ClientError| error.to_string();
    Endpoint::new(url, &bounds, &Roots::System, None).map_err(told)?.get().await.map_err(told)
}

fn fitting(set: &JwkSet, kid: Option<&str>) -> Vec<Jwk> {
    match kid {
        Some(kid) => set.find(kid).cloned().into_iter().collect(),
        None => set.keys.clone(),
    }
}

/// Whether a key is public and for signatures. A secret one in a public place is nobody's signature.
fn verifies(jwk: &Jwk) -> bool {
    let is_for_signatures =
        jwk.common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let is_public = !matches!(jwk.algorithm, AlgorithmParameters::OctetKey(_) | AlgorithmParameters::Other(_));
    is_for_signatures && is_public
}

/// What is fetched in the open could be anybody's, except on this machine.
pub fn check_url(url: &str) -> Result<(), String> {
    if url.starts_with("https://") {
        return Ok(());
    }
    let host = url.strip_prefix("http://").map(|rest| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let is_here = |host: &str| {
        let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
        matches!(name.map_or(host, |(name, _)| name), "127.0.0.1" | "localhost" | "[::1]")
    };
    match host {
        Some(host) if is_here(host) => Ok(()),
        _ => Err(format!("{url:?} must begin with https:// (http:// only to this machine)")),
    }
}
