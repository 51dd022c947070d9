//! Scenarios of permissions, nodes and quotas.

use super::{IPermission::*, *};
use crate::{
    PERMISSION_ADDRESS,
    testing::{ADMIN, GOVERNOR, Ledger, account, registered_key as node, units, world},
};
use alloy_primitives::{Address, B256};
use florin_types::{Access, GasQuota, NodeRole};

const TO: Address = PERMISSION_ADDRESS;
const TRANSACT: u8 = 0;
const DEPLOY: u8 = 1;
const CONNECT: u8 = 2;
const OPEN: u8 = 0;
const LISTED: u8 = 1;
const ROLE: u8 = 2;

fn transacts(ledger: &mut Ledger, who: Address) -> bool {
    ledger.ok(account(9), TO, mayTransactCall { account: who })
}

fn deploys(ledger: &mut Ledger, who: Address) -> bool {
    ledger.ok(account(9), TO, mayDeployCall { account: who })
}

fn connects(ledger: &mut Ledger, key: u8) -> bool {
    ledger.ok(account(9), TO, mayConnectCall { publicKey: node(key) })
}

fn set_access(ledger: &mut Ledger, capability: u8, access: u8, roles: u64) {
    ledger.ok(GOVERNOR, TO, setAccessCall { capability, access, roles });
}

#[test]
fn genesis_lists_are_in_force() {
    let mut ledger = world();
    assert!(transacts(&mut ledger, account(1)) && !transacts(&mut ledger, account(3)));
    assert!(deploys(&mut ledger, ADMIN) && !deploys(&mut ledger, account(1)));
    assert!(!transacts(&mut ledger, ADMIN), "the right to deploy is not the right to transact");
    let access = ledger.ok(account(1), TO, accessOfCall { capability: TRANSACT });
    assert_eq!((access.access, access.roles), (LISTED, ROLE_PARTICIPANT));
}

#[test]
fn each_mode_asks_for_its_own() {
    let mut ledger = world();
    let (listed, holder, nobody) = (account(1), account(3), account(4));
    ledger.ok(GOVERNOR, TO, setRolesCall { account: holder, roles: 1 << 40 });
    let ask = |ledger: &mut Ledger| [listed, holder, nobody].map(|who| transacts(ledger, who));
    assert_eq!(ask(&mut ledger), [true, false, false]);
    set_access(&mut ledger, TRANSACT, ROLE, 1 << 40 | 1);
    assert_eq!(ask(&mut ledger), [false, true, false]);
    set_access(&mut ledger, TRANSACT, ROLE, 0);
    assert_eq!(ask(&mut ledger), [false, false, false], "no role suffices");
    set_access(&mut ledger, TRANSACT, OPEN, 0);
    assert_eq!(ask(&mut ledger), [true, true, true]);
    assert!(!deploys(&mut ledger, nobody), "capabilities are apart");
}

#[test]
fn lists_change_by_batch_and_say_what_changed() {
    let mut ledger = world();
    let call = |listed| setListedCall { capability: DEPLOY, accounts: vec![account(3), account(4)], listed };
    ledger.ok(GOVERNOR, TO, call(true));
    let event = ListingChanged { capability: DEPLOY, account: account(4), listed: true };
    assert_eq!(ledger.last_event::<ListingChanged>().1, event);
    assert!(deploys(&mut ledger, account(3)) && deploys(&mut ledger, account(4)));
    let events = ledger.storage.logs.len();
    ledger.ok(GOVERNOR, TO, call(true));
    assert_eq!(ledger.storage.logs.len(), events);
    ledger.ok(GOVERNOR, TO, call(false));
    assert!(!deploys(&mut ledger, account(3)));
    assert!(ledger.ok(account(1), TO, isListedCall { capability: TRANSACT, account: account(1) }));
}

