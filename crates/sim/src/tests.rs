use super::*;
use std::time::Duration;

fn at(seconds: u64, fault: Fault) -> (Duration, Fault) {
    (Duration::from_secs(seconds), fault)
}

#[test]
fn payments_become_final_everywhere() {
    let report = run(&Scenario { duration: Duration::from_secs(5), ..Scenario::default() }).unwrap();
    assert_eq!(report.refused, 0);
    assert_eq!(report.transactions, 200);
    assert!(report.height >= 5, "{report:?}");
}
