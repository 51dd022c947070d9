-- Quotes of foreign exchange. {key}, {bytes}, {text}: see 0001.

-- What the tenants promise, from when it is ordered here, and what is promised to them or to everybody on the ledger. terms: as the ledger
-- takes them (ABI); id comes from them, so that it is the same in every database. The columns from provider on say the same for who
-- searches; taker is empty where anybody may take it; least and most are of the side that the taker chooses. A tenant is empty where no tenant of this gateway has the account. state: ordered
-- (not on the ledger yet), failed (it never will be), open, taken, withdrawn, revoked. uetr: of the payment that took it.
CREATE TABLE quotes (
    number           {key},
    id               {text}   NOT NULL,
    terms            {bytes}  NOT NULL,
    provider_tenant  {text},
    taker_tenant     {text},
    state            {text}   NOT NULL,
    uetr             {text},
    made_ms          BIGINT   NOT NULL,
    ended_ms         BIGINT,
    provider         {bytes}  NOT NULL,
    nonce            {bytes}  NOT NULL,
    taker            {bytes},
    sell_token       {bytes}  NOT NULL,
    buy_token        {bytes}  NOT NULL,
    side             BIGINT   NOT NULL,
    least            {bytes}  NOT NULL,
    most             {bytes}  NOT NULL,
    expires_ms       BIGINT   NOT NULL
);
CREATE UNIQUE INDEX quotes_by_id ON quotes (id);
CREATE INDEX quotes_by_tenant ON quotes (provider_tenant, number);
CREATE INDEX quotes_of_tenant_by_state ON quotes (provider_tenant, state, number);
CREATE INDEX quotes_of_taker ON quotes (taker_tenant, number);
CREATE INDEX quotes_for_all ON quotes (state, number) WHERE taker IS NULL;
CREATE INDEX quotes_open ON quotes (sell_token, buy_token, side, expires_ms) WHERE state = 'open';
CREATE INDEX quotes_open_by_provider ON quotes (provider, nonce) WHERE state = 'open';
CREATE INDEX quotes_ordered ON quotes (number) WHERE state = 'ordered';

-- The quote that an order makes, withdraws or takes. kind: quote, retract, exchange beside those of 0006.
ALTER TABLE orders ADD COLUMN quote BIGINT;
CREATE INDEX orders_by_quote ON orders (quote, number);
