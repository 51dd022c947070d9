-- What happened on the ledger, for people and bank systems that search. Everything here can be derived again from blocks
-- and receipts. One text for both databases: {key} is an integer primary key, {bytes} a string of bytes, {text} UTF-8 that
-- sorts by its bytes.
--
-- place: height * 2^24 + a number within the block, so that newest first is one descending walk.
-- Amounts: 32 bytes, big-endian, so that they sort and compare as numbers on both. Times: milliseconds since 1970.

-- One row: which chain this is, and how far it is told. first_height and last_height are empty before the first block.
CREATE TABLE chain (
    genesis_hash  {bytes}  NOT NULL,
    first_height  BIGINT,
    last_height   BIGINT,
    last_hash     {bytes}
);

CREATE TABLE blocks (
    height        {key},
    hash          {bytes}  NOT NULL,
    time_ms       BIGINT   NOT NULL,
    transactions  BIGINT   NOT NULL,
    logs          BIGINT   NOT NULL
);
CREATE INDEX blocks_by_time ON blocks (time_ms, height);
CREATE INDEX blocks_by_hash ON blocks (hash);

-- place: position of the transaction. Its logs and transfers are runs of places of their tables.
CREATE TABLE transactions (
    place           {key},
    height          BIGINT   NOT NULL,
    time_ms         BIGINT   NOT NULL,
    hash            {bytes}  NOT NULL,
    sender          {bytes}  NOT NULL,
    recipient       {bytes},
    nonce           BIGINT   NOT NULL,
    value           {bytes}  NOT NULL,
    selector        {bytes},
    status          {text}   NOT NULL,
    gas_used        BIGINT   NOT NULL,
    first_log       BIGINT   NOT NULL,
    logs            BIGINT   NOT NULL,
    first_transfer  BIGINT   NOT NULL,
    transfers       BIGINT   NOT NULL
);
CREATE INDEX transactions_by_hash ON transactions (hash);
CREATE INDEX transactions_by_sender ON transactions (sender, place);
CREATE INDEX transactions_by_recipient ON transactions (recipient, place) WHERE recipient IS NOT NULL;

-- place: number of the log in the block. name: of the event, where a module of the ledger or ERC-20 has one.
CREATE TABLE logs (
    place              {key},
    height             BIGINT   NOT NULL,
    time_ms            BIGINT   NOT NULL,
    transaction_place  BIGINT   NOT NULL,
    emitter            {bytes}  NOT NULL,
    name               {text},
    topic0             {bytes},
    topic1             {bytes},
    topic2             {bytes},
    topic3             {bytes},
    data               {bytes}  NOT NULL
);
CREATE INDEX logs_by_emitter ON logs (emitter, place);
CREATE INDEX logs_by_name ON logs (name, place) WHERE name IS NOT NULL;

-- place: number of the transfer in the block. kind: transfer, mint, burn, batch. memo: 32 bytes, or 8 of a batch's item.
CREATE TABLE transfers (
    place              {key},
    height             BIGINT   NOT NULL,
    time_ms            BIGINT   NOT NULL,
    transaction_place  BIGINT   NOT NULL,
    log_number         BIGINT   NOT NULL,
    kind               {text}   NOT NULL,
    token              {bytes}  NOT NULL,
    payer              {bytes}  NOT NULL,
    payee              {bytes}  NOT NULL,
    amount             {bytes}  NOT NULL,
    memo               {bytes},
    reference          {text}
);
CREATE INDEX transfers_by_payer ON transfers (payer, place);
CREATE INDEX transfers_by_payee ON transfers (payee, place);
CREATE INDEX transfers_by_token ON transfers (token, place);
CREATE INDEX transfers_by_amount ON transfers (token, amount, place);
CREATE INDEX transfers_by_memo ON transfers (memo, place) WHERE memo IS NOT NULL;
CREATE INDEX transfers_by_reference ON transfers (reference, place) WHERE reference IS NOT NULL;

