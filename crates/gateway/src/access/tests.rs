//! Callers by key, and the table of rights.

use super::*;

const ANNA: &str = "a key of anna that nobody else knows";
const BERT: &str = "a key of bert that nobody else knows";

fn access() -> Access {
    let tenant = |name: &str, keys| Tenant { name: name.into(), keys, ..Tenant::default() };
    let bank_a = tenant("bank-a", vec![Key::new("anna", [Role::Maker, Role::Auditor], ANNA)]);
    let bank_b = tenant("bank-b", vec![Key::new("bert", [Role::Checker], BERT)]);
    Access::new(vec![bank_a, bank_b], None).unwrap()
}

#[tokio::test]
async fn a_key_is_its_caller_and_nothing_else_is_anybody() {
    let access = access();
    let anna = access.recognise(Some(&format!("Bearer {ANNA}"))).await.unwrap();
    assert_eq!((anna.tenant.as_str(), anna.name.as_str()), ("bank-a", "anna"));
    assert_eq!(anna.roles_text(), "maker auditor");
    assert_eq!(access.recognise(Some(&format!("Bearer {BERT}"))).await.unwrap().tenant, "bank-b");
    assert_eq!(access.recognise(None).await, Err(Stranger::Silent));
    let long = format!("Bearer {}", "x".repeat(CREDENTIAL_BYTES_MAX + 1));
    let shorter = format!("Bearer {}", &ANNA[1..]);
    for wrong in ["", "Bearer", "Bearer ", ANNA, "Basic YTpi", "Bearer a.b.c", &long, &shorter, "Bearer \u{0}"] {
        assert!(matches!(access.recognise(Some(wrong)).await, Err(Stranger::Unknown(_))), "{wrong:?}");
    }
    // Neither a key nor its hash is in what is printed of it for people.
    assert!(!format!("{:?}", Stranger::Unknown(String::new())).contains(ANNA));
    assert!(!format!("{access:?}").contains(ANNA));
}

#[test]
fn every_route_is_there_once_and_a_route_that_is_not_there_is_nobodys() {
    for (place, route) in ROUTES.iter().enumerate() {
        assert_eq!(right_of(route.method, route.path), Some(route.right));
        assert!(!ROUTES[..place].iter().any(|other| (other.method, other.path) == (route.method, route.path)));
    }
    assert_eq!(right_of("HEAD", "/v1/notifications"), Some(Right::Accounts));
    for (method, path) in
        [("DELETE", "/v1/messages"), ("GET", "/v1/messages"), ("GET", ""), ("get", "/v1/notifications")]
    {
        assert_eq!(right_of(method, path), None, "{method} {path}");
    }
}

/// The table of specs/gateway.md is the code's.
#[test]
fn the_specification_has_the_table() {
    let page = include_str!("../../../../specs/gateway.md");
    for right in [Right::Order, Right::Track, Right::Accounts, Right::Waiting, Right::Decide, Right::Audit] {
        let roles: Vec<&str> = Role::ALL.into_iter().filter(|role| role.gives(right)).map(Role::name).collect();
        let roles = if roles.len() == Role::ALL.len() { "every role".to_owned() } else { roles.join(", ") };
        let routes = ROUTES.iter().filter(|route| route.right == right);
        let routes: Vec<String> = routes.map(|route| format!("`{} {}`", route.method, route.path)).collect();
        if !routes.is_empty() {
            let row = format!("| `{right:?}` | {} | {roles} |", routes.join(", "));
            assert!(page.contains(&row), "specs/gateway.md has no row:\n{row}");
        }
    }
}

#[test]
fn nobody_who_makes_orders_decides_by_the_same_role() {
    for role in Role::ALL {
        assert_eq!(Role::from_name(role.name()), Some(role));
        assert!(!(role.gives(Right::Order) && role.gives(Right::Decide)), "{role}");
    }
    assert_eq!(Role::from_name("Maker"), None);
    for role in [Role::Auditor, Role::ReadOnly, Role::Treasurer] {
        assert!(!role.gives(Right::Order) && !role.gives(Right::Decide), "{role} changes nothing");
    }
}

#[test]
fn names_are_somebodys_and_keys_too() {
    let check = |keys| check_tenants(&[Tenant { name: "bank-a".into(), keys, ..Tenant::default() }]);
    assert_eq!(check(vec![Key::new("anna", [], ANNA), Key::new("anna", [], BERT)]), Ok(()));
    assert!(check(vec![Key::new("anna", [], ANNA), Key::new("bert", [], ANNA)]).unwrap_err().2.contains("twice"));
    for name in ["", "a b", "files", "Files", "process", "a\u{7}", &"x".repeat(129)] {
        assert!(check(vec![Key::new(name, [], ANNA)]).unwrap_err().2.contains("is no name"), "{name:?}");
    }
    assert!(is_same_person("anna", "ANNA") && is_same_person("Änne", "änne") && !is_same_person("anna", "ann"));
}
