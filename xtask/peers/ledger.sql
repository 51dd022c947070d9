-- A double-entry ledger as a bank would write it in PostgreSQL: what `cargo xtask peers` measures Florin beside.
-- Every payment is checked (parties, amount, cover, used once) and leaves two entries; balances are kept.
CREATE TABLE account (
    number bigint PRIMARY KEY,
    balance numeric(39) NOT NULL CHECK (balance >= 0)
);
CREATE TABLE payment (
    uetr uuid PRIMARY KEY,
    debtor bigint NOT NULL REFERENCES account,
    creditor bigint NOT NULL REFERENCES account,
    amount numeric(39) NOT NULL CHECK (amount > 0),
    settled_at timestamptz NOT NULL DEFAULT now(),
    CHECK (debtor <> creditor)
);

-- One payment. Rows are locked in the order of their numbers, so that two payments never wait for each other.
CREATE FUNCTION pay(p_uetr uuid, p_debtor bigint, p_creditor bigint, p_amount numeric) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM account WHERE number IN (p_debtor, p_creditor) ORDER BY number FOR UPDATE;
    UPDATE account SET balance = balance - p_amount WHERE number = p_debtor AND balance >= p_amount;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account % does not cover %', p_debtor, p_amount;
    END IF;
    UPDATE account SET balance = balance + p_amount WHERE number = p_creditor;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no account %', p_creditor;
    END IF;
    INSERT INTO payment (uetr, debtor, creditor, amount) VALUES (p_uetr, p_debtor, p_creditor, p_amount);
END $$;

-- So many payments of one debtor in one commit, each checked for itself, to the accounts that follow a given one. Nobody is
-- both debtor and creditor in the load (creditors are above a million), so that batches do not wait for each other's debtors.
CREATE FUNCTION pay_many(p_debtor bigint, p_first bigint, p_count integer) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    FOR item IN 0..p_count - 1 LOOP
        PERFORM pay(gen_random_uuid(), p_debtor, p_first + item, 1);
    END LOOP;
END $$;
