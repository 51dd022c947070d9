//! Where a history is kept.

use super::{
    server::{PASSWORD, USER, server},
    store::Store,
};
use crate::{History, HistoryError, Location};
use alloy_primitives::B256;

#[test]
fn a_url_with_a_secret_or_a_slip_is_refused() {
    let slips = [
        "postgres://bank:secret@db/history",
        "postgres://bank@db/history?password=secret",
        "postgres://bank@db/history?sslmod=require",
        "postgres://bank@db/history?sslmode=secret",
        "mysql://bank@db/history",
        "sqlite:",
        "",
    ];
    for url in slips {
        let error = Location::parse(url, None).unwrap_err();
        assert!(matches!(error, HistoryError::Url { .. }) && !error.to_string().contains("secret"), "{url}: {error}");
    }
}

#[test]
fn a_place_is_shown_without_its_password() {
    let place = Location::parse("postgres://bank@db.example/history", Some("secret")).unwrap();
    assert_eq!(format!("{place} {place:?}"), "postgres://db.example:5432/history postgres://db.example:5432/history");
    let file = |url: &str| Location::parse(url, None).unwrap().to_string();
    assert_eq!(
        (file("a/b.sqlite"), file("sqlite:a"), file("sqlite:///a/b")),
        ("a/b.sqlite".into(), "a".into(), "/a/b".into())
    );
}

#[test]
fn a_server_elsewhere_must_show_a_certificate_for_its_name() {
    use sqlx::postgres::PgSslMode::{Disable, Require, VerifyFull};
    let mode = |url: &str| match Location::parse(url, None).unwrap() {
        Location::Postgres(options) => options.get_ssl_mode(),
        Location::Sqlite(file) => panic!("{file:?}"),
    };
    assert!(matches!(mode("postgres://bank@db/history"), VerifyFull));
    assert!(matches!(mode("postgres://bank@db/history?sslmode=require"), Require));
    assert!(matches!(mode("postgres://bank@db/history?host=/run/postgresql"), Disable));
}

#[tokio::test]
async fn only_a_history_is_removed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("other.sqlite");
    let place = Location::parse(file.to_str().unwrap(), None).unwrap();
    History::remove(&place).await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::query("CREATE TABLE chain (genesis_hash BLOB)").execute(&pool).await.unwrap();
    pool.close().await;
    let error = History::remove(&place).await.unwrap_err();
    assert!(matches!(error, HistoryError::Foreign { .. }) && file.exists(), "{error}");
    // What is no database any more, and a history.
    std::fs::write(&file, "no database").unwrap();
    History::remove(&place).await.unwrap();
    assert!(!file.exists());
    History::open(&place, B256::ZERO, &[]).await.unwrap().close().await;
    History::remove(&place).await.unwrap();
    assert!(!file.exists());
}

#[tokio::test]
async fn a_wrong_password_is_not_told() {
    let wrong = Location::parse(&server().url("postgres"), Some("battery staple")).unwrap();
    let error = History::open(&wrong, B256::ZERO, &[]).await.unwrap_err();
    let told = format!("{error} {error:?}");
    assert!(matches!(error, HistoryError::Database { .. }), "{told}");
    assert!(told.contains("password authentication failed") && !told.contains("staple") && !told.contains(PASSWORD));
}

#[tokio::test]
async fn no_tls_is_refused_where_tls_is_asked_for() {
    // PostgreSQL speaks none through a socket.
    let url = format!("{}&sslmode=require", server().url("postgres"));
    let location = Location::parse(&url, Some(PASSWORD)).unwrap();
    let error = History::open(&location, B256::ZERO, &[]).await.unwrap_err();
    assert!(error.to_string().contains("TLS"), "{error}");
}

#[tokio::test]
async fn a_server_is_known_by_its_certificate_and_name() {
    let store = Store::postgres().await;
    let database = store.location.to_string();
    let database = database.rsplit('/').next().unwrap();
    let root = server().directory.join("server.crt");
    let root = format!("?sslrootcert={}", root.display());
    let open = async |host: &str, parameters: &str| {
        let url = format!("postgres://{USER}@{host}:{}/{database}{parameters}", server().port);
        History::open(&Location::parse(&url, Some(PASSWORD)).unwrap(), B256::ZERO, &[]).await
    };
    assert_eq!(open("localhost", &root).await.unwrap().told(), None);
    // Another name than that of the certificate, and a certificate that no public authority issued.
    for (host, parameters) in [("127.0.0.1", root.as_str()), ("localhost", "")] {
        let error = open(host, parameters).await.unwrap_err();
        assert!(error.to_string().contains("certificate"), "{host}: {error}");
    }
}
