-- What happened on the ledger, for people and bank systems that search. Everything here can be derived again from blocks
-- and receipts. One text for both databases: {key} is an integer primary key, {bytes} a string of bytes, {text} UTF-8 that
-- sorts by its bytes.
--
-- place: height * 2^24 + a number within the block, so that newest first is one descending walk.
-- Amounts: a byte that counts the bytes that follow, then these, big-endian and without zeros before them; they sort and
-- compare as numbers on both. Times: milliseconds since 1970.
--
-- Indexes are made apart (src/schema.rs), because a rebuild makes them last.

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

-- kind: token, symbol, seat, lei. folded: the name in lower case, by which it is searched.
CREATE TABLE names (
    account  {bytes}  NOT NULL,
    kind     {text}   NOT NULL,
    name     {text}   NOT NULL,
    folded   {text}   NOT NULL,
    height   BIGINT   NOT NULL,
    PRIMARY KEY (account, kind)
);

-- Persons with an LEI, for the names of the accounts that are linked to them.
CREATE TABLE persons (
    person  {key},
    lei     {text}  NOT NULL
);
