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
    Ok(violations)
}
