DROP TRIGGER orders_begun;
DROP TRIGGER orders_moved;
CREATE TRIGGER orders_begun AFTER INSERT ON orders WHEN NEW.kind NOT IN ('ask', 'refuse', 'withdraw') BEGIN
    INSERT INTO events (tenant, time_ms, subject, reference, state)
    VALUES (NEW.tenant, CAST(unixepoch('subsec') * 1000 AS INTEGER), 'payment', NEW.number, NEW.state);
END;
CREATE TRIGGER orders_moved AFTER UPDATE OF state ON orders
WHEN NEW.state <> OLD.state AND NEW.kind NOT IN ('ask', 'refuse', 'withdraw') BEGIN
    INSERT INTO events (tenant, time_ms, subject, reference, state)
    VALUES (NEW.tenant, CAST(unixepoch('subsec') * 1000 AS INTEGER), 'payment', NEW.number, NEW.state);
END;
CREATE TRIGGER requests_begun AFTER INSERT ON requests_to_pay BEGIN
    INSERT INTO events (tenant, time_ms, subject, reference, state)
    SELECT NEW.creditor_tenant, CAST(unixepoch('subsec') * 1000 AS INTEGER), 'request', NEW.number, NEW.state
    WHERE NEW.creditor_tenant IS NOT NULL;
    INSERT INTO events (tenant, time_ms, subject, reference, state)
    SELECT NEW.debtor_tenant, CAST(unixepoch('subsec') * 1000 AS INTEGER), 'request', NEW.number, NEW.state
    WHERE NEW.debtor_tenant <> COALESCE(NEW.creditor_tenant, '') AND NEW.ledger IS NOT NULL;
END;
CREATE TRIGGER requests_moved AFTER UPDATE OF state ON requests_to_pay WHEN NEW.state <> OLD.state BEGIN
    INSERT INTO events (tenant, time_ms, subject, reference, state)
    SELECT NEW.creditor_tenant, CAST(unixepoch('subsec') * 1000 AS INTEGER), 'request', NEW.number, NEW.state
    WHERE NEW.creditor_tenant IS NOT NULL;
    INSERT INTO events (tenant, time_ms, subject, reference, state)
    SELECT NEW.debtor_tenant, CAST(unixepoch('subsec') * 1000 AS INTEGER), 'request', NEW.number, NEW.state
    WHERE NEW.debtor_tenant <> COALESCE(NEW.creditor_tenant, '') AND NEW.ledger IS NOT NULL;
END;
CREATE TRIGGER requests_failed AFTER UPDATE OF state ON orders WHEN NEW.kind = 'ask' AND NEW.state = 'refused' BEGIN
    UPDATE requests_to_pay SET state = 'failed' WHERE number = NEW.request AND state = 'ordered';
END;
