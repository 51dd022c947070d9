//! Generated references: ABI, layout and gas of every module, and the page that lists what modules offer.
//!
//! `cargo xtask generate` writes what [`references()`] returns, `cargo xtask check` compares, and so does a test here.
//! Changing a golden file is changing what consensus sees: it is a commit of its own.

use alloy_json_abi::{JsonAbi, Param};
use alloy_primitives::hex;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt::Write as _};

use crate::{
    CHANNEL_ADDRESS, ESCROW_ADDRESS, EXCHANGE_ADDRESS, FACTORY_ADDRESS, GOVERNANCE_ADDRESS, IDENTITY_ADDRESS,
    PAYMENT_ADDRESS, PERMISSION_ADDRESS, POLICY_ADDRESS, SETTLEMENT_ADDRESS, STAKING_ADDRESS, VOUCHER_ADDRESS, calls,
    channel, costs,
    errors::{Declaration, declarations},
    escrow, factory, fx, gas, governance, identity, payment, permission, policy, settlement,
    slots::TypeBook,
    staking, token, voucher,
};

const GOLDEN: &str = "crates/modules/src";
const PAGE: &str = "docs/reference/modules.md";
const COSTS: &str = "docs/reference/costs.md";
const SOLIDITY: &str = "docs/reference/solidity";

/// What the references say of one module.
struct Subject {
    folder: &'static str,
    title: &'static str,
    address: String,
    source: &'static str,
    layout: fn(&mut TypeBook) -> Vec<Value>,
}

fn subjects() -> [Subject; 13] {
    [
        Subject {
            folder: "token",
            title: "Token",
            address: "0xf101 followed by ten zero bytes and the token's index, from 1, in eight bytes".into(),
            source: token::SOURCE,
            layout: token::layout::Layout::members,
        },
        Subject {
            folder: "factory",
            title: "Token factory",
            address: FACTORY_ADDRESS.to_string(),
            source: factory::SOURCE,
            layout: factory::layout::Layout::members,
        },
        Subject {
            folder: "policy",
            title: "Policy registry",
            address: POLICY_ADDRESS.to_string(),
            source: policy::SOURCE,
            layout: policy::layout::Layout::members,
        },
        Subject {
            folder: "permission",
            title: "Permission registry",
            address: PERMISSION_ADDRESS.to_string(),
            source: permission::SOURCE,
            layout: permission::layout::Layout::members,
        },
        Subject {
            folder: "escrow",
            title: "Escrow",
            address: ESCROW_ADDRESS.to_string(),
            source: escrow::SOURCE,
            layout: escrow::layout::Layout::members,
        },
        Subject {
            folder: "channel",
            title: "Payment channels",
            address: CHANNEL_ADDRESS.to_string(),
            source: channel::SOURCE,
            layout: channel::layout::Layout::members,
        },
        Subject {
            folder: "fx",
            title: "Foreign exchange",
            address: EXCHANGE_ADDRESS.to_string(),
            source: fx::SOURCE,
            layout: fx::layout::Layout::members,
        },
        Subject {
            folder: "settlement",
            title: "Settlement",
            address: SETTLEMENT_ADDRESS.to_string(),
            source: settlement::SOURCE,
            layout: settlement::layout::Layout::members,
        },
        Subject {
            folder: "identity",
            title: "Identity registry",
            address: IDENTITY_ADDRESS.to_string(),
            source: identity::SOURCE,
            layout: identity::layout::Layout::members,
        },
        Subject {
            folder: "payment",
            title: "Payment",
            address: PAYMENT_ADDRESS.to_string(),
            source: payment::SOURCE,
            layout: payment::layout::Layout::members,
        },
        Subject {
            folder: "voucher",
            title: "Vouchers",
            address: VOUCHER_ADDRESS.to_string(),
            source: voucher::SOURCE,
            layout: voucher::layout::Layout::members,
        },
        Subject {
            folder: "governance",
            title: "Governance",
            address: GOVERNANCE_ADDRESS.to_string(),
            source: governance::SOURCE,
            layout: governance::layout::Layout::members,
        },
        Subject {
            folder: "staking",
            title: "Staking",
            address: STAKING_ADDRESS.to_string(),
            source: staking::SOURCE,
            layout: staking::layout::Layout::members,
        },
    ]
}

/// Every generated file: path from the root of the repository, and content.
pub fn references() -> Vec<(String, String)> {
    let mut gas = gas::tables();
    let mut files = Vec::new();
    for subject in subjects() {
        let path = |name: &str| format!("{GOLDEN}/{}/golden/{name}", subject.folder);
        files.push((path("abi.json"), abi_json(subject.source)));
        files.push((path("layout.json"), layout_json(&subject)));
        files.push((path("gas.txt"), gas.remove(subject.folder).unwrap_or_default()));
        files.push(solidity(subject.source));
    }
    files.push(solidity(calls::SOURCE));
    files.push((PAGE.into(), page()));
    files.push((COSTS.into(), costs::page()));
    files
}

