//! From selector to operation. No logic.

use alloy_primitives::{Address, B256, Bytes, U256};

use super::{
    Bringer, IToken::*, authorization, controls, holds, issuance, metadata, notice, ops, orders, parking, permit,
    preview, redemption, roles,
};
use crate::{
    calls::{decode, mutate, view},
    context::{Context, Failure},
    typed_data,
};

/// Answers a call to the token at `token`; reverts where none was created. One table, so that the compiler sees that
/// no function is missing.
pub(crate) fn dispatch(context: &mut Context<'_>, token: Address, input: &[u8]) -> Result<Bytes, Failure> {
    use ITokenCalls as Call;
    let call = decode::<Call>(context, input)?;
    let terms = ops::terms(context, token)?;
    match call {
        // ERC-20
        Call::name(_) => view::<nameCall>(ops::name(context, token)?),
        Call::symbol(_) => view::<symbolCall>(ops::symbol(context, token)?),
        Call::decimals(_) => view::<decimalsCall>(terms.decimals),
        Call::totalSupply(_) => view::<totalSupplyCall>(U256::from(ops::total_supply(context, token)?)),
        Call::balanceOf(c) => view::<balanceOfCall>(U256::from(ops::balance_of(context, token, c.account)?)),
        Call::allowance(c) => view::<allowanceCall>(ops::allowance(context, token, c.owner, c.spender)?),
        Call::transfer(c) => mutate::<transferCall, _>(context, |x| ops::transfer(x, token, c.to, c.amount)),
        Call::transferFrom(c) => {
            mutate::<transferFromCall, _>(context, |x| ops::transfer_from(x, token, c.from, c.to, c.amount))
        }
        Call::approve(c) => {
            mutate::<approveCall, _>(context, |x| ops::approve(x, token, c.spender, c.amount).map(|()| true))
        }
        Call::transferWithMemo(c) => mutate::<transferWithMemoCall, _>(context, |x| {
            ops::transfer_with_memo(x, token, c.to, c.amount, c.memo, &c.paymentReference)
        }),
        Call::transferFromWithMemo(c) => mutate::<transferFromWithMemoCall, _>(context, |x| {
            ops::transfer_from_with_memo(x, token, (c.from, c.to), c.amount, c.memo, &c.paymentReference)
        }),

        // ERC-2612 and ERC-5267
        Call::permit(c) => mutate::<permitCall, _>(context, |x| {
            let permit = permit::Permit { owner: c.owner, spender: c.spender, value: c.value, deadline: c.deadline };
            permit::permit(x, token, permit, permit::Signature { v: c.v, r: c.r, s: c.s })
        }),
        Call::nonces(c) => view::<noncesCall>(permit::nonce(context, token, c.owner)?),
        Call::DOMAIN_SEPARATOR(_) => view::<DOMAIN_SEPARATORCall>(permit::domain_separator(context, token)?),
        Call::eip712Domain(_) => view::<eip712DomainCall>((
            typed_data::DOMAIN_FIELDS.into(),
            ops::name(context, token)?,
            typed_data::DOMAIN_VERSION.into(),
            U256::from(context.env().chain_id),
            token,
            B256::ZERO,
            Vec::new(),
        )),

        // ERC-3009 and ERC-7572
        Call::authorizationState(c) => {
            view::<authorizationStateCall>(authorization::authorization_used(context, token, c.authorizer, c.nonce)?)
        }
        Call::transferWithAuthorization_0(c) => mutate::<transferWithAuthorization_0Call, _>(context, |x| {
            let parts = authorization::joined(c.v, c.r, c.s);
            let payment = (c.from, c.to, c.value, c.validAfter, c.validBefore, c.nonce).into();
            authorization::pay_by_authorization(x, token, Bringer::Anyone, payment, &parts)
        }),
        Call::transferWithAuthorization_1(c) => mutate::<transferWithAuthorization_1Call, _>(context, |x| {
            let payment = (c.from, c.to, c.value, c.validAfter, c.validBefore, c.nonce).into();
            authorization::pay_by_authorization(x, token, Bringer::Anyone, payment, &c.signature)
        }),
        Call::receiveWithAuthorization_0(c) => mutate::<receiveWithAuthorization_0Call, _>(context, |x| {
            let parts = authorization::joined(c.v, c.r, c.s);
            let payment = (c.from, c.to, c.value, c.validAfter, c.validBefore, c.nonce).into();
            authorization::pay_by_authorization(x, token, Bringer::Payee, payment, &parts)
        }),
        Call::receiveWithAuthorization_1(c) => mutate::<receiveWithAuthorization_1Call, _>(context, |x| {
            let payment = (c.from, c.to, c.value, c.validAfter, c.validBefore, c.nonce).into();
            authorization::pay_by_authorization(x, token, Bringer::Payee, payment, &c.signature)
        }),
        Call::cancelAuthorization_0(c) => mutate::<cancelAuthorization_0Call, _>(context, |x| {
            let parts = authorization::joined(c.v, c.r, c.s);
            authorization::cancel_authorization(x, token, c.authorizer, c.nonce, &parts)
        }),
        Call::cancelAuthorization_1(c) => mutate::<cancelAuthorization_1Call, _>(context, |x| {
            authorization::cancel_authorization(x, token, c.authorizer, c.nonce, &c.signature)
        }),
        Call::contractURI(_) => view::<contractURICall>(metadata::contract_uri(context, token)?),
        Call::setContractURI(c) => {
            mutate::<setContractURICall, _>(context, |x| metadata::set_contract_uri(x, token, &c.newURI))
        }

        // Roles
        Call::DEFAULT_ADMIN_ROLE(_) => view::<DEFAULT_ADMIN_ROLECall>(roles::ADMIN_ROLE),
        Call::ISSUER_ROLE(_) => view::<ISSUER_ROLECall>(roles::ISSUER_ROLE),
        Call::PAUSER_ROLE(_) => view::<PAUSER_ROLECall>(roles::PAUSER_ROLE),
        Call::FREEZER_ROLE(_) => view::<FREEZER_ROLECall>(roles::FREEZER_ROLE),
        Call::SEIZER_ROLE(_) => view::<SEIZER_ROLECall>(roles::SEIZER_ROLE),
        Call::hasRole(c) => view::<hasRoleCall>(roles::has_role(context, token, c.role, c.account)?),
        Call::getRoleAdmin(_) => view::<getRoleAdminCall>(roles::ADMIN_ROLE),
        Call::adminCount(_) => view::<adminCountCall>(U256::from(terms.admins)),
        Call::grantRole(c) => mutate::<grantRoleCall, _>(context, |x| roles::grant_role(x, token, c.role, c.account)),
        Call::revokeRole(c) => {
            mutate::<revokeRoleCall, _>(context, |x| roles::revoke_role(x, token, c.role, c.account))
        }
        Call::renounceRole(c) => {
            mutate::<renounceRoleCall, _>(context, |x| roles::renounce_role(x, token, c.role, c.callerConfirmation))
        }
        Call::supportsInterface(c) => view::<supportsInterfaceCall>(metadata::supports(c.interfaceId.0)),

        // Supply
        Call::supplyCap(_) => view::<supplyCapCall>(U256::from(controls::supply_cap(context, token)?)),
        Call::setSupplyCap(c) => {
            mutate::<setSupplyCapCall, _>(context, |x| controls::set_supply_cap(x, token, c.newCap))
        }
        Call::mint(c) => mutate::<mintCall, _>(context, |x| ops::mint(x, token, c.to, c.amount)),
        Call::burn(c) => mutate::<burnCall, _>(context, |x| ops::burn(x, token, c.amount)),
        Call::burnFrom(c) => mutate::<burnFromCall, _>(context, |x| ops::burn_from(x, token, c.from, c.amount)),

        // Pause
        Call::paused(_) => view::<pausedCall>(terms.paused),
        Call::pause(_) => mutate::<pauseCall, _>(context, |x| controls::pause(x, token)),
        Call::unpause(_) => mutate::<unpauseCall, _>(context, |x| controls::unpause(x, token)),

        // Freezing
        Call::isFrozen(c) => view::<isFrozenCall>(controls::is_frozen(context, token, c.userAddress)?),
        Call::getFrozenTokens(c) => {
            view::<getFrozenTokensCall>(U256::from(controls::frozen_units(context, token, c.userAddress)?))
        }
        Call::setAddressFrozen(c) => {
            mutate::<setAddressFrozenCall, _>(context, |x| controls::set_frozen(x, token, c.userAddress, c.freeze))
        }
        Call::freezePartialTokens(c) => {
            mutate::<freezePartialTokensCall, _>(context, |x| controls::freeze_units(x, token, c.userAddress, c.amount))
        }
        Call::unfreezePartialTokens(c) => mutate::<unfreezePartialTokensCall, _>(context, |x| {
            controls::unfreeze_units(x, token, c.userAddress, c.amount)
        }),

        // Holds
        Call::heldBalanceBy(c) => {
            view::<heldBalanceByCall>(U256::from(holds::held_by(context, token, c.account, c.keeper)?))
        }
        Call::heldBalanceOf(c) => view::<heldBalanceOfCall>(U256::from(holds::held_units(context, token, c.account)?)),
        Call::spendableBalanceOf(c) => {
            view::<spendableBalanceOfCall>(U256::from(holds::spendable_units(context, token, c.account)?))
        }
        Call::holdOf(c) => {
            let hold = holds::hold_of(context, token, c.holdId)?;
            view::<holdOfCall>((hold.owner, hold.keeper.address(), U256::from(hold.amount)))
        }

        // Orders
        Call::issueOrder(c) => mutate::<issueOrderCall, _>(context, |x| {
            let (expiry_ms, legal_reference) = (c.expiryMs, c.legalReference);
            let terms =
                orders::OrderTerms { account: c.account, payee: c.payee, cap: c.cap, expiry_ms, legal_reference };
            orders::issue_order(x, token, &terms)
        }),
        Call::endOrder(c) => {
            mutate::<endOrderCall, _>(context, |x| orders::end_order(x, token, c.orderId, c.legalReference))
        }
        Call::seize(c) => mutate::<seizeCall, _>(context, |x| {
            let seizure = orders::Seizure { order: c.orderId, amount: c.amount, legal_reference: c.legalReference };
            orders::seize(x, token, seizure, &c.holdIds).map(U256::from)
        }),
        Call::seizeHold(c) => mutate::<seizeHoldCall, _>(context, |x| {
            let seizure = orders::Seizure { order: c.orderId, amount: c.amount, legal_reference: c.legalReference };
            orders::seize_hold(x, token, seizure, c.holdId).map(U256::from)
        }),
        Call::pruneOrders(c) => mutate::<pruneOrdersCall, _>(context, |x| orders::prune_orders(x, token, c.account)),
        Call::setRoleSeparation(c) => {
            mutate::<setRoleSeparationCall, _>(context, |x| roles::set_role_separation(x, token, c.required))
        }
        Call::roleSeparation(_) => view::<roleSeparationCall>(roles::role_separation(context, token)?),
        Call::orderCount(_) => view::<orderCountCall>(orders::order_count(context, token)?),
        Call::orderOf(c) => {
            let order = orders::order_of(context, token, c.orderId)?;
            let in_force = order.is_in_force(context.env().timestamp_ms);
            let (cap, left) = (order.shown(order.cap), order.shown(order.left));
            let orders::Order { account, payee, expiry_ms, legal_reference, .. } = order;
            view::<orderOfCall>((account, payee, cap, left, expiry_ms, legal_reference, in_force))
        }
        Call::ordersOf(c) => view::<ordersOfCall>(orders::orders_of(context, token, c.account)?),
        Call::frozenByOrders(c) => {
            let orders::Frozen { units, whole } = orders::frozen_by_orders(context, token, c.account)?;
            view::<frozenByOrdersCall>((U256::from(units), whole))
        }

        // Holding limits
        Call::pendingCreditOf(c) => {
            view::<pendingCreditOfCall>(U256::from(holds::pending_credit(context, token, c.account)?))
        }
        Call::linkedAccountOf(c) => view::<linkedAccountOfCall>(parking::linked_account(context, token, c.account)?),
        Call::setLinkedAccount(c) => {
            mutate::<setLinkedAccountCall, _>(context, |x| parking::set_linked_account(x, token, c.linkedAccount))
        }
        Call::claimParked(c) => {
            mutate::<claimParkedCall, _>(context, |x| parking::claim_parked(x, token, c.holdId, c.amount))
        }
        Call::releaseParked(c) => {
            mutate::<releaseParkedCall, _>(context, |x| parking::release_parked(x, token, c.holdId))
        }

        // Policy
        Call::checkTransfer(c) => {
            let found = preview::check_transfer(context, token, (c.from, c.to), c.operator, c.amount)?;
            let (values, remedy) = (found.values, found.remedy.number());
            view::<checkTransferCall>((found.allowed, found.policy, found.code, values, remedy))
        }
        Call::policyId(_) => view::<policyIdCall>(terms.policy),
        Call::setPolicy(c) => mutate::<setPolicyCall, _>(context, |x| controls::set_policy(x, token, c.newPolicyId)),

        // Backing and issuers
        Call::ATTESTOR_ROLE(_) => view::<ATTESTOR_ROLECall>(roles::ATTESTOR_ROLE),
        Call::backing(_) => {
            let backing = issuance::backing(context, token)?;
            view::<backingCall>((backing.kind, backing.reserve_token))
        }
        Call::setBacking(c) => {
            mutate::<setBackingCall, _>(context, |x| issuance::set_backing(x, token, c.kind, c.reserveToken))
        }
        Call::issuers(_) => view::<issuersCall>(issuance::issuers(context, token)?),
        Call::issuerOf(c) => {
            let issuer = issuance::issuer_of(context, token, c.issuer)?;
            let [quota, outstanding, reserve] = [issuer.quota, issuer.outstanding, issuer.reserve].map(U256::from);
            view::<issuerOfCall>((quota, outstanding, reserve, issuer.hold))
        }
        Call::setIssuerQuota(c) => {
            mutate::<setIssuerQuotaCall, _>(context, |x| issuance::set_issuer_quota(x, token, c.issuer, c.quota))
        }
        Call::pledgeReserve(c) => {
            mutate::<pledgeReserveCall, _>(context, |x| issuance::pledge_reserve(x, token, c.amount))
        }
        Call::releaseReserve(c) => {
            mutate::<releaseReserveCall, _>(context, |x| issuance::release_reserve(x, token, c.amount))
        }
        Call::attestation(_) => {
            let (stated, report) = issuance::attestation(context, token)?;
            view::<attestationCall>((U256::from(stated.amount), stated.attested_ms, stated.expires_ms, report))
        }
        Call::attestReserve(c) => mutate::<attestReserveCall, _>(context, |x| {
            issuance::attest_reserve(x, token, c.amount, c.expiresMs, c.reportHash)
        }),

        // Redemption
        Call::redemptionCount(_) => view::<redemptionCountCall>(redemption::redemption_count(context, token)?),
        Call::redemptionOf(c) => {
            let found = redemption::redemption_of(context, token, c.redemptionId)?;
            view::<redemptionOfCall>(redemptionOfReturn {
                holder: found.head.holder,
                issuer: found.goal.issuer,
                holdId: found.goal.hold,
                status: found.head.status,
                deadlineMs: found.head.deadline_ms,
                amount: U256::from(found.amounts.amount),
                redeemed: U256::from(found.amounts.redeemed),
                left: U256::from(found.left),
                endToEnd: found.end_to_end,
                reason: found.goal.reason.to_be_bytes().into(),
            })
        }
        Call::requestRedemption(c) => mutate::<requestRedemptionCall, _>(context, |x| {
            redemption::request_redemption(x, token, (c.issuer, c.amount), c.endToEnd, c.deadlineMs)
        }),
        Call::fulfilRedemption(c) => mutate::<fulfilRedemptionCall, _>(context, |x| {
            redemption::fulfil_redemption(x, token, c.redemptionId, c.amount, c.payOut)
        }),
        Call::refuseRedemption(c) => mutate::<refuseRedemptionCall, _>(context, |x| {
            redemption::refuse_redemption(x, token, c.redemptionId, c.reason.0)
        }),
        Call::withdrawRedemption(c) => {
            mutate::<withdrawRedemptionCall, _>(context, |x| redemption::withdraw_redemption(x, token, c.redemptionId))
        }
        Call::expireRedemption(c) => {
            mutate::<expireRedemptionCall, _>(context, |x| redemption::expire_redemption(x, token, c.redemptionId))
        }

        // Rules under notice
        Call::noticeTime(_) => view::<noticeTimeCall>(notice::notice_time(context, token)?),
        Call::setNoticeTime(c) => {
            mutate::<setNoticeTimeCall, _>(context, |x| notice::set_notice_time(x, token, c.noticeMs))
        }
        Call::pendingChange(c) => {
            view::<pendingChangeCall>(notice::pending_change(context, token, c.rule)?.unwrap_or_default())
        }
        Call::withdrawChange(c) => {
            mutate::<withdrawChangeCall, _>(context, |x| notice::withdraw_change(x, token, c.rule))
        }
    }
}