#[test]
fn every_change_needs_the_admin_first() {
    let mut ledger = world();
    let stranger = account(1);
    let error = || AdminRequired { caller: stranger, admin: GOVERNOR };
    let key = B256::ZERO;
    let (name, endpoint) = (String::new(), String::new());
    ledger.reverts(stranger, TO, proposeAdminCall { newAdmin: TO }, error());
    ledger.reverts(stranger, TO, setAccessCall { capability: 9, access: 9, roles: 0 }, error());
    ledger.reverts(stranger, TO, setListedCall { capability: 9, accounts: vec![stranger; 257], listed: true }, error());
    ledger.reverts(stranger, TO, setRolesCall { account: stranger, roles: 1 }, error());
    let call = addNodeCall { publicKey: key, name: name.clone(), endpoint: endpoint.clone() };
    ledger.reverts(stranger, TO, call, error());
    ledger.reverts(stranger, TO, updateNodeCall { publicKey: key, name, endpoint }, error());
    ledger.reverts(stranger, TO, removeNodeCall { publicKey: key }, error());
}

#[test]
fn wrong_values_are_named_in_order() {
    let mut ledger = world();
    let call = setAccessCall { capability: 3, access: 3, roles: 0 };
    ledger.reverts(GOVERNOR, TO, call, CapabilityUnknown { capability: 3 });
    ledger.reverts(
        GOVERNOR,
        TO,
        setAccessCall { capability: CONNECT, access: 3, roles: 0 },
        AccessUnknown { access: 3 },
    );
    let call = setListedCall { capability: CONNECT, accounts: vec![account(1); 257], listed: true };
    ledger.reverts(GOVERNOR, TO, call, CapabilityUnknown { capability: CONNECT });
    let call = setListedCall { capability: DEPLOY, accounts: vec![account(1); 257], listed: true };
    ledger.reverts(GOVERNOR, TO, call, BatchTooLarge { length: units(257), lengthMax: units(256) });
    let error = CapabilityUnknown { capability: CONNECT };
    ledger.reverts(account(1), TO, isListedCall { capability: CONNECT, account: account(1) }, error);
}

/// Nobody can lock the network out of its own permissions.
#[test]
fn the_admin_always_transacts() {
    let mut ledger = world();
    set_access(&mut ledger, TRANSACT, LISTED, 0);
    ledger.ok(
        GOVERNOR,
        TO,
        setListedCall { capability: TRANSACT, accounts: vec![GOVERNOR, account(1), account(2)], listed: false },
    );
    assert!(transacts(&mut ledger, GOVERNOR) && !transacts(&mut ledger, account(1)));
    set_access(&mut ledger, TRANSACT, ROLE, 0);
    assert!(transacts(&mut ledger, GOVERNOR));
    assert!(!deploys(&mut ledger, GOVERNOR), "governing is not deploying");
}

#[test]
fn the_government_changes_hands_in_two_steps() {
    let mut ledger = world();
    let heir = account(7);
    let not_offered = |caller, pending| AdminNotProposed { caller, pendingAdmin: pending };
    ledger.reverts(heir, TO, acceptAdminCall {}, not_offered(heir, Address::ZERO));
    ledger.reverts(Address::ZERO, TO, acceptAdminCall {}, not_offered(Address::ZERO, Address::ZERO));
    ledger.reverts(GOVERNOR, TO, proposeAdminCall { newAdmin: TO }, AdminInvalid { admin: TO });
    ledger.ok(GOVERNOR, TO, proposeAdminCall { newAdmin: heir });
    assert_eq!(ledger.ok(heir, TO, pendingAdminCall {}), heir);
    assert_eq!(ledger.ok(heir, TO, adminCall {}), GOVERNOR, "an offer changes nothing yet");
    ledger.ok(GOVERNOR, TO, proposeAdminCall { newAdmin: Address::ZERO });
    ledger.reverts(heir, TO, acceptAdminCall {}, not_offered(heir, Address::ZERO));
    ledger.ok(GOVERNOR, TO, proposeAdminCall { newAdmin: heir });
    ledger.ok(heir, TO, acceptAdminCall {});
    assert_eq!(ledger.last_event::<AdminChanged>().1, AdminChanged { previousAdmin: GOVERNOR, newAdmin: heir });
    assert!(transacts(&mut ledger, heir) && !transacts(&mut ledger, GOVERNOR));
    let call = setRolesCall { account: heir, roles: 0 };
    ledger.reverts(GOVERNOR, TO, call, AdminRequired { caller: GOVERNOR, admin: heir });
}