/// Names of the functions of every module, by its folder; those that only read are left out.
pub(crate) fn functions() -> Vec<(&'static str, Vec<String>)> {
    let changes =
        |item: &Declaration| item.kind == "function" && !item.text.contains(" view ") && !item.text.contains(" pure ");
    let names = |subject: Subject| {
        let all = declarations(subject.source).into_iter().filter(changes).map(|item| item.name);
        (subject.folder, all.collect())
    };
    subjects().into_iter().map(names).collect()
}

/// An interface as a Solidity file, for contracts that call the module: the text between the braces of `sol!`.
fn solidity(source: &str) -> (String, String) {
    let mut text = String::from("// SPDX-License-Identifier: MIT OR Apache-2.0\npragma solidity >=0.8.4;\n\n");
    let mut name = "";
    let body = source.lines().skip_while(|line| *line != "sol! {").skip(1).take_while(|line| *line != "}");
    for line in body.map(|line| line.strip_prefix("    ").unwrap_or(line)) {
        if let Some(rest) = line.strip_prefix("interface ") {
            name = rest.trim_end_matches(" {");
        }
        if !line.starts_with("#[") {
            text.push_str(line);
            text.push('\n');
        }
    }
    (format!("{SOLIDITY}/{name}.sol"), text)
}

/// JSON ABI of an interface, by its source; with the errors that every module shares.
fn abi_json(source: &str) -> String {
    let items = expanded(source).into_iter().chain(expanded(calls::SOURCE));
    match parse(items) {
        Ok(mut abi) => {
            name_members(&mut abi, &structs(source));
            pretty(&json!(abi))
        }
        Err(error) => format!("the interface cannot be parsed: {error}\n"),
    }
}

/// Declarations with structs written out as tuples: the parser of the JSON ABI knows no names of structs.
fn expanded(source: &str) -> Vec<Declaration> {
    let structs = structs(source);
    let mut items = declarations(source);
    for item in &mut items {
        let words = item.text.split_inclusive(|character: char| !character.is_alphanumeric());
        item.text = words.map(|word| expand(word, &structs)).collect();
    }
    items
}

/// A word with the mark behind it; the tuple in its place if it names a struct.
fn expand(word: &str, structs: &[Struct]) -> String {
    let name = word.trim_end_matches(|character: char| !character.is_alphanumeric());
    let mark = word.strip_prefix(name).unwrap_or_default();
    let found = structs.iter().find(|item| item.name == name);
    found.map_or_else(|| word.to_owned(), |item| format!("({}){mark}", item.types().join(",")))
}

/// A struct of an interface: its members' types and names, one a line in the source.
struct Struct {
    name: String,
    members: Vec<(String, String)>,
}

impl Struct {
    fn types(&self) -> Vec<&str> {
        self.members.iter().map(|(kind, _)| kind.as_str()).collect()
    }
}

fn structs(source: &str) -> Vec<Struct> {
    let mut structs = Vec::new();
    let mut lines = source.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("struct ").and_then(|rest| rest.strip_suffix(" {")) else { continue };
        let members = lines.by_ref().take_while(|line| *line != "}").filter_map(|line| line.strip_suffix(';'));
        let members = members.filter_map(|line| line.split_once(' ')).map(|(kind, name)| (kind.into(), name.into()));
        structs.push(Struct { name: name.into(), members: members.collect() });
    }
    structs
}

/// Gives the members of structs in functions and events their names back.
fn name_members(abi: &mut JsonAbi, structs: &[Struct]) {
    for function in abi.functions.values_mut().flatten() {
        let params = function.inputs.iter_mut().chain(&mut function.outputs);
        params.for_each(|param| name_components(&mut param.components, structs));
    }
    for event in abi.events.values_mut().flatten() {
        event.inputs.iter_mut().for_each(|param| name_components(&mut param.components, structs));
    }
}

fn name_components(components: &mut [Param], structs: &[Struct]) {
    let types: Vec<&str> = components.iter().map(|member| member.ty.as_str()).collect();
    let Some(item) = structs.iter().find(|item| !types.is_empty() && item.types() == types) else { return };
    for (member, (_, name)) in components.iter_mut().zip(&item.members) {
        member.name.clone_from(name);
    }
}

fn parse(items: impl IntoIterator<Item = Declaration>) -> Result<JsonAbi, String> {
    let texts: Vec<String> = items.into_iter().map(|item| item.text).collect();
    JsonAbi::parse(texts.iter().map(String::as_str)).map_err(|error| error.to_string())
}

fn layout_json(subject: &Subject) -> String {
    let mut book: BTreeMap<String, Vec<Value>> = TypeBook::new();
    let storage = (subject.layout)(&mut book);
    pretty(&json!({ "storage": storage, "types": book }))
}

fn pretty(value: &Value) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// The page: every function, event and error with its selector and comment.
fn page() -> String {
    let mut page = String::from(
        "# Native modules\n\nGenerated from `crates/modules/src/*/abi.rs` by `cargo xtask generate`; do not edit.\n",
    );
    for subject in subjects() {
        let _ = write!(page, "\n## {}\n\nAddress: {}\n", subject.title, subject.address);
        tables(&mut page, subject.source);
        struct_table(&mut page, subject.source);
    }
    page.push_str("\n## Errors that every module shares\n");
    tables(&mut page, calls::SOURCE);
    page
}