-- place: number of the log that ordered the payment. One row a payer and UETR, with what became of it.
CREATE TABLE payments (
    place              {key},
    height             BIGINT   NOT NULL,
    time_ms            BIGINT   NOT NULL,
    transaction_place  BIGINT   NOT NULL,
    payer              {bytes}  NOT NULL,
    uetr               {bytes}  NOT NULL,
    payee              {bytes},
    token              {bytes}  NOT NULL,
    amount             {bytes}  NOT NULL,
    status             {text}   NOT NULL,
    received           {bytes}  NOT NULL,
    returned           {bytes}  NOT NULL,
    debtor_agent       {text},
    creditor_agent     {text},
    end_to_end         {bytes},
    purpose            {text},
    remittance         {bytes},
    priority           BIGINT   NOT NULL,
    expiry_ms          BIGINT,
    items              BIGINT,
    items_settled      BIGINT,
    updated_height     BIGINT   NOT NULL,
    updated_ms         BIGINT   NOT NULL
);
CREATE UNIQUE INDEX payments_by_uetr ON payments (uetr, payer);
CREATE INDEX payments_by_payer ON payments (payer, place);
CREATE INDEX payments_by_payee ON payments (payee, place) WHERE payee IS NOT NULL;
CREATE INDEX payments_by_token ON payments (token, place);
CREATE INDEX payments_by_amount ON payments (token, amount, place);
CREATE INDEX payments_by_status ON payments (status, place);
CREATE INDEX payments_by_reference ON payments (end_to_end, place) WHERE end_to_end IS NOT NULL;

-- place: number of the log. payment_place: of the payment. status: what it was from then on.
CREATE TABLE payment_steps (
    place              {key},
    height             BIGINT   NOT NULL,
    time_ms            BIGINT   NOT NULL,
    transaction_place  BIGINT   NOT NULL,
    payment_place      BIGINT   NOT NULL,
    step               {text}   NOT NULL,
    status             {text}   NOT NULL,
    amount             {bytes},
    account            {bytes},
    reason             {text}
);
CREATE INDEX payment_steps_by_payment ON payment_steps (payment_place, place);

-- kind: decision, exchange_opened, exchange_acknowledged (travel rule). rule: the policy that diverted the movement.
CREATE TABLE decisions (
    place              {key},
    height             BIGINT   NOT NULL,
    time_ms            BIGINT   NOT NULL,
    transaction_place  BIGINT   NOT NULL,
    kind               {text}   NOT NULL,
    policy             BIGINT   NOT NULL,
    token              {bytes}  NOT NULL,
    version            BIGINT,
    rule               BIGINT,
    outcome            {text},
    inputs_hash        {bytes},
    payer_person       BIGINT,
    payee_person       BIGINT,
    amount             {bytes},
    commitment         {bytes}
);
CREATE INDEX decisions_by_policy ON decisions (policy, place);
CREATE INDEX decisions_by_token ON decisions (token, place);
CREATE INDEX decisions_by_outcome ON decisions (outcome, place) WHERE outcome IS NOT NULL;

-- event: name of the settlement module's event. count: day, position, number of payments: what the event counts.
CREATE TABLE settlement_events (
    place              {key},
    height             BIGINT   NOT NULL,
    time_ms            BIGINT   NOT NULL,
    transaction_place  BIGINT   NOT NULL,
    event              {text}   NOT NULL,
    scheme             BIGINT,
    instruction        BIGINT,
    window_id          BIGINT,
    run                BIGINT,
    account            {bytes},
    counterparty       {bytes},
    amount             {bytes},
    code               BIGINT,
    count              BIGINT,
    reference          {bytes}
);
CREATE INDEX settlement_events_by_scheme ON settlement_events (scheme, place) WHERE scheme IS NOT NULL;
CREATE INDEX settlement_events_by_instruction ON settlement_events (instruction, place) WHERE instruction IS NOT NULL;
CREATE INDEX settlement_events_by_account ON settlement_events (account, place) WHERE account IS NOT NULL;
CREATE INDEX settlement_events_by_counterparty ON settlement_events (counterparty, place) WHERE counterparty IS NOT NULL;
CREATE INDEX settlement_events_by_reference ON settlement_events (reference, place) WHERE reference IS NOT NULL;

-- kind: token, symbol, seat, lei. folded: the name in lower case, by which it is searched.
CREATE TABLE names (
    account  {bytes}  NOT NULL,
    kind     {text}   NOT NULL,
    name     {text}   NOT NULL,
    folded   {text}   NOT NULL,
    height   BIGINT   NOT NULL,
    PRIMARY KEY (account, kind)
);
CREATE INDEX names_by_folded ON names (folded, account, kind);

-- Persons with an LEI, for the names of the accounts that are linked to them.
CREATE TABLE persons (
    person  {key},
    lei     {text}  NOT NULL
);
