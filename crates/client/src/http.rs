//! Bounded HTTP: one request, one answer, within a time and a size.

use crate::{
    ClientError,
    tls::{self, Roots},
};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{
    Request, Response, Uri,
    body::{Bytes, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use std::time::Duration;

/// Bytes of a refusing server's body that go into an error.
const ERROR_BODY_BYTES_MAX: usize = 256;

/// Bounds of an [`crate::RpcClient`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RpcConfig {
    /// How long one HTTP exchange may take, in milliseconds.
    pub timeout_ms: u64,
    /// Largest answer that is read, in bytes.
    pub answer_bytes_max: usize,
    /// How often a call that only reads is tried again after a transient failure.
    pub retries_max: u32,
    /// Pause before the first retry, in milliseconds; it doubles with each.
    pub retry_pause_ms: u64,
    /// Calls in one HTTP batch; longer ones are split.
    pub batch_calls_max: usize,
    /// Idle connections kept open.
    pub idle_connections_max: usize,
}

impl Default for RpcConfig {
    fn default() -> Self {
        Self {
            timeout_ms: 10_000,
            answer_bytes_max: 64 * 1024 * 1024,
            retries_max: 3,
            retry_pause_ms: 100,
            batch_calls_max: 50,
            idle_connections_max: 32,
        }
    }
}

/// Text that a server has at `url`, such as a node's metrics, within the bounds of `config`. Its certificate is checked
/// against `roots`.
pub async fn get_text(url: &str, config: &RpcConfig, roots: &Roots) -> Result<String, ClientError> {
    let answer = Endpoint::new(url, config, roots, None)?.get().await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// An address on the web that is not a node's: asked within the bounds of an [`RpcConfig`], one exchange at a time, never again by
/// itself.
pub struct Endpoint(Http);

impl Endpoint {
    /// The address; `bearer` goes with every request and into no log.
    pub fn new(url: &str, config: &RpcConfig, roots: &Roots, bearer: Option<&str>) -> Result<Self, ClientError> {
        let mut http = Http::new(url, config, roots)?;
        if let Some(bearer) = bearer {
            let value = zeroize::Zeroizing::new(format!("Bearer {bearer}"));
            let wrong =
                |_| ClientError::Url { url: url.into(), reason: "its key has characters that no header takes".into() };
            let mut value = HeaderValue::from_str(&value).map_err(wrong)?;
            value.set_sensitive(true);
            http.authorization = Some(value);
        }
        Ok(Self(http))
    }

    /// What lies there.
    pub async fn get(&self) -> Result<Vec<u8>, ClientError> {
        Ok(self.0.within_time("GET", self.0.get()).await?.to_vec())
    }

    /// Posts JSON; what is answered with a status of success.
    pub async fn post(&self, json: Vec<u8>) -> Result<Vec<u8>, ClientError> {
        Ok(self.0.post("POST", json).await?.to_vec())
    }

    /// Posts bytes with these headers, and gives the status of the answer, whichever it is; the rest of the answer is read within the
    /// bounds and dropped. Redirects are not followed.
    pub async fn tell(&self, headers: &[(&str, &str)], body: Vec<u8>) -> Result<u16, ClientError> {
        let http = &self.0;
        let mut request = Request::post(http.uri.clone());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body))).map_err(|error| http.unreachable(&error))?;
        let exchange = async {
            let response = http.client.request(request).await.map_err(|error| http.unreachable(&error))?;
            let status = response.status().as_u16();
            // What it says beside its status is nobody's business here.
            let _ = http.read("POST", response).await;
            Ok(status)
        };
        http.within_time("POST", exchange).await
    }
}

pub(crate) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
    url: String,
    timeout_ms: u64,
    answer_bytes_max: usize,
    authorization: Option<HeaderValue>,
}

impl Http {
    pub(crate) fn new(url: &str, config: &RpcConfig, roots: &Roots) -> Result<Self, ClientError> {
        let wrong = |reason: String| ClientError::Url { url: url.chars().take(200).collect(), reason };
        let uri: Uri = url.parse().map_err(|error| wrong(format!("{error}")))?;
        let tls = match uri.scheme_str() {
            // Who speaks plainly needs no roots, so that a machine without any is no obstacle.
            Some("http") => tls::without_roots(),
            Some("https") => tls::config(roots),
            _ => return Err(wrong("it must begin with http:// or https://".into())),
        };
        let tls = tls.map_err(wrong)?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(wrong("a user name or password in the address is not supported".into()));
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(Duration::from_millis(config.timeout_ms)));
        connector.enforce_http(false);
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(connector);
        let client =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(config.idle_connections_max).build(connector);
        let (timeout_ms, answer_bytes_max) = (config.timeout_ms, config.answer_bytes_max);
        Ok(Self { client, uri, url: url.into(), timeout_ms, answer_bytes_max, authorization: None })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Posts JSON and reads the whole answer. `method` is for errors only.
    pub(crate) async fn post(&self, method: &str, body: Vec<u8>) -> Result<Bytes, ClientError> {
        self.within_time(method, self.exchange(method, body)).await
    }

    async fn within_time<T>(
        &self,
        method: &str,
        exchange: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        tokio::time::timeout(Duration::from_millis(self.timeout_ms), exchange).await.unwrap_or_else(|_| {
            let (url, method) = (self.url.clone(), method.into());
            Err(ClientError::Timeout { url, method, timeout_ms: self.timeout_ms })
        })
    }

    /// Gets what lies at the address.
    async fn get(&self) -> Result<Bytes, ClientError> {
        let request = Request::get(self.uri.clone()).body(Full::default()).map_err(|error| self.unreachable(&error))?;
        self.send("GET", request).await
    }

    async fn exchange(&self, method: &str, body: Vec<u8>) -> Result<Bytes, ClientError> {
        let request = Request::post(self.uri.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| self.unreachable(&error))?;
        self.send(method, request).await
    }

    async fn send(&self, method: &str, mut request: Request<Full<Bytes>>) -> Result<Bytes, ClientError> {
        if let Some(authorization) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, authorization.clone());
        }
        let response = self.client.request(request).await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        let answer = self.read(method, response).await;
        if status.is_success() {
            return answer;
        }
        // Some servers refuse with a JSON-RPC error under another status: that error says more.
        let body = answer.unwrap_or_default();
        if serde_json::from_slice::<crate::rpc::Refusal>(&body).is_ok() {
            return Ok(body);
        }
        let excerpt = String::from_utf8_lossy(body.get(..ERROR_BODY_BYTES_MAX).unwrap_or(&body)).into_owned();
        Err(ClientError::Http { url: self.url.clone(), status: status.as_u16(), body: excerpt })
    }

    async fn read(&self, method: &str, response: Response<Incoming>) -> Result<Bytes, ClientError> {
        let body = Limited::new(response.into_body(), self.answer_bytes_max).collect().await;
        body.map(|body| body.to_bytes()).map_err(|error| match error.is::<LengthLimitError>() {
            true => ClientError::TooLarge { method: method.into(), bytes_max: self.answer_bytes_max },
            false => self.unreachable(error.as_ref()),
        })
    }

    fn unreachable(&self, error: &(dyn std::error::Error + 'static)) -> ClientError {
        // The innermost cause is the one that people can act on ("connection refused").
        let mut cause = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        ClientError::Connect { url: self.url.clone(), reason: cause.to_string() }
    }
}
