//! Banks on a real ledger: messages, a gateway in this process or as one of its own, and what the ledger says.

use crate::common::{Running, text};
use alloy_primitives::{Address, U256};
use alloy_sol_types::SolCall;
use florin_client::{Modules, RpcClient, Signer, Verifier};
use florin_gateway::{
    Controls, Faults, Gateway, Setup,
    access::{Key, Role, Tenant},
    book::{Book, HolderConfig, TokenEntry},
};
use florin_history::Location;
use florin_iso20022::Limits;
use florin_modules::{
    FACTORY_ADDRESS,
    factory::IFactory,
    token::{ISSUER_ROLE, IToken},
    token_address,
};
use florin_types::Genesis;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tempfile::TempDir;

pub const KEY_A: &str = "a key of bank A that nobody else knows";
pub const KEY_B: &str = "a key of bank B that nobody else knows";
pub const SECRET: &str = "a secret that bank A shares";
pub const IBAN_A: &str = "DE89370400440532013000";
pub const IBAN_B: &str = "FR1420041010050500013M02606";
pub const IBAN_ALMA: &str = "NL91ABNA0417164300";
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A ledger, and the banks on it.
pub struct Ledger {
    pub demo: Running,
    pub directory: TempDir,
    /// The second currency, where there is one.
    pub dollar: Option<Address>,
}

impl Ledger {
    pub fn start() -> Self {
        Self::of(1)
    }

    /// A ledger of so many validators, each a process.
    pub fn of(validators: usize) -> Self {
        let directory = TempDir::new().unwrap();
        let demo = Running::demo(&directory.path().join("demo"), &["--validators", &validators.to_string()]);
        Self { demo, directory, dollar: None }
    }

    /// The same with dollars, of which bank B has two million. Alma is its customer then.
    pub async fn start_with_dollars() -> Self {
        let ledger = tokio::task::block_in_place(Self::start);
        let policy = IToken::policyIdCall {}.abi_encode();
        let policy: U256 = ledger.rpc().call("eth_call", call_of(ledger.token(), policy)).await.unwrap();
        let create = IFactory::createTokenCall {
            name: "Demo Dollar".into(),
            symbol: "DUSD".into(),
            decimals: 2,
            admin: ledger.address("central-bank"),
            policyId: policy.to(),
            supplyCap: U256::from(u128::MAX),
        };
        ledger.act("central-bank", FACTORY_ADDRESS, create).await;
        let dollar = token_address(2);
        let issuer = IToken::grantRoleCall { role: ISSUER_ROLE, account: ledger.address("central-bank") };
        ledger.act("central-bank", dollar, issuer).await;
        let mint = IToken::mintCall { to: ledger.address("bank-b"), amount: U256::from(200_000_000_u64) };
        ledger.act("central-bank", dollar, mint).await;
        Self { dollar: Some(dollar), ..ledger }
    }

