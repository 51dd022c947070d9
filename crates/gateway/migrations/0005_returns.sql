-- Under what the ledger knows a return; empty for what is none.
ALTER TABLE submissions DROP COLUMN returns;
ALTER TABLE submissions ADD COLUMN reference {bytes};