// ----- nodes ---------------------------------------------------------------------------------------------------------

#[test]
fn genesis_nodes_are_registered_in_order() {
    let mut ledger = world();
    let nodes = ledger.run(account(9), nodes).unwrap();
    let keys: Vec<u8> = nodes.iter().map(|node| node.public_key[0]).collect();
    assert_eq!(keys, [1, 2, 3, 4, 5]);
    assert_eq!((nodes[0].name.as_str(), nodes[0].endpoint.as_str()), ("Bank 1", "bank1.example:9000"));
    assert_eq!((nodes[3].role, nodes[4].role), (NodeRole::Validator, NodeRole::Follower));
    assert_eq!(ledger.ok(account(9), TO, nodeCountCall {}), 5);
    let row = ledger.ok(account(9), TO, nodeAtCall { index: 4 });
    assert_eq!((row.publicKey[0], row.name.as_str(), row.role), (5, "Bank 5", 2));
    let none = ledger.ok(account(9), TO, nodeAtCall { index: 5 });
    assert_eq!((none.publicKey, none.name.as_str(), none.role), (B256::ZERO, "", 0));
}

#[test]
fn followers_come_and_go_and_the_list_stays_whole() {
    let mut ledger = world();
    let add = |key: u8| addNodeCall {
        publicKey: node(key),
        name: format!("Node {key} with a name that is longer than one word of storage"),
        endpoint: "node.example:1".into(),
    };
    for key in 6..=9 {
        ledger.ok(GOVERNOR, TO, add(key));
    }
    let full = ledger.storage.slots.len();
    ledger.reverts(GOVERNOR, TO, add(6), NodeExists { publicKey: node(6) });
    for key in [6, 9, 5, 8] {
        ledger.ok(GOVERNOR, TO, removeNodeCall { publicKey: node(key) });
        assert_eq!(ledger.run(account(9), invariants::check).unwrap(), [], "after removing {key}");
    }
    let keys: Vec<B256> = ledger.run(account(9), nodes).unwrap().iter().map(|node| node.public_key).collect();
    assert_eq!(keys, [1, 2, 3, 4, 7].map(node));
    let gone = node(6);
    ledger.reverts(GOVERNOR, TO, removeNodeCall { publicKey: gone }, NodeUnknown { publicKey: gone });
    assert!(ledger.storage.slots.len() < full, "removed nodes leave nothing behind");
    ledger.ok(GOVERNOR, TO, add(6));
}

#[test]
fn a_validator_s_place_is_not_for_the_admin_to_take() {
    let mut ledger = world();
    let key = node(2);
    ledger.reverts(GOVERNOR, TO, removeNodeCall { publicKey: key }, NodeIsValidator { publicKey: key });
    ledger.ok(
        GOVERNOR,
        TO,
        updateNodeCall { publicKey: key, name: "Bank II".into(), endpoint: "new.example:1".into() },
    );
    let node = ledger.ok(account(9), TO, getNodeCall { publicKey: key });
    assert_eq!((node.name.as_str(), node.endpoint.as_str(), node.role), ("Bank II", "new.example:1", 1));
}

#[test]
fn registered_nodes_connect_by_mode_and_validators_always() {
    let mut ledger = world();
    let ask = |ledger: &mut Ledger| [1, 5, 99].map(|key| connects(ledger, key));
    assert_eq!(ask(&mut ledger), [true, true, false]);
    for (roles, follower) in [(0, false), (1, false), (2, true), (3, true)] {
        set_access(&mut ledger, CONNECT, ROLE, roles);
        assert_eq!(ask(&mut ledger), [true, follower, false], "roles {roles}");
    }
    set_access(&mut ledger, CONNECT, OPEN, 0);
    assert_eq!(ask(&mut ledger), [true, true, false], "nothing is known of a node that nobody registered");
}