    pub fn rpc_url(&self) -> String {
        self.demo.text("rpc_url")
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn account(&self, name: &str) -> &Value {
        let accounts = self.demo.value["accounts"].as_array().unwrap();
        accounts.iter().find(|account| account["name"] == name).unwrap()
    }

    pub fn address(&self, name: &str) -> Address {
        self.account(name)["address"].as_str().unwrap().parse().unwrap()
    }

    pub fn signer(&self, name: &str) -> Signer {
        Signer::from_hex(self.account(name)["private_key"].as_str().unwrap()).unwrap()
    }

    pub fn token(&self) -> Address {
        self.demo.value["tokens"][0]["address"].as_str().unwrap().parse().unwrap()
    }

    pub fn rpc(&self) -> RpcClient {
        RpcClient::new(&self.rpc_url()).unwrap()
    }

    /// Units that an account has, now or at a height.
    pub async fn balance(&self, name: &str, height: Option<u64>) -> u128 {
        let input = alloy_primitives::Bytes::from(IToken::balanceOfCall { account: self.address(name) }.abi_encode());
        let at = height.map_or(json!("latest"), |height| json!(U256::from(height)));
        let units: U256 =
            self.rpc().call("eth_call", json!([{ "to": self.token(), "input": input }, at])).await.unwrap();
        units.try_into().unwrap()
    }

    /// Dollars that an account has now.
    pub async fn dollars(&self, name: &str) -> u128 {
        let input = IToken::balanceOfCall { account: self.address(name) }.abi_encode();
        let units: U256 = self.rpc().call("eth_call", call_of(self.dollar.unwrap(), input)).await.unwrap();
        units.try_into().unwrap()
    }

    /// Calls a module as somebody, and waits until that is final.
    pub async fn act<C: SolCall>(&self, name: &str, module: Address, call: C) {
        let rpc = self.rpc();
        let modules = Modules::new(rpc.clone(), rpc.chain_id().await.unwrap());
        let sent = modules.submit(&self.signer(name), module, &call).await.unwrap();
        let receipt = rpc.wait_final(sent.hash, 60_000).await.unwrap();
        assert!(receipt.status(), "{name}: {receipt:?}");
    }

    fn holders(&self) -> Vec<HolderConfig> {
        let holder = |number: &str, bic: Option<&str>, name: &str, tenant: Option<&str>| HolderConfig {
            number: Some(number.into()),
            bic: bic.map(String::from),
            name: Some(name.into()),
            address: self.address(name),
            tenant: tenant.map(String::from),
            key: tenant.map(|_| name.into()),
        };
        vec![
            holder(IBAN_A, Some("COBADEFFXXX"), "bank-a", Some("bank-a")),
            holder(IBAN_B, Some("BNPAFRPPXXX"), "bank-b", Some("bank-b")),
            holder(IBAN_ALMA, None, "alma", self.dollar.map(|_| "bank-b")),
        ]
    }

    /// A gateway in this process, on this database.
    pub async fn gateway(&self, location: &Location, folder: Option<PathBuf>, faults: Faults) -> Opened {
        match self.try_gateway(location, folder, faults).await {
            Ok(opened) => opened,
            Err(error) => panic!("{error}"),
        }
    }

    pub async fn try_gateway(
        &self,
        location: &Location,
        folder: Option<PathBuf>,
        faults: Faults,
    ) -> Result<Opened, florin_gateway::GatewayError> {
        let tenants =
            [("bank-a", KEY_A), ("bank-b", KEY_B)].map(|(name, key)| tenant(name, &[(name, &Role::ALL, key)]));
        self.governed(location, folder, faults, tenants.into(), Controls::default()).await
    }

    /// The same with these callers, limits and controls.
    pub async fn governed(
        &self,
        location: &Location,
        folder: Option<PathBuf>,
        faults: Faults,
        tenants: Vec<Tenant>,
        controls: Controls,
    ) -> Result<Opened, florin_gateway::GatewayError> {
        let genesis = std::fs::read_to_string(self.at("demo/genesis.json")).unwrap();
        let genesis = Genesis::from_json(&genesis).unwrap();
        let rpc = self.rpc();
        let genesis_hash = rpc.node_status().await.unwrap().genesis_hash;
        let verifier = Verifier::from_genesis(&genesis, genesis_hash).unwrap();
        let token =
            |currency: &str, address| TokenEntry { currency: currency.into(), address, digits: 2, scheme: None };
        let dollar = self.dollar.map(|address| token("USD", address));
        let tokens = std::iter::once(token("EUR", self.token())).chain(dollar).collect();
        let names = ["bank-a", "bank-b"];
        let book = Book::new(&self.holders(), tokens, &names.map(String::from).into()).unwrap();
        let signers: BTreeMap<Address, Signer> = [names.as_slice(), &["alma"]]
            .concat()
            .into_iter()
            .map(|name| (self.address(name), self.signer(name)))
            .collect();
        let setup = Setup {
            location: location.clone(),
            rpc,
            verifier,
            chain_id: genesis.chain_id,
            genesis_hash,
            book,
            signers,
            transaction_gas_max: genesis.rules.at(0).transaction_gas_max,
            tenants,
            webhooks: Vec::new(),
            controls,
            folder,
            read_from: None,
            limits: Limits::default(),
        };
        let gateway = Gateway::open(setup, faults).await?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = gateway.router();
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Ok(Opened { gateway, url, serving })
    }

    /// Configuration of a gateway that is a process of its own; gives its arguments.
    pub fn configured(&self, folder: Option<&str>) -> Vec<String> {
        self.configured_at(&self.rpc_url(), folder, "")
    }

    /// The same, with the node that it uses, and more in the table of bank A.
    pub fn configured_at(&self, rpc_url: &str, folder: Option<&str>, tenant: &str) -> Vec<String> {
        let file = |name: &str, content: &str| {
            let path = self.at(name);
            std::fs::write(&path, content).unwrap();
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
            path.display().to_string()
        };
        file("bank-a.key", KEY_A);
        file("bank-b.key", KEY_B);
        file("webhook.secret", SECRET);
        let folder = folder.map(|folder| format!("folder = '{folder}'")).unwrap_or_default();
        let accounts: String = self.holders().iter().map(account_text).collect();
        let dollar =
            self.dollar.map(|address| format!(", {{ code = 'USD', token = '{address}' }}")).unwrap_or_default();
        let config = format!(
            "currencies = [{{ code = 'EUR', token = 'DEUR', scheme = 1 }}{dollar}]\n\
             tenants = [{{ name = 'bank-a', key_file = 'bank-a.key'{tenant} }}, {{ name = 'bank-b', key_file = 'bank-b.key' }}]\n\
             [gateway]\nlisten = '127.0.0.1:0'\ndatabase = 'gateway.sqlite'\n{folder}\n{accounts}"
        );
        let config = file("gateway.toml", &config);
        let demo = |name: &str| self.at("demo").join(name).display().to_string();
        let arguments = ["gateway".into(), "--json".into(), "--config".into(), config, "--rpc".into(), rpc_url.into()];
        let trust = ["--genesis".into(), demo("genesis.json"), "--keystore".into(), demo("keystore")];
        let secret = ["--passphrase-file".into(), demo("passphrase")];
        arguments.into_iter().chain(trust).chain(secret).collect()
    }
}

/// A question to a contract, as it stands in the latest block.
fn call_of(to: Address, input: Vec<u8>) -> Value {
    json!([{ "to": to, "input": alloy_primitives::Bytes::from(input) }, "latest"])
}

fn account_text(holder: &HolderConfig) -> String {
    let line = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!("{name} = '{value}'\n")).unwrap_or_default()
    };
    let texts = [("number", &holder.number), ("bic", &holder.bic), ("name", &holder.name), ("tenant", &holder.tenant)];
    let lines: String = texts.iter().map(|(name, value)| line(name, value)).collect();
    format!("[[accounts]]\naddress = '{}'\n{lines}{}", holder.address, line("key", &holder.key))
}

