//! Constraints of ISO 20022 on payment initiations: what stands in the batch or in the transaction, and cheques.

use super::{Checks, family, interbank};
use crate::problem::reason;
use crate::tree::View;

pub(super) fn check(root: View<'_>, checks: &mut Checks<'_>) {
    if family(root) != "pain.001.001" {
        return;
    }
    for batch in root.all("PmtInf") {
        let cheque = batch.value("PmtMtd") == Some("CHK");
        if let (None, Some(agent)) = (batch.at("ChrgsAcct"), batch.at("ChrgsAcctAgt")) {
            checks.element(agent, reason::NOT_ALLOWED, "needs ChrgsAcct beside it");
        }
        // Looked up once: what is missing is only known after all transfers of the batch were passed.
        let shared: Vec<&str> = ONCE.iter().copied().filter(|name| batch.at(name).is_some()).collect();
        for item in batch.all("CdtTrfTxInf") {
            for here in shared.iter().filter_map(|name| item.at(name)) {
                checks.element(here, reason::NOT_ALLOWED, "stands in the batch too, and may stand in one of them");
            }
            interbank::agents(item, checks);
            if let Some(instruction) = item.at("ChqInstr").filter(|_| !cheque) {
                checks.element(instruction, reason::NOT_ALLOWED, "is allowed with the payment method CHK alone");
            }
            if !cheque && item.at("CdtrAgt").is_none() && item.at("CdtrAcct").is_none() {
                checks.missing(
                    item,
                    "CdtrAcct",
                    reason::ACCOUNT,
                    "is missing, and so is CdtrAgt: nobody could be paid",
                );
            }
        }
    }
}

/// `PaymentTypeInformationRule`, `ChargeBearerRule` and `UltimateDebtorRule`: in the batch or in the transaction.
const ONCE: &[&str] = &["PmtTpInf", "ChrgBr", "UltmtDbtr"];
