//! The header beside its message.

use super::Checks;
use crate::envelope::Envelope;
use crate::problem::reason;

/// The header names the message that it stands before.
pub(super) fn check(envelope: &Envelope, checks: &mut Checks<'_>) {
    let Some(header) = &envelope.header else { return };
    let found = envelope.document.definition().name();
    let Some(named) = header.root().at("MsgDefIdr").filter(|named| named.text() != found) else { return };
    checks.value(named, reason::FORMAT, format!("is not the message that follows, which is {found}"));
}
