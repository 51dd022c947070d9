-- Who made what, and who decided. maker: the caller who sent a message, `files` for the watched directory.
ALTER TABLE messages ADD COLUMN maker {text};

-- Decisions over orders, never changed. stage: approval (a checker's), screening (the service's), review (compliance's).
-- verdict: pass, refuse, hold. who: empty for the service.
CREATE TABLE decisions (
    number        {key},
    tenant        {text}   NOT NULL,
    order_number  BIGINT   NOT NULL,
    stage         {text}   NOT NULL,
    verdict       {text}   NOT NULL,
    code          {text},
    words         {text},
    who           {text},
    decided_ms    BIGINT   NOT NULL
);
CREATE INDEX decisions_by_order ON decisions (order_number, number);

-- Who did and saw what, never changed. previous: the hash of the row before, of the first the ledger's genesis block. hash: SHA-256 over
-- previous and everything else of the row.
CREATE TABLE audit (
    number    {key},
    time_ms   BIGINT   NOT NULL,
    tenant    {text}   NOT NULL,
    who       {text}   NOT NULL,
    roles     {text}   NOT NULL,
    method    {text}   NOT NULL,
    path      {text}   NOT NULL,
    status    BIGINT   NOT NULL,
    previous  {bytes}  NOT NULL,
    hash      {bytes}  NOT NULL
);
CREATE INDEX audit_by_tenant ON audit (tenant, number);

-- Heads of the audit log that were committed to the ledger. state: signed, final, dead. day: since 1970, UTC. row_number and hash: of the
-- row that was the last.
CREATE TABLE anchors (
    number      {key},
    day         BIGINT   NOT NULL,
    row_number  BIGINT   NOT NULL,
    hash        {bytes}  NOT NULL,
    account     {bytes}  NOT NULL,
    nonce       BIGINT   NOT NULL,
    tx_hash     {bytes}  NOT NULL,
    content     {bytes}  NOT NULL,
    state       {text}   NOT NULL,
    height      BIGINT
);
