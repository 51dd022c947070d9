-- Keys stand in sorted runs and logs in pages, so that what a payment costs does not grow with the file: a tree of single
-- random keys writes a page for each of them. Every table is a tree whose inner pages hold rows (see 0003), and every row
-- is part of the content. Everything is derived: it is dropped, and the node builds it anew from its blocks.
DELETE FROM blocks;
DROP TABLE transactions;
DROP TABLE logs;
DROP TABLE log_keys;
UPDATE chain SET content = zeroblob(16);

-- A place is height * 2^24 + a number in the block.

-- body: RLP of some logs of one block, in their order. place: of the first of them.
CREATE TABLE log_pages (
    place     INTEGER PRIMARY KEY,
    body      BLOB    NOT NULL,
    checksum  BLOB    NOT NULL
) WITHOUT ROWID;

-- Runs of keys, each of all blocks from first to last; no two of them meet.
CREATE TABLE runs (
    last     INTEGER PRIMARY KEY,
    first    INTEGER NOT NULL,
    entries  INTEGER NOT NULL
) WITHOUT ROWID;

-- The entries of a run in rising order, some hundred a page: key and place, 8 bytes each, big-endian. run: its last
-- block. first: the first entry of the page.
CREATE TABLE key_pages (
    run       INTEGER NOT NULL,
    first     BLOB    NOT NULL,
    body      BLOB    NOT NULL,
    checksum  BLOB    NOT NULL,
    PRIMARY KEY (run, first)
) WITHOUT ROWID;
