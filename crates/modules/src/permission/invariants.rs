//! Named predicates over the permission registry.

use super::{admin, node_count, nodes};
use crate::context::{Context, Failure};
use crate::invariants::{Violation, hold};

/// Checks every invariant of the registry; empty where all hold.
pub fn check(context: &mut Context<'_>) -> Result<Vec<Violation>, Failure> {
    let mut violations = Vec::new();
    let admin = admin(context)?;
    hold(&mut violations, "permission.admin_exists", !admin.is_zero(), || "the admin is the zero address".into());
    let (count, nodes) = (node_count(context)?, nodes(context)?);
    hold(&mut violations, "permission.nodes_registered", u64::try_from(nodes.len()) == Ok(count), || {
        format!("{count} keys are listed but {} nodes are registered", nodes.len())
    });
    for (position, node) in nodes.iter().enumerate() {
        let record = super::layout::layout().nodes.at(context, &node.public_key)?.record.read(context)?;
        hold(&mut violations, "permission.node_index", u64::try_from(position) == Ok(record.index), || {
            format!("node {} stands at {position} but its record says {}", node.public_key, record.index)
        });
    }
    check_owners(context, &nodes, &mut violations)?;
    Ok(violations)
}

/// Whoever registered a node is known to have one, and has one only.
fn check_owners(
    context: &mut Context<'_>,
    nodes: &[super::Node],
    violations: &mut Vec<Violation>,
) -> Result<(), Failure> {
    let mut owners = std::collections::BTreeSet::new();
    for node in nodes {
        let owner = super::layout::layout().nodes.at(context, &node.public_key)?.record.read(context)?.owner;
        if owner.is_zero() {
            continue;
        }
        let known = super::ops::account(context, owner)?.owns_node;
        hold(violations, "permission.node_owner", known && owners.insert(owner), || {
            format!("{owner} owns node {}, and is not known to own one or owns another", node.public_key)
        });
    }
    Ok(())
}
