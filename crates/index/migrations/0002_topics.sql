-- A log's number of topics stands beside it, so that a filter by position is decided here and not after the limit. The
-- hash of a block is not searched for. Everything is derived: it is dropped, and the node builds it anew from its blocks.
DROP TABLE blocks;
DROP TABLE transactions;
DROP TABLE logs;
DROP TABLE log_keys;

CREATE TABLE blocks (
    height       INTEGER PRIMARY KEY,
    hash         BLOB    NOT NULL,
    timestamp_s  INTEGER NOT NULL
);

CREATE TABLE transactions (
    hash      BLOB    PRIMARY KEY,
    height    INTEGER NOT NULL,
    position  INTEGER NOT NULL
) WITHOUT ROWID;

-- body: RLP of (address, topics, data). checksum: over every other column, so that a changed row is never served.
CREATE TABLE logs (
    height                INTEGER NOT NULL,
    log_index             INTEGER NOT NULL,
    transaction_position  INTEGER NOT NULL,
    topics                INTEGER NOT NULL,
    transaction_hash      BLOB    NOT NULL,
    body                  BLOB    NOT NULL,
    checksum              BLOB    NOT NULL,
    PRIMARY KEY (height, log_index)
) WITHOUT ROWID;

-- One row for the address and one for each topic of a log. key: 64 bits of a hash over the kind and the value.
CREATE TABLE log_keys (
    key        INTEGER NOT NULL,
    height     INTEGER NOT NULL,
    log_index  INTEGER NOT NULL,
    PRIMARY KEY (key, height, log_index)
) WITHOUT ROWID;
