#![allow(clippy::unwrap_used)]
use super::{
    network::Seen,
    report::Verdict::{self, Broken, CouldNotLook, Warning, Well},
    *,
};
use crate::{config::Config, node::vitals::Room};
use florin_types::{B256, GenesisNode, NodeRole};

/// A node of four whom all hear, in Prometheus' text.
const HEALTHY: &str = "\
florin_node_height_blocks 40
florin_node_known_height_blocks 40
florin_node_height_age_ms 300
florin_node_heartbeat_ms 700
florin_node_view_number 50
florin_node_committee_validators 4
florin_node_quorum_validators 3
florin_node_heard_validators 4
florin_node_validator_heard{validator=\"bank-a\"} 1
florin_node_validator_heard{validator=\"bank-b\"} 1
florin_node_validator_heard{validator=\"bank-c\"} 1
florin_node_validator_heard{validator=\"bank-d\"} 1
florin_node_validator_silent_ms{validator=\"bank-b\"} 200
florin_node_clock_ahead_ms{validator=\"bank-a\"} 0
florin_node_clock_ahead_ms{validator=\"bank-b\"} 40
florin_node_clock_ahead_ms{validator=\"bank-c\"} 60
florin_node_clock_ahead_ms{validator=\"bank-d\"} 20
florin_node_connected_peers 3
florin_node_known_peers 3
florin_node_refused_blocks_total 0
florin_node_failed_ceremonies_total 0
florin_node_epoch_blocks 0
florin_node_pool_pending_transactions 5
florin_node_pool_queued_transactions 1
florin_node_pool_size_bytes 600
florin_node_pool_room_transactions 100
florin_node_pool_room_bytes 10000
florin_rpc_head_height_blocks 40
florin_rpc_indexed_height_blocks 39
florin_history_lag_blocks 1
florin_history_failures_total 2
florin_machine_memory_size_bytes 1000000
florin_machine_disk_free_bytes 500000
florin_machine_disk_size_bytes 1000000
runtime_process_rss 1000
";

/// The healthy text with some lines in place of those that begin alike.
fn with(changes: &[&str]) -> String {
    let mut lines: Vec<String> = HEALTHY.lines().map(String::from).collect();
    for change in changes {
        let (name, _) = change.rsplit_once(' ').unwrap();
        lines.retain(|line| line.rsplit_once(' ').unwrap().0 != name);
        lines.push((*change).into());
    }
    lines.join("\n")
}

fn findings(before: &str, after: &str) -> Vec<Finding> {
    let (first, second) = (Sample::parse(before), Sample::parse(after));
    let node = |name: &str| GenesisNode {
        name: name.into(),
        public_key: B256::repeat_byte(7),
        address: format!("{name}.example:9000"),
        role: NodeRole::Validator,
    };
    let nodes = vec![node("bank-b"), node("bank-c")];
    Seen { first: &first, second: &second, seconds: 3, still_ms_max: 15_000, nodes }.findings(false)
}

fn find(findings: &[Finding], code: &str) -> Finding {
    findings.iter().find(|finding| finding.code == code).unwrap_or_else(|| panic!("{code}: {findings:?}")).clone()
}

/// Expects that a change of the healthy node gives this verdict, in these words, and nothing else that is worse than well.
fn expect(changes: &[&str], code: &str, verdict: Verdict, words: &[&str]) {
    let findings = findings(HEALTHY, &with(changes));
    let found = find(&findings, code);
    assert_eq!(found.verdict, verdict, "{found:?}");
    let said = format!("{} {}", found.seen, found.next.clone().unwrap_or_default());
    for word in words {
        assert!(said.contains(word), "{word:?} is not in {said:?}");
    }
    assert!(!found.rule.is_empty() && (verdict == Well || found.next.is_some()), "{found:?}");
}

#[test]
fn a_healthy_node_has_nothing_but_well() {
    let findings = findings(HEALTHY, HEALTHY);
    assert!(findings.iter().all(|finding| finding.verdict == Well), "{findings:?}");
    let report = Report::new("x".into(), findings);
    assert_eq!((report.verdict, report.broken().count()), (Well, 0));
}

#[test]
fn every_finding_is_of_a_check_in_the_list_and_every_check_of_the_network_is_made() {
    let findings = findings(HEALTHY, HEALTHY);
    for finding in &findings {
        assert!(CHECKS.iter().any(|check| check.code == finding.code), "{}", finding.code);
    }
    for check in of(Subject::Network) {
        find(&findings, check.code);
    }
    let text = reference();
    assert!(CHECKS.iter().all(|check| text.contains(&format!("| `{}` |", check.code))));
}

#[test]
fn a_node_that_tells_nothing_is_never_called_well() {
    for finding in findings("", "") {
        let silent_is_well = matches!(finding.code, "blocked_peers" | "history" | "settlement_queue");
        assert_eq!(finding.verdict == CouldNotLook, !silent_is_well, "{finding:?}");
    }
}

#[test]
fn a_lost_quorum_is_spelled_out() {
    let lost = [
        "florin_node_heard_validators 2",
        "florin_node_validator_heard{validator=\"bank-b\"} 0",
        "florin_node_validator_heard{validator=\"bank-c\"} 0",
        "florin_node_validator_silent_ms{validator=\"bank-b\"} 31000",
        "florin_node_height_age_ms 31000",
    ];
    let arithmetic = "4 validators, 3 needed, 2 heard: bank-b and bank-c are missing; one of them back is enough";
    expect(&lost, "quorum", Broken, &[arithmetic, "bank-b (bank-b.example:9000)"]);
    expect(&lost, "height", Broken, &["it last grew 31 s ago", "2, 3 must sign", "bank-b, bank-c"]);
    expect(&lost, "validators", Warning, &["bank-b (bank-b.example:9000): no vote for 31 s"]);
    let all_but_one = ["florin_node_heard_validators 1", "florin_node_validator_heard{validator=\"bank-b\"} 0"];
    expect(&all_but_one, "quorum", Broken, &["2 of them must come back"]);
}

#[test]
fn a_quorum_without_one_to_spare_is_a_warning() {
    let one = ["florin_node_heard_validators 3", "florin_node_validator_heard{validator=\"bank-d\"} 0"];
    expect(&one, "quorum", Warning, &["3 heard: bank-d is missing, and none to spare"]);
    expect(&one, "height", Well, &[]);
    let alone =
        ["florin_node_committee_validators 1", "florin_node_quorum_validators 1", "florin_node_heard_validators 1"];
    expect(&alone, "quorum", Well, &["0 to spare"]);
}

#[test]
fn a_height_that_stands_has_its_reason() {
    let old = "florin_node_height_age_ms 20000";
    expect(&[old, "florin_node_known_height_blocks 70"], "height", Broken, &["30 blocks behind"]);
    expect(&[old, "florin_node_view_number 60"], "height", Broken, &["leader after leader"]);
    expect(&[old], "height", Broken, &["nobody moves on"]);
    expect(&[old, "florin_node_clock_ahead_ms{validator=\"bank-b\"} -9000"], "height", Broken, &["Clocks differ"]);
    expect(&[old, "florin_node_heartbeat_ms 5000"], "height", Well, &["20000 ms ago"]);
    expect(&["florin_node_height_age_ms 15000"], "height", Well, &["0 more in 3 s"]);
}

#[test]
fn the_odd_clock_is_named() {
    let ahead = |name: &str, ms: i64| format!("florin_node_clock_ahead_ms{{validator=\"{name}\"}} {ms}");
    let (b, c, d) = (ahead("bank-b", -2_000), ahead("bank-c", -2_100), ahead("bank-d", -1_900));
    expect(&[&b], "clock_peers", Warning, &["this clock is 2.0 s behind that of bank-b"]);
    expect(&[&b, &c, &d], "clock_peers", Warning, &["this machine's clock is 2.0 s behind those of most"]);
    let (b, c, d) = (ahead("bank-b", 12_000), ahead("bank-c", 11_000), ahead("bank-d", 11_500));
    expect(&[&b, &c, &d], "clock_peers", Broken, &["this machine's clock is 11.5 s ahead of"]);
    let (b, c, d) = (ahead("bank-b", 2_000), ahead("bank-c", -2_000), ahead("bank-d", 2_000));
    expect(&[&b, &c, &d], "clock_peers", Warning, &["behind that of bank-c", "ahead of that of bank-b"]);
    expect(&[&ahead("bank-b", 999)], "clock_peers", Well, &[]);
}

#[test]
fn limits_of_the_other_checks_are_where_they_are_said_to_be() {
    expect(&["florin_node_known_height_blocks 59"], "lag", Well, &["19 final blocks"]);
    expect(&["florin_node_known_height_blocks 60"], "lag", Warning, &["20 final blocks", "0 came in 3 s"]);
    expect(&["florin_node_connected_peers 0"], "peers", Broken, &["0 of 3"]);
    expect(&["florin_node_connected_peers 0", "florin_node_known_peers 0"], "peers", Well, &[]);
    expect(&["florin_node_refused_blocks_total 1"], "refused_blocks", Warning, &["1 blocks"]);
    expect(&["florin_node_pool_pending_transactions 88"], "pool", Well, &[]);
    expect(&["florin_node_pool_pending_transactions 89"], "pool", Warning, &["89 transactions"]);
    expect(&["florin_node_pool_size_bytes 9000"], "pool", Warning, &["9.0 kB of 10.0 kB"]);
    expect(&["florin_rpc_head_height_blocks 138"], "index", Well, &["99 blocks"]);
    expect(
        &["florin_rpc_indexed_height_blocks -1", "florin_rpc_head_height_blocks 100"],
        "index",
        Warning,
        &["100 blocks"],
    );
    expect(&["florin_history_lag_blocks 99"], "history", Well, &["99 blocks", "2 times"]);
    expect(&["florin_history_lag_blocks 100"], "history", Warning, &["100 blocks"]);
    let fails = findings(HEALTHY, &with(&["florin_history_failures_total 3"]));
    assert_eq!(find(&fails, "history").verdict, Warning);
    expect(&["runtime_process_rss 900000"], "memory", Warning, &["900.0 kB of 1.0 MB"]);
    let blocked = format!("florin_network_tracker_directory_blocked{{peer=\"{}\"}} 1700", "07".repeat(32));
    expect(&[&blocked], "blocked_peers", Warning, &["bank-b"]);
}

#[test]
fn who_keeps_the_committee_from_changing_is_named() {
    let member =
        |name: &str, connected: u8| format!("florin_node_member_connected{{validator=\"{name}\"}} {connected}");
    expect(&[&member("bank-b", 0)], "members", Well, &["never changes"]);
    let (b, new, epochs) = (member("bank-b", 1), member("bank-new", 1), "florin_node_epoch_blocks 64");
    expect(&[&b, &new, epochs], "members", Well, &["all 2 are connected", "0 ceremonies failed"]);
    let (away, failed) = (member("bank-b", 0), "florin_node_failed_ceremonies_total 3");
    let words = ["1 of 2 not connected: bank-b (bank-b.example:9000)", "3 ceremonies failed", "changeValidators"];
    expect(&[&away, &new, failed, epochs], "members", Warning, &words);
}

#[test]
fn waiting_payments_are_told_as_business() {
    let labels = r#"{scheme="1",currency="DEUR",participant="bank B"}"#;
    let queued = |count: u32, wait_ms: u32| {
        with(&[
            &format!("florin_settlement_queued_instructions{labels} {count}"),
            &format!("florin_settlement_queued_amount{labels} 3200000"),
            &format!("florin_settlement_queued_wait_ms{labels} {wait_ms}"),
        ])
    };
    let verdict = |before: &str, after: &str| find(&findings(before, after), "settlement_queue");
    let told = verdict(&queued(14, 0), &queued(14, 4_000));
    assert_eq!((told.verdict, told.seen.as_str()), (Well, "bank B: 14 payments, 3200000 DEUR waiting for 4 s"));
    assert_eq!(verdict(&queued(14, 0), &queued(14, 600_001)).verdict, Warning);
    let grows = verdict(&queued(13, 0), &queued(14, 0));
    assert!(grows.verdict == Warning && grows.seen.ends_with("and it grows"), "{grows:?}");
}

#[test]
fn a_disk_is_judged_by_what_is_free_and_how_it_fills() {
    let judged =
        |free_bytes, growth| machine::disk_finding(Room { free_bytes, total_bytes: 1_000 }, 10, growth).verdict;
    assert_eq!(
        [judged(19, None), judged(20, None), judged(99, None), judged(100, None)],
        [Broken, Warning, Warning, Well]
    );
    assert_eq!([judged(500, Some(20.0)), judged(500, Some(10.0))], [Warning, Well]);
}

#[test]
fn ports_that_others_reach_are_named() {
    let finding = |text: &str| ports::finding(&Config::parse(text, "config.toml", std::iter::empty()).unwrap());
    assert_eq!(finding("").verdict, Well);
    let open = finding("[monitoring]\nlisten = \"0.0.0.0:9464\"");
    assert!(open.verdict == Warning && open.seen.contains("monitoring.listen = 0.0.0.0:9464"), "{open:?}");
    let open = finding("[rpc]\nlisten = \"[::]:8545\"\ncors_origins = [\"*\"]");
    assert!(open.seen.contains("rpc.listen = [::]:8545") && open.seen.contains("any web page"), "{open:?}");
    for closed in [
        "[rpc]\nenabled = false\nlisten = \"0.0.0.0:1\"",
        "[rpc]\nlisten = \"[::ffff:127.0.0.1]:1\"\ncors_origins = [\"*\"]",
    ] {
        assert_eq!(finding(closed).verdict, Well, "{closed}");
    }
}

#[test]
fn a_report_puts_the_worst_first_and_its_next_step() {
    let findings = vec![
        Finding::well("disk", "much"),
        Finding::not_seen("clock_sync", "no service"),
        Finding::broken("quorum", "2 heard", "start one"),
        Finding::warning("pool", "full", "wait"),
    ];
    let report = Report::new("/node".into(), findings);
    assert_eq!(report.broken().collect::<Vec<_>>(), ["quorum"]);
    let text = report.text();
    let place = |text: &str, part: &str| text.find(part).unwrap_or_else(|| panic!("{part} is not in {text}"));
    assert!(place(&text, "BROKEN quorum") < place(&text, "warning pool"), "{text}");
    assert!(place(&text, "next: start one") < place(&text, "not seen  clock_sync"), "{text}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!((json["verdict"].as_str(), json["findings"][0]["code"].as_str()), (Some("broken"), Some("quorum")));
}