/// A gateway in this process, served.
pub struct Opened {
    pub gateway: Gateway,
    pub url: String,
    serving: tokio::task::JoinHandle<()>,
}

impl Opened {
    /// Rounds until `done` gives something.
    pub async fn until<T>(&mut self, what: &str, mut done: impl FnMut(&str) -> Option<T>) -> T {
        let begun = Instant::now();
        loop {
            if let Err(error) = self.gateway.round().await {
                assert!(!error.is_fatal(), "{what}: {error}");
            }
            let url = self.url.clone();
            if let Some(found) = tokio::task::block_in_place(|| done(&url)) {
                return found;
            }
            assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The process dies: nothing is closed.
    pub async fn close(self) {
        self.serving.abort();
        self.gateway.close().await;
    }
}

/// A tenant whose callers have these names, roles and keys.
pub fn tenant(name: &str, callers: &[(&str, &[Role], &str)]) -> Tenant {
    let key = |(name, roles, key): &(&str, &[Role], &str)| Key::new(name, roles.iter().copied(), key);
    Tenant { name: name.into(), keys: callers.iter().map(key).collect(), ..Tenant::default() }
}

/// SQLite in this file.
pub fn sqlite(path: &Path) -> Location {
    Location::parse(path.to_str().unwrap(), None).unwrap()
}

/// An answer of HTTP.
#[derive(Debug)]
pub struct Http {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Http {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Number of the message in `Location`.
    pub fn message(&self) -> String {
        let line = self.head.lines().find(|line| line.to_lowercase().starts_with("location:"));
        line.unwrap_or_else(|| panic!("{self:?}")).rsplit('/').next().unwrap().trim().into()
    }
}

/// One exchange; `None` where nobody answers.
pub fn try_http(url: &str, method: &str, path: &str, key: &str, more: &str, body: &[u8]) -> Option<Http> {
    let host = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(host).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let authorization = if key.is_empty() { String::new() } else { format!("Authorization: Bearer {key}\r\n") };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{authorization}{more}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    // A server that refuses early may have closed.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = text(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Http { status, head: head.into(), body: body.into() })
}

pub fn http(url: &str, method: &str, path: &str, key: &str, body: &[u8]) -> Http {
    try_http(url, method, path, key, "", body).unwrap_or_else(|| panic!("{url} does not answer"))
}

pub fn get(url: &str, path: &str, key: &str) -> Http {
    http(url, "GET", path, key, b"")
}

/// A random UETR.
pub fn uetr() -> String {
    let random = rand::random::<u128>();
    florin_gateway::Uetr::derive(&[&random.to_string()]).to_string()
}

/// The text of the first element of this name.
pub fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

/// How often this text is there.
pub fn count(xml: &str, part: &str) -> usize {
    xml.matches(part).count()
}

pub struct Transfer<'a> {
    pub id: &'a str,
    pub uetr: &'a str,
    pub amount: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    pub day: &'a str,
}

impl<'a> Transfer<'a> {
    pub fn new(id: &'a str, uetr: &'a str, amount: &'a str) -> Self {
        Self { id, uetr, amount, from: IBAN_A, to: IBAN_B, day: "2026-01-05" }
    }

    pub fn pacs_008(&self) -> String {
        let Self { id, uetr, amount, from, to, day } = self;
        format!(
            r#"<?xml version="1.0" encoding="UTF-8"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08"><FIToFICstmrCdtTrf><GrpHdr><MsgId>{id}</MsgId><CreDtTm>2026-01-05T10:00:00+00:00</CreDtTm><NbOfTxs>1</NbOfTxs><SttlmInf><SttlmMtd>CLRG</SttlmMtd></SttlmInf></GrpHdr><CdtTrfTxInf><PmtId><InstrId>I-{id}</InstrId><EndToEndId>E-{id}</EndToEndId><UETR>{uetr}</UETR></PmtId><IntrBkSttlmAmt Ccy="EUR">{amount}</IntrBkSttlmAmt><IntrBkSttlmDt>{day}</IntrBkSttlmDt><ChrgBr>SLEV</ChrgBr><Dbtr><Nm>Anna Debtor</Nm></Dbtr><DbtrAcct><Id><IBAN>{from}</IBAN></Id></DbtrAcct><DbtrAgt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></DbtrAgt><CdtrAgt><FinInstnId><BICFI>BNPAFRPPXXX</BICFI></FinInstnId></CdtrAgt><Cdtr><Nm>Bruno Creditor</Nm></Cdtr><CdtrAcct><Id><IBAN>{to}</IBAN></Id></CdtrAcct><Purp><Cd>SALA</Cd></Purp><RmtInf><Ustrd>Invoice 7 &amp; 8</Ustrd></RmtInf></CdtTrfTxInf></FIToFICstmrCdtTrf></Document>"#
        )
    }
}

/// A bank's own transfer.
pub fn pacs_009(id: &str, uetr: &str, amount: &str) -> String {
    format!(
        r#"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.009.001.08"><FICdtTrf><GrpHdr><MsgId>{id}</MsgId><CreDtTm>2026-01-05T10:00:00+00:00</CreDtTm><NbOfTxs>1</NbOfTxs><SttlmInf><SttlmMtd>INDA</SttlmMtd></SttlmInf></GrpHdr><CdtTrfTxInf><PmtId><InstrId>I-{id}</InstrId><EndToEndId>E-{id}</EndToEndId><UETR>{uetr}</UETR></PmtId><IntrBkSttlmAmt Ccy="EUR">{amount}</IntrBkSttlmAmt><IntrBkSttlmDt>2026-01-05</IntrBkSttlmDt><Dbtr><FinInstnId><BICFI>COBADEFF</BICFI></FinInstnId></Dbtr><Cdtr><FinInstnId><BICFI>BNPAFRPPXXX</BICFI></FinInstnId></Cdtr></CdtTrfTxInf></FICdtTrf></Document>"#
    )
}

/// A customer's order; each item is an amount and an account.
pub fn pain_001(id: &str, items: &[(String, &str)]) -> String {
    let item = |(number, (amount, to)): (usize, &(String, &str))| {
        format!(
            r#"<CdtTrfTxInf><PmtId><EndToEndId>E-{number}</EndToEndId></PmtId><Amt><InstdAmt Ccy="EUR">{amount}</InstdAmt></Amt><Cdtr><Nm>Payee {number}</Nm></Cdtr><CdtrAcct><Id><IBAN>{to}</IBAN></Id></CdtrAcct><RmtInf><Ustrd>Salary {number}</Ustrd></RmtInf></CdtTrfTxInf>"#
        )
    };
    let texts: String = items.iter().enumerate().map(item).collect();
    format!(
        r#"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"><CstmrCdtTrfInitn><GrpHdr><MsgId>{id}</MsgId><CreDtTm>2026-01-05T10:00:00+00:00</CreDtTm><NbOfTxs>{}</NbOfTxs><InitgPty><Nm>Firm</Nm></InitgPty></GrpHdr><PmtInf><PmtInfId>P-{id}</PmtInfId><PmtMtd>TRF</PmtMtd><ReqdExctnDt><Dt>2026-01-05</Dt></ReqdExctnDt><Dbtr><Nm>Firm</Nm></Dbtr><DbtrAcct><Id><IBAN>{IBAN_A}</IBAN></Id></DbtrAcct><DbtrAgt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></DbtrAgt>{texts}</PmtInf></CstmrCdtTrfInitn></Document>"#,
        items.len()
    )
}

/// The payee pays back.
pub fn pacs_004(id: &str, uetr: &str, amount: &str) -> String {
    format!(
        r#"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.004.001.09"><PmtRtr><GrpHdr><MsgId>{id}</MsgId><CreDtTm>2026-01-05T10:00:00+00:00</CreDtTm><NbOfTxs>1</NbOfTxs><SttlmInf><SttlmMtd>CLRG</SttlmMtd></SttlmInf></GrpHdr><TxInf><RtrId>R-{id}</RtrId><OrgnlUETR>{uetr}</OrgnlUETR><RtrdIntrBkSttlmAmt Ccy="EUR">{amount}</RtrdIntrBkSttlmAmt><IntrBkSttlmDt>2026-01-05</IntrBkSttlmDt><RtrRsnInf><Rsn><Cd>AC04</Cd></Rsn></RtrRsnInf></TxInf></PmtRtr></Document>"#
    )
}

/// A request to cancel.
pub fn camt_056(id: &str, uetr: &str) -> String {
    format!(
        r#"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.056.001.08"><FIToFIPmtCxlReq><Assgnmt><Id>{id}</Id><Assgnr><Agt><FinInstnId><BICFI>COBADEFFXXX</BICFI></FinInstnId></Agt></Assgnr><Assgne><Agt><FinInstnId><BICFI>BNPAFRPPXXX</BICFI></FinInstnId></Agt></Assgne><CreDtTm>2026-01-05T10:00:00+00:00</CreDtTm></Assgnmt><Undrlyg><TxInf><CxlId>C-{id}</CxlId><OrgnlUETR>{uetr}</OrgnlUETR><CxlRsnInf><Rsn><Cd>DUPL</Cd></Rsn></CxlRsnInf></TxInf></Undrlyg></FIToFIPmtCxlReq></Document>"#
    )
}

/// A request for a status.
pub fn pacs_028(id: &str, uetr: &str) -> String {
    format!(
        r#"<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.028.001.03"><FIToFIPmtStsReq><GrpHdr><MsgId>{id}</MsgId><CreDtTm>2026-01-05T10:00:00+00:00</CreDtTm></GrpHdr><TxInf><StsReqId>S-{id}</StsReqId><OrgnlUETR>{uetr}</OrgnlUETR></TxInf></FIToFIPmtStsReq></Document>"#
    )
}
