-- What the gateway remembers, so that each message has one answer. One text for both databases: {key} is an integer primary key,
-- {bytes} a string of bytes, {text} UTF-8 that sorts by its bytes. Times: milliseconds since 1970. Amounts: a byte that counts
-- those that follow, then these, big-endian.

-- One row: which ledger, what hashes on it are salted with, and up to which height entries were read.
CREATE TABLE gateway (
    genesis_hash  {bytes}  NOT NULL,
    salt          {bytes}  NOT NULL,
    read_to       BIGINT   NOT NULL
);

-- What arrived. state: received, open (orders go on), final, refused (no answer could be made: problem says why).
-- claim: what makes it one message; empty while it is not read, and for a message that was refused as a whole.
CREATE TABLE messages (
    number       {key},
    tenant       {text}   NOT NULL,
    digest       {bytes}  NOT NULL,
    content      {bytes}  NOT NULL,
    file         {text},
    received_ms  BIGINT   NOT NULL,
    state        {text}   NOT NULL,
    claim        {text},
    name         {text},
    message_id   {text},
    created      {text},
    count        {text},
    control_sum  {text},
    problem      {text}
);
CREATE UNIQUE INDEX messages_by_digest ON messages (tenant, digest);
CREATE UNIQUE INDEX messages_by_claim ON messages (tenant, claim);
CREATE INDEX messages_by_name ON messages (tenant, message_id);
CREATE INDEX messages_by_state ON messages (state, number);

-- kind: pay, item (of a batch), return. part: which batch of the message an item is paid in. claim: what makes it one
-- payment. same_as: the order that is the same payment.
CREATE TABLE orders (
    number          {key},
    message         BIGINT   NOT NULL,
    item            BIGINT   NOT NULL,
    tenant          {text}   NOT NULL,
    kind            {text}   NOT NULL,
    part            BIGINT   NOT NULL,
    batch           {text},
    instruction     {text},
    end_to_end      {text},
    transaction_id  {text},
    uetr            {text},
    claim           {text},
    signer          {bytes},
    payer           {bytes},
    payee           {bytes},
    token           {bytes},
    amount          {bytes},
    currency        {text},
    part_uetr       {text},
    details         {text}   NOT NULL,
    state           {text}   NOT NULL,
    due_ms          BIGINT   NOT NULL,
    code            {text},
    words           {text},
    path            {text},
    same_as         BIGINT,
    submission      BIGINT,
    height          BIGINT,
    settled_ms      BIGINT
);
CREATE UNIQUE INDEX orders_by_claim ON orders (claim);
CREATE UNIQUE INDEX orders_by_message ON orders (message, item);
CREATE INDEX orders_by_state ON orders (state, number);
CREATE INDEX orders_by_due ON orders (state, due_ms);
CREATE INDEX orders_by_uetr ON orders (uetr, tenant);
CREATE INDEX orders_by_twin ON orders (same_as);
CREATE INDEX orders_by_submission ON orders (submission);

-- What was signed. state: signed, sent, final, dead (its nonce is used up and the ledger does not know what it orders).
CREATE TABLE submissions (
    number   {key},
    account  {bytes}  NOT NULL,
    nonce    BIGINT   NOT NULL,
    hash     {bytes}  NOT NULL,
    content  {bytes}  NOT NULL,
    kind     {text}   NOT NULL,
    payer    {bytes}  NOT NULL,
    uetr     {bytes}  NOT NULL,
    returns  BIGINT   NOT NULL,
    state    {text}   NOT NULL,
    height   BIGINT
);
CREATE UNIQUE INDEX submissions_by_nonce ON submissions (account, nonce) WHERE state <> 'dead';
CREATE INDEX submissions_by_state ON submissions (state, number);

-- purpose: taken, final, notification, statement. claim: what there is one answer to.
CREATE TABLE answers (
    number      {key},
    tenant      {text}   NOT NULL,
    message     BIGINT,
    purpose     {text}   NOT NULL,
    claim       {text}   NOT NULL,
    id          {text}   NOT NULL,
    name        {text}   NOT NULL,
    content     {bytes}  NOT NULL,
    created_ms  BIGINT   NOT NULL,
    written     BIGINT   NOT NULL
);
CREATE UNIQUE INDEX answers_by_claim ON answers (claim);
CREATE INDEX answers_by_message ON answers (message, number);
CREATE INDEX answers_by_tenant ON answers (tenant, purpose, number);
CREATE INDEX answers_by_id ON answers (tenant, id);
CREATE INDEX answers_by_written ON answers (written, number);

-- Since when the movements of an account in a token are all told: balances before that are not known.
CREATE TABLE served (
    holder    {bytes}  NOT NULL,
    token     {bytes}  NOT NULL,
    since_ms  BIGINT   NOT NULL
);
CREATE UNIQUE INDEX served_by_holder ON served (holder, token);

-- Movements on accounts that are served, in the order of the ledger. side: CRDT or DBIT.
CREATE TABLE entries (
    number        {key},
    tenant        {text}   NOT NULL,
    account       {text}   NOT NULL,
    holder        {bytes}  NOT NULL,
    token         {bytes}  NOT NULL,
    height        BIGINT   NOT NULL,
    log           BIGINT   NOT NULL,
    item          BIGINT   NOT NULL,
    side          {text}   NOT NULL,
    hash          {bytes}  NOT NULL,
    time_ms       BIGINT   NOT NULL,
    amount        {bytes}  NOT NULL,
    counterparty  {bytes}  NOT NULL,
    uetr          {text},
    details       {text}   NOT NULL
);
CREATE UNIQUE INDEX entries_by_place ON entries (height, log, item, side);
CREATE INDEX entries_by_holder ON entries (holder, token, time_ms);
CREATE INDEX entries_by_uetr ON entries (uetr, tenant);