#[test]
fn by_role_all_nodes_of_genesis_connect_at_first() {
    let mut file = crate::testing::genesis_file();
    file.connect = Access::Role;
    let mut ledger = world();
    ledger.storage.slots = crate::genesis(&file).unwrap().slots;
    assert_eq!([1, 5, 99].map(|key| connects(&mut ledger, key)), [true, true, false]);
    assert_eq!(ledger.ok(account(9), TO, accessOfCall { capability: CONNECT }).roles, 3);
}

fn add(key: u8) -> addNodeCall {
    addNodeCall { publicKey: node(key), name: format!("Node {key}"), endpoint: "node.example:1".into() }
}

fn remove(key: u8) -> removeNodeCall {
    removeNodeCall { publicKey: node(key) }
}

#[test]
fn where_connecting_is_open_who_may_transact_registers_one_node() {
    let mut ledger = world();
    let (member, other, stranger) = (account(1), account(2), account(3));
    let refused = |caller| AdminRequired { caller, admin: GOVERNOR };
    for access in [LISTED, ROLE] {
        set_access(&mut ledger, CONNECT, access, 3);
        ledger.reverts(member, TO, add(9), refused(member));
    }
    set_access(&mut ledger, CONNECT, OPEN, 0);
    ledger.reverts(stranger, TO, add(9), refused(stranger));
    ledger.ok(member, TO, add(9));
    assert!(connects(&mut ledger, 9));
    ledger.reverts(member, TO, add(10), NodeOwned { owner: member });
    ledger.reverts(other, TO, add(9), NodeExists { publicKey: node(9) });
    ledger.ok(other, TO, add(10));
    // The admin's are the network's, any number of them.
    for key in 11..14 {
        ledger.ok(GOVERNOR, TO, add(key));
    }
    assert!(transacts(&mut ledger, member), "what is noted of an account leaves its rights alone");
    assert_eq!(ledger.run(account(9), invariants::check).unwrap(), []);
}

#[test]
fn who_registered_a_node_removes_it_and_nobody_else_s() {
    let mut ledger = world();
    set_access(&mut ledger, CONNECT, OPEN, 0);
    let (member, other) = (account(1), account(2));
    let refused = |caller| AdminRequired { caller, admin: GOVERNOR };
    ledger.ok(member, TO, add(9));
    ledger.ok(other, TO, add(10));
    for key in [1, 5, 10, 77] {
        ledger.reverts(member, TO, remove(key), refused(member));
    }
    let rename = updateNodeCall { publicKey: node(9), name: "n".into(), endpoint: "e:1".into() };
    ledger.reverts(member, TO, rename, refused(member));
    ledger.ok(member, TO, remove(9));
    assert!(!connects(&mut ledger, 9));
    ledger.ok(member, TO, add(11));
    // The admin takes a node away, and its owner may bring another; closing takes nobody's right to leave.
    ledger.ok(GOVERNOR, TO, remove(11));
    ledger.ok(member, TO, add(12));
    set_access(&mut ledger, CONNECT, LISTED, 0);
    assert!(connects(&mut ledger, 12));
    ledger.ok(member, TO, remove(12));
    assert_eq!(ledger.run(account(9), invariants::check).unwrap(), []);
}

