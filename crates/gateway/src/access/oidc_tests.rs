//! Tokens against an issuer that answers HTTP.

use super::*;
use axum::{Json, Router, http::StatusCode, routing::get};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

/// An issuer: what it publishes, how often it was asked, and whether it answers.
#[derive(Clone, Default)]
struct Issuer {
    url: String,
    keys: Arc<Mutex<Value>>,
    asked: Arc<AtomicU64>,
    is_away: Arc<AtomicBool>,
}

/// A key pair on P-256 in PKCS#8, made anew.
fn key_pair() -> EncodingKey {
    let script = "openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -outform DER";
    let output = std::process::Command::new("sh").args(["-c", script]).output().unwrap();
    assert!(output.status.success(), "openssl is needed: apt-get install openssl");
    EncodingKey::from_ec_der(&output.stdout)
}

fn published(key: &EncodingKey, kid: &str) -> Value {
    let mut jwk = Jwk::from_encoding_key(key, Algorithm::ES256).unwrap();
    jwk.common.key_id = Some(kid.into());
    serde_json::to_value(jwk).unwrap()
}

impl Issuer {
    async fn start(keys: Value) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = Self { url: url.clone(), keys: Arc::new(Mutex::new(keys)), ..Self::default() };
        let (described, served) = (issuer.clone(), issuer.clone());
        let describe =
            async move || Json(json!({ "issuer": described.url, "jwks_uri": format!("{}/keys", described.url) }));
        let serve = async move || {
            served.asked.fetch_add(1, Ordering::Relaxed);
            if served.is_away.load(Ordering::Relaxed) {
                return Err(StatusCode::SERVICE_UNAVAILABLE);
            }
            Ok(Json(json!({ "keys": *served.keys.lock().unwrap() })))
        };
        let router = Router::new().route("/.well-known/openid-configuration", get(describe)).route("/keys", get(serve));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        issuer
    }

    fn config(&self) -> OidcConfig {
        let text = json!({ "issuer": self.url, "audience": "florin" });
        serde_json::from_value(text).unwrap()
    }

    fn access(&self, config: OidcConfig) -> Access {
        let tenant = Tenant { name: "bank-a".into(), ..Tenant::default() };
        Access::new(vec![tenant], Some(config)).unwrap()
    }

    fn claims(&self) -> Value {
        let now = jsonwebtoken::get_current_timestamp();
        let who = json!({ "sub": "anna", "tenant": "bank-a", "roles": ["maker", "unheard-of"] });
        let mut claims = json!({ "iss": self.url, "aud": ["florin", "other"], "exp": now + 300, "nbf": now });
        claims.as_object_mut().unwrap().extend(who.as_object().unwrap().clone());
        claims
    }
}

fn signed(key: &EncodingKey, kid: Option<&str>, claims: &Value) -> String {
    let header = Header { kid: kid.map(String::from), ..Header::new(Algorithm::ES256) };
    format!("Bearer {}", encode(&header, claims, key).unwrap())
}

#[tokio::test]
async fn a_token_of_the_issuer_is_its_caller() {
    let key = key_pair();
    let issuer = Issuer::start(json!([published(&key, "one")])).await;
    let access = issuer.access(issuer.config());
    for kid in [Some("one"), None] {
        let caller = access.recognise(Some(&signed(&key, kid, &issuer.claims()))).await.unwrap();
        assert_eq!((caller.tenant.as_str(), caller.name.as_str()), ("bank-a", "anna"));
        assert_eq!(caller.roles, [Role::Maker].into(), "a role that nobody knows gives nothing");
    }
    assert_eq!(issuer.asked.load(Ordering::Relaxed), 1, "keys are kept");

    // Names of the issuer's own.
    let roles = [("payments.approve".to_owned(), "checker".to_owned())].into();
    let config = OidcConfig { roles, roles_claim: "scope".into(), name_claim: "upn".into(), ..issuer.config() };
    let mut claims = issuer.claims();
    claims["scope"] = "openid payments.approve maker".into();
    claims["upn"] = "anna@bank-a".into();
    let caller = issuer.access(config).recognise(Some(&signed(&key, Some("one"), &claims))).await.unwrap();
    assert_eq!((caller.name.as_str(), caller.roles), ("anna@bank-a", [Role::Checker].into()));
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_makes_it_nobodys() {
    let (key, other) = (key_pair(), key_pair());
    let issuer = Issuer::start(json!([published(&key, "one")])).await;
    let access = issuer.access(issuer.config());
    let now = jsonwebtoken::get_current_timestamp();
    let cases = [
        ("iss", json!("https://elsewhere.example")),
        ("iss", Value::Null),
        ("aud", json!("another")),
        ("aud", Value::Null),
        ("exp", json!(now - 60)),
        ("exp", json!("soon")),
        ("exp", Value::Null),
        ("nbf", json!(now + 300)),
        ("sub", Value::Null),
        ("sub", json!("files")),
        ("sub", json!(7)),
        ("tenant", json!("bank-b")),
        ("tenant", json!(["bank-a"])),
    ];
    for (claim, value) in cases {
        let mut claims = issuer.claims();
        claims[claim] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(claim);
        }
        let refused = access.recognise(Some(&signed(&key, Some("one"), &claims))).await;
        assert!(matches!(refused, Err(Stranger::Unknown(_))), "{claim} {value}: {refused:?}");
    }
    // Another's signature, one byte changed, and algorithms that were never allowed.
    let good = signed(&key, Some("one"), &issuer.claims());
    let mut changed = good.clone().into_bytes();
    let middle = good.len() / 2;
    changed[middle] = if changed[middle] == b'A' { b'B' } else { b'A' };
    let shared = encode(&Header::new(Algorithm::HS256), &issuer.claims(), &EncodingKey::from_secret(b"one")).unwrap();
    let none = format!("Bearer eyJhbGciOiJub25lIn0.{}.", good.split('.').nth(1).unwrap());
    for wrong in [
        signed(&other, Some("one"), &issuer.claims()),
        signed(&other, None, &issuer.claims()),
        String::from_utf8(changed).unwrap(),
        format!("Bearer {shared}"),
        none,
        "Bearer ..".into(),
        "Bearer e30.e30.e30".into(),
    ] {
        let refused = access.recognise(Some(&wrong)).await;
        assert!(matches!(refused, Err(Stranger::Unknown(_))), "{wrong}: {refused:?}");
    }
    assert!(access.recognise(Some(&good)).await.is_ok());
}

