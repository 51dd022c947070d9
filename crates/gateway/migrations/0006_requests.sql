-- Requests to pay. {key}, {bytes}, {text}: see 0001.

-- What the tenants ask for, from when it is ordered here, and what they are asked for on the ledger. reference: under what the ledger
-- knows it, for its creditor. id: what callers know it by; it comes from these two, so that it is the same in every database. A tenant is
-- empty where no tenant of this gateway has the account. state: ordered (not on the ledger yet), failed (it never will be), open,
-- accepted, refused, withdrawn. code: why it was refused. uetr: of the payment that accepted it. ledger: its number there.
CREATE TABLE requests_to_pay (
    number           {key},
    id               {text}   NOT NULL,
    creditor         {bytes}  NOT NULL,
    reference        {bytes}  NOT NULL,
    debtor           {bytes}  NOT NULL,
    creditor_tenant  {text},
    debtor_tenant    {text},
    token            {bytes}  NOT NULL,
    amount           {bytes}  NOT NULL,
    expires_ms       BIGINT   NOT NULL,
    end_to_end       {text},
    remittance       {text},
    purpose          {text},
    state            {text}   NOT NULL,
    code             {text},
    uetr             {text},
    ledger           BIGINT,
    made_ms          BIGINT   NOT NULL,
    ended_ms         BIGINT
);
CREATE UNIQUE INDEX requests_to_pay_by_reference ON requests_to_pay (creditor, reference);
CREATE UNIQUE INDEX requests_to_pay_by_id ON requests_to_pay (id);
CREATE UNIQUE INDEX requests_to_pay_by_ledger ON requests_to_pay (ledger);
CREATE INDEX requests_to_pay_by_creditor ON requests_to_pay (creditor_tenant, number);
CREATE INDEX requests_to_pay_by_debtor ON requests_to_pay (debtor_tenant, number);
CREATE INDEX requests_to_pay_of_creditor_by_state ON requests_to_pay (creditor_tenant, state, number);
CREATE INDEX requests_to_pay_of_debtor_by_state ON requests_to_pay (debtor_tenant, state, number);
CREATE INDEX requests_to_pay_ordered ON requests_to_pay (number) WHERE state = 'ordered';

-- The request to pay that an order makes, accepts, refuses or withdraws. kind: ask, accept, refuse, withdraw beside those of 0001.
ALTER TABLE orders ADD COLUMN request BIGINT;
CREATE INDEX orders_by_request ON orders (request, number);

-- subject of an event: request (reference: the request to pay) beside those of 0002. What only asks and answers is no payment.