#[test]
fn the_registry_is_bounded() {
    let mut ledger = world();
    let add = |name: String, endpoint: String, key: B256| addNodeCall { publicKey: key, name, endpoint };
    let error = |key: B256, name: u128, endpoint: u128| NodeInvalid {
        publicKey: key,
        nameLength: units(name),
        endpointLength: units(endpoint),
        lengthMax: units(255),
    };
    let longest = format!("{}:1", &vec!["a".repeat(63); 4].join(".")[..253]);
    ledger.reverts(GOVERNOR, TO, add("n".into(), "e:1".into(), B256::ZERO), error(B256::ZERO, 1, 3));
    ledger.reverts(GOVERNOR, TO, add(String::new(), "e:1".into(), node(10)), error(node(10), 0, 3));
    ledger.reverts(GOVERNOR, TO, add("n".into(), "e".repeat(256), node(10)), error(node(10), 1, 256));
    ledger.ok(GOVERNOR, TO, add("n".repeat(255), longest, node(10)));
    for number in 11..=132 {
        ledger.ok(GOVERNOR, TO, add("n".into(), "e:1".into(), node(number)));
    }
    ledger.reverts(GOVERNOR, TO, add("n".into(), "e:1".into(), node(133)), NodesFull { nodesMax: units(128) });
}

/// Half of all texts of 32 bytes are no point of the curve. No engine could read a list with such a key, which a bond or a
/// vote would put there.
#[test]
fn a_key_that_no_node_can_have_is_not_registered() {
    let mut ledger = world();
    let mut refused = 0;
    for number in 6..=205 {
        let public_key = B256::repeat_byte(number);
        let call = addNodeCall { publicKey: public_key, name: "n".into(), endpoint: "e:1".into() };
        if florin_types::is_node_key(&public_key) {
            ledger.ok(GOVERNOR, TO, call);
            ledger.ok(GOVERNOR, TO, removeNodeCall { publicKey: public_key });
        } else {
            ledger.reverts(GOVERNOR, TO, call, NodeKeyInvalid { publicKey: public_key });
            refused += 1;
        }
    }
    assert!((60..140).contains(&refused), "{refused}");
    // The base point (RFC 8032, 5.1).
    let mut base = B256::repeat_byte(0x66);
    base[0] = 0x58;
    assert!(florin_types::is_node_key(&base));
}

/// An address that nobody can dial would leave the node without connections.
#[test]
fn an_endpoint_is_a_host_and_a_port() {
    let mut ledger = world();
    let key = node(1);
    let update = |endpoint: &str| updateNodeCall { publicKey: key, name: "Bank A".into(), endpoint: endpoint.into() };
    let label = "a".repeat(64);
    let wrong = [
        "bank-a.example",
        "bank-a.example:",
        ":9000",
        "bank-a.example:0",
        "bank-a.example:09000",
        "bank-a.example:65536",
        "bank-a.example:+1",
        "bank-a.example:9000 ",
        "bank a.example:9000",
        "-a.example:1",
        "a-.example:1",
        "a..b:1",
        "a.:1",
        "bänk.example:1",
        "http://a.example:1",
        "2001:db8::1:9000x",
        "[2001:db8::1]",
        "[]:1",
        "[::1%eth0]:1",
        &format!("{label}:1"),
    ];
    for endpoint in wrong {
        let error = EndpointInvalid { publicKey: key, endpoint: endpoint.into() };
        ledger.reverts(GOVERNOR, TO, update(endpoint), error);
    }
    let call = addNodeCall { publicKey: node(9), name: "n".into(), endpoint: "a.example".into() };
    let error = EndpointInvalid { publicKey: node(9), endpoint: "a.example".into() };
    ledger.reverts(GOVERNOR, TO, call, error);
    for endpoint in ["bank-a.example:9000", "localhost:1", "10.0.0.1:65535", "[2001:db8::1]:9000", "1a.Example:80"] {
        ledger.ok(GOVERNOR, TO, update(endpoint));
    }
}