#[tokio::test]
async fn an_issuer_that_is_away_lets_nobody_in_and_is_not_asked_by_each_token() {
    let (key, next) = (key_pair(), key_pair());
    let issuer = Issuer::start(json!([published(&key, "one")])).await;
    issuer.is_away.store(true, Ordering::Relaxed);
    let access = issuer.access(issuer.config());
    let token = signed(&key, Some("one"), &issuer.claims());
    for _ in 0..20 {
        assert_eq!(access.recognise(Some(&token)).await, Err(Stranger::Later));
    }
    assert_eq!(issuer.asked.load(Ordering::Relaxed), 1, "a flood of tokens is no flood at the issuer");

    // Keys that are known outlive it, and a key that nobody published is asked for once.
    issuer.is_away.store(false, Ordering::Relaxed);
    let access = issuer.access(issuer.config());
    assert!(access.recognise(Some(&token)).await.is_ok());
    issuer.is_away.store(true, Ordering::Relaxed);
    assert!(access.recognise(Some(&token)).await.is_ok());
    let unknown = signed(&next, Some("two"), &issuer.claims());
    assert!(matches!(access.recognise(Some(&unknown)).await, Err(Stranger::Unknown(_))));
    assert_eq!(issuer.asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn what_an_issuer_publishes_is_bounded_and_secret_keys_are_no_keys() {
    let key = key_pair();
    let secret = json!({ "kty": "oct", "k": "b25l", "kid": "one", "alg": "HS256" });
    let mut for_secrecy = published(&key, "one");
    for_secrecy["use"] = "enc".into();
    let large = json!([{ "kty": "EC", "x": "x".repeat(300_000) }]);
    for keys in [json!([secret]), json!([for_secrecy]), large, json!([]), json!("none")] {
        let issuer = Issuer::start(keys.clone()).await;
        let token = signed(&key, Some("one"), &issuer.claims());
        let told = issuer.access(issuer.config()).recognise(Some(&token)).await;
        assert_eq!(told, Err(Stranger::Later), "{}", keys.to_string().chars().take(80).collect::<String>());
    }
}

#[test]
fn an_issuer_in_the_open_or_with_a_shared_secret_is_refused() {
    let good = json!({ "issuer": "https://login.example", "audience": "florin" });
    let config: OidcConfig = serde_json::from_value(good).unwrap();
    assert!(Access::new(Vec::new(), Some(config.clone())).is_ok());
    let with = |change: &dyn Fn(&mut OidcConfig)| {
        let mut config = config.clone();
        change(&mut config);
        Access::new(Vec::new(), Some(config)).unwrap_err().field
    };
    assert_eq!(with(&|config| config.issuer = "http://login.example".into()), "issuer");
    assert_eq!(with(&|config| config.issuer = "http://127.0.0.1.example".into()), "issuer");
    assert_eq!(with(&|config| config.issuer = "http://127.0.0.1@login.example".into()), "issuer");
    assert_eq!(with(&|config| config.jwks_url = Some("ftp://login.example".into())), "jwks_url");
    assert_eq!(with(&|config| config.audience = String::new()), "audience");
    for algorithm in ["HS256", "none", "rs256", ""] {
        assert_eq!(with(&|config| config.algorithms = vec![algorithm.into()]), "algorithms");
    }
    assert_eq!(with(&|config| config.algorithms.clear()), "algorithms");
    assert_eq!(with(&|config| config.roles = [("x".into(), "boss".into())].into()), "roles");
}
