//! A currency of the ledger, typed.

use crate::{ClientError, Modules, Permit, RpcClient, SignedTx, Signer, TransactionReceipt};
use alloy_primitives::{Address, B256, Bytes, Signature, U256};
use alloy_sol_types::SolCall;
use florin_modules::token::IToken;
use florin_types::{Amount, Currency};

/// A token at its address, through one node. Answers are the node's word; [`crate::Verifier`] proves balances.
///
/// What is signed depends on the chain id and on the currency's digits. Who pays with real money takes both from a source
/// of trust and calls [`Token::known`]; [`Token::open`] believes the node.
#[derive(Clone, Debug)]
pub struct Token {
    rpc: RpcClient,
    address: Address,
    chain_id: u64,
    name: String,
    currency: Currency,
}

impl Token {
    /// A token of which everything that signatures depend on is known, from a genesis file or by proof. Asks the node
    /// nothing.
    pub fn known(rpc: RpcClient, address: Address, name: String, currency: Currency, chain_id: u64) -> Self {
        Self { rpc, address, chain_id, name, currency }
    }

    /// Looks the token up: chain id, name and currency, as the node says. A node that lies about the digits decides how
    /// much is paid: use this on nodes of one's own, or to look.
    pub async fn open(rpc: RpcClient, address: Address) -> Result<Self, ClientError> {
        let wrong = |reason: String| ClientError::Token { token: address, reason };
        let chain_id = rpc.chain_id().await?;
        let name = call(&rpc, address, IToken::nameCall {}).await?;
        let symbol = call(&rpc, address, IToken::symbolCall {}).await?;
        let digits = call(&rpc, address, IToken::decimalsCall {}).await?;
        let currency = Currency::new(&symbol, digits).map_err(|error| wrong(error.to_string()))?;
        Ok(Self::known(rpc, address, name, currency, chain_id))
    }

    /// Where the token is.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Chain of everything that is signed for it.
    pub fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Name for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its currency.
    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// Units that `holder` holds.
    pub async fn balance(&self, holder: Address) -> Result<Amount, ClientError> {
        let units = call(&self.rpc, self.address, IToken::balanceOfCall { account: holder }).await?;
        self.amount(units)
    }

    /// Units in existence.
    pub async fn total_supply(&self) -> Result<Amount, ClientError> {
        self.amount(call(&self.rpc, self.address, IToken::totalSupplyCall {}).await?)
    }

    /// Units that `spender` may move out of the balance of `owner`.
    pub async fn allowance(&self, owner: Address, spender: Address) -> Result<U256, ClientError> {
        call(&self.rpc, self.address, IToken::allowanceCall { owner, spender }).await
    }

    /// Pays `amount` to `to`; returns what was sent, not yet final.
    pub async fn transfer(&self, from: &Signer, to: Address, amount: Amount) -> Result<SignedTx, ClientError> {
        self.submit(from, transfer_input(to, self.units(amount)?)).await
    }

    /// Pays with a memo and a payment reference (at most 140 bytes).
    pub async fn transfer_with_memo(
        &self,
        from: &Signer,
        to: Address,
        amount: Amount,
        memo: B256,
        reference: &str,
    ) -> Result<SignedTx, ClientError> {
        let amount = self.units(amount)?;
        let call = IToken::transferWithMemoCall { to, amount, memo, paymentReference: reference.into() };
        self.submit(from, call.abi_encode().into()).await
    }

    /// Brings units into existence; `issuer` must hold that role.
    pub async fn mint(&self, issuer: &Signer, to: Address, amount: Amount) -> Result<SignedTx, ClientError> {
        let call = IToken::mintCall { to, amount: self.units(amount)? };
        self.submit(issuer, call.abi_encode().into()).await
    }

    /// Signs a permit for `spender`, with the owner's present permit nonce. It is handed to the spender, not sent.
    pub async fn sign_permit(
        &self,
        owner: &Signer,
        spender: Address,
        value: U256,
        deadline_s: u64,
    ) -> Result<(Permit, Signature), ClientError> {
        let nonce = call(&self.rpc, self.address, IToken::noncesCall { owner: owner.address() }).await?;
        let permit = Permit { owner: owner.address(), spender, value, nonce, deadline: U256::from(deadline_s) };
        let signature = owner.sign_permit(&permit, &self.name, self.address, self.chain_id)?;
        Ok((permit, signature))
    }

    /// Uses a permit: sets the allowance that it grants. Anyone may send it.
    pub async fn permit(
        &self,
        sender: &Signer,
        permit: &Permit,
        signature: &Signature,
    ) -> Result<SignedTx, ClientError> {
        let call = IToken::permitCall {
            owner: permit.owner,
            spender: permit.spender,
            value: permit.value,
            deadline: permit.deadline,
            v: if signature.v() { 28 } else { 27 },
            r: signature.r().into(),
            s: signature.s().into(),
        };
        self.submit(sender, call.abi_encode().into()).await
    }

    /// Waits until what was sent is final; a revert is an error.
    pub async fn wait_final(&self, sent: &SignedTx, timeout_ms: u64) -> Result<TransactionReceipt, ClientError> {
        self.rpc.wait_final(sent.hash, timeout_ms).await
    }

    /// Estimates (which also tells a revert before anything is spent), signs and sends a call to the token.
    async fn submit(&self, signer: &Signer, input: Bytes) -> Result<SignedTx, ClientError> {
        let signed = Modules::new(self.rpc.clone(), self.chain_id).sign_input(signer, self.address, input).await?;
        self.rpc.send(&signed).await?;
        Ok(signed)
    }

    fn units(&self, amount: Amount) -> Result<U256, ClientError> {
        if amount.currency() == self.currency {
            return Ok(U256::from(amount.minor()));
        }
        let reason = format!("its currency is {:?}, the amount is of {:?}", self.currency, amount.currency());
        Err(ClientError::Token { token: self.address, reason })
    }

    fn amount(&self, units: U256) -> Result<Amount, ClientError> {
        let minor = u128::try_from(units).map_err(|_| ClientError::Token {
            token: self.address,
            reason: format!("it says that there are {units} units, more than 2^128 - 1"),
        })?;
        Ok(Amount::new(minor, self.currency))
    }
}

/// Input of an ERC-20 `transfer`.
pub fn transfer_input(to: Address, amount: U256) -> Bytes {
    IToken::transferCall { to, amount }.abi_encode().into()
}

async fn call<C: SolCall>(rpc: &RpcClient, to: Address, call: C) -> Result<C::Return, ClientError> {
    let output = rpc.eth_call(to, &call.abi_encode().into()).await?;
    C::abi_decode_returns(&output).map_err(|error| ClientError::Token {
        token: to,
        reason: format!("{} answered {} bytes that are not its result: {error}", C::SIGNATURE, output.len()),
    })
}