fn tables(page: &mut String, source: &str) {
    for (kind, title, identity) in
        [("function", "Functions", "selector"), ("event", "Events", "topic 0"), ("error", "Errors", "selector")]
    {
        let items: Vec<_> = declarations(source).into_iter().filter(|item| item.kind == kind).collect();
        if items.is_empty() {
            continue;
        }
        let _ = write!(page, "\n### {title}\n\n| {identity} | declaration | meaning |\n|---|---|---|\n");
        let expanded: Vec<_> = expanded(source).into_iter().filter(|item| item.kind == kind).collect();
        for (item, expanded) in items.into_iter().zip(expanded) {
            let declaration = item.text.strip_prefix(kind).unwrap_or_default().trim().to_owned();
            let comment = item.comment.clone();
            let _ = writeln!(page, "| `{}` | `{declaration}` | {comment} |", selector(expanded));
        }
    }
}

/// Structs that functions of an interface take or give.
fn struct_table(page: &mut String, source: &str) {
    let structs = structs(source);
    if structs.is_empty() {
        return;
    }
    page.push_str("\n### Structs\n\n| struct | members |\n|---|---|\n");
    for item in structs {
        let members: Vec<String> = item.members.iter().map(|(kind, name)| format!("{kind} {name}")).collect();
        let _ = writeln!(page, "| `{}` | `{}` |", item.name, members.join("; "));
    }
}

/// Selector of a function or error, first topic of an event.
fn selector(item: Declaration) -> String {
    let Ok(abi) = parse([item]) else { return String::new() };
    let function = abi.functions().next().map(|item| hex::encode_prefixed(item.selector()));
    let event = abi.events().next().map(|item| item.selector().to_string());
    let error = abi.errors().next().map(|item| hex::encode_prefixed(item.selector()));
    function.or(event).or(error).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_sol_types::SolInterface;
    use std::path::Path;

    /// Every golden file is what the code gives. `FLORIN_GENERATE=1` writes them instead.
    #[test]
    fn golden_files_are_current() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (path, content) in references() {
            let file = root.join(&path);
            if std::env::var_os("FLORIN_GENERATE").is_some() {
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(&file, &content).unwrap();
            }
            let found = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(found == content, "{path} is not current: run `cargo xtask generate` and look at the change");
        }
    }

    /// The JSON ABI and the code that decodes calls come from the same text; this holds the two parsers together.
    #[test]
    fn the_json_abi_names_the_selectors_that_are_decoded() {
        fn check<Calls: SolInterface, Errors: SolInterface>(source: &str) {
            let abi = parse(expanded(source)).unwrap();
            let functions: Vec<_> = abi.functions().map(|item| item.selector().0).collect();
            assert_eq!(functions.len(), Calls::COUNT);
            assert!(functions.iter().all(|selector| Calls::valid_selector(*selector)));
            let errors: Vec<_> = abi.errors().map(|item| item.selector().0).collect();
            assert_eq!(errors.len(), Errors::COUNT);
            assert!(errors.iter().all(|selector| Errors::valid_selector(*selector)));
        }
        check::<token::IToken::ITokenCalls, token::IToken::ITokenErrors>(token::SOURCE);
        check::<policy::IPolicy::IPolicyCalls, policy::IPolicy::IPolicyErrors>(policy::SOURCE);
        check::<permission::IPermission::IPermissionCalls, permission::IPermission::IPermissionErrors>(
            permission::SOURCE,
        );
        check::<factory::IFactory::IFactoryCalls, factory::IFactory::IFactoryErrors>(factory::SOURCE);
        check::<escrow::IEscrow::IEscrowCalls, escrow::IEscrow::IEscrowErrors>(escrow::SOURCE);
        check::<channel::IChannel::IChannelCalls, channel::IChannel::IChannelErrors>(channel::SOURCE);
        check::<fx::IExchange::IExchangeCalls, fx::IExchange::IExchangeErrors>(fx::SOURCE);
        check::<settlement::ISettlement::ISettlementCalls, settlement::ISettlement::ISettlementErrors>(
            settlement::SOURCE,
        );
        check::<identity::IIdentity::IIdentityCalls, identity::IIdentity::IIdentityErrors>(identity::SOURCE);
        check::<payment::IPayment::IPaymentCalls, payment::IPayment::IPaymentErrors>(payment::SOURCE);
        check::<voucher::IVoucher::IVoucherCalls, voucher::IVoucher::IVoucherErrors>(voucher::SOURCE);
        check::<governance::IGovernance::IGovernanceCalls, governance::IGovernance::IGovernanceErrors>(
            governance::SOURCE,
        );
        check::<staking::IStaking::IStakingCalls, staking::IStaking::IStakingErrors>(staking::SOURCE);
    }
}