#[test]
fn invariants_notice_what_they_name() {
    let names = |ledger: &mut Ledger| -> Vec<&'static str> {
        let violations = ledger.run(account(9), invariants::check).unwrap();
        violations.iter().map(|violation| violation.invariant).collect()
    };
    let lay = layout::layout();
    let mut ledger = world();
    ledger.run(GOVERNOR, |context| lay.settings.write(context, layout::Settings::default())).unwrap();
    assert_eq!(names(&mut ledger), ["permission.admin_exists"]);
    let mut ledger = world();
    ledger.run(GOVERNOR, |context| lay.node_keys.push(context, node(77))).unwrap();
    assert_eq!(names(&mut ledger), ["permission.nodes_registered"]);
    let mut ledger = world();
    let record = lay.nodes.of(&node(3)).record;
    ledger
        .run(GOVERNOR, |context| record.write(context, layout::NodeRecord { role: 1, ..Default::default() }))
        .unwrap();
    assert_eq!(names(&mut ledger), ["permission.node_index"]);
    let mut ledger = world();
    let record = lay.nodes.of(&node(5)).record;
    let owned = layout::NodeRecord { role: 2, index: 4, owner: account(1), was_ready: false };
    ledger.run(GOVERNOR, |context| record.write(context, owned)).unwrap();
    assert_eq!(names(&mut ledger), ["permission.node_owner"]);
}

// ----- quotas --------------------------------------------------------------------------------------------------------

#[test]
fn a_quota_fills_within_a_period_and_starts_anew_with_the_next() {
    let mut ledger = world();
    ledger.rules.gas_quota = Some(GasQuota { gas_per_period: 1_000, period_ms: 60_000 });
    ledger.timestamp_ms = 60_000 * 7 + 59_999;
    let sender = account(1);
    let remaining_of = |ledger: &mut Ledger, who| {
        let usage = ledger.run(sender, |context| quota::usage(context, who)).unwrap().unwrap();
        usage.gas_max.saturating_sub(usage.gas_used)
    };
    let remaining = |ledger: &mut Ledger| remaining_of(ledger, sender);
    let charge = |ledger: &mut Ledger, gas| ledger.run(sender, |context| quota::charge(context, sender, gas)).unwrap();
    assert_eq!(remaining(&mut ledger), 1_000);
    charge(&mut ledger, 300);
    charge(&mut ledger, 600);
    assert_eq!(remaining(&mut ledger), 100);
    let quota = ledger.ok(sender, TO, quotaOfCall { account: sender });
    assert_eq!((quota.gasMax, quota.gasUsed, quota.periodEndMs), (1_000, 900, 480_000));
    charge(&mut ledger, u64::MAX);
    assert_eq!(remaining(&mut ledger), 0, "a count beyond the end does not wrap");
    assert!(transacts(&mut ledger, sender), "the count shares its slot with rights and leaves them alone");
    ledger.timestamp_ms += 1;
    assert_eq!(remaining(&mut ledger), 1_000);
    charge(&mut ledger, 1);
    assert_eq!(remaining(&mut ledger), 999);
    assert_eq!(remaining_of(&mut ledger, account(2)), 1_000, "senders are apart");
}

#[test]
fn without_a_quota_nothing_is_counted() {
    let mut ledger = world();
    ledger.rules.gas_quota = None;
    let before = ledger.storage.slots.clone();
    let sender = account(1);
    ledger.run(sender, |context| quota::charge(context, sender, 5)).unwrap();
    assert_eq!(ledger.run(sender, |context| quota::usage(context, sender)).unwrap(), None);
    let quota = ledger.ok(sender, TO, quotaOfCall { account: sender });
    assert_eq!((quota.gasMax, quota.gasUsed, quota.periodEndMs), (0, 0, 0));
    assert_eq!(ledger.storage.slots, before);
}

#[test]
fn access_by_role_at_genesis_gives_the_listed_their_roles() {
    let mut file = crate::testing::genesis_file();
    (file.transact, file.deploy) = (Access::Role, Access::Role);
    let mut ledger = world();
    ledger.storage.slots = crate::genesis(&file).unwrap().slots;
    assert!(transacts(&mut ledger, account(1)) && !transacts(&mut ledger, account(3)));
    assert!(deploys(&mut ledger, ADMIN) && !deploys(&mut ledger, account(1)));
    assert_eq!(ledger.ok(account(1), TO, rolesOfCall { account: ADMIN }), ROLE_DEVELOPER);
}
