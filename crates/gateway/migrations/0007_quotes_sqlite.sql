DROP TRIGGER orders_begun;
DROP TRIGGER orders_moved;
CREATE TRIGGER orders_begun AFTER INSERT ON orders
WHEN NEW.kind NOT IN ('ask', 'refuse', 'withdraw', 'quote', 'retract') BEGIN
    INSERT INTO events (tenant, time_ms, subject, reference, state)
    VALUES (NEW.tenant, CAST(unixepoch('subsec') * 1000 AS INTEGER), 'payment', NEW.number, NEW.state);
END;
CREATE TRIGGER orders_moved AFTER UPDATE OF state ON orders
WHEN NEW.state <> OLD.state AND NEW.kind NOT IN ('ask', 'refuse', 'withdraw', 'quote', 'retract') BEGIN
    INSERT INTO events (tenant, time_ms, subject, reference, state)
    VALUES (NEW.tenant, CAST(unixepoch('subsec') * 1000 AS INTEGER), 'payment', NEW.number, NEW.state);
END;
CREATE TRIGGER quotes_begun AFTER INSERT ON quotes BEGIN
    INSERT INTO events (tenant, time_ms, subject, reference, state)
    SELECT NEW.provider_tenant, CAST(unixepoch('subsec') * 1000 AS INTEGER), 'quote', NEW.number, NEW.state
    WHERE NEW.provider_tenant IS NOT NULL;
    INSERT INTO events (tenant, time_ms, subject, reference, state)
    SELECT NEW.taker_tenant, CAST(unixepoch('subsec') * 1000 AS INTEGER), 'quote', NEW.number, NEW.state
    WHERE NEW.taker_tenant <> COALESCE(NEW.provider_tenant, '') AND NEW.state NOT IN ('ordered', 'failed');
END;
CREATE TRIGGER quotes_moved AFTER UPDATE OF state ON quotes WHEN NEW.state <> OLD.state BEGIN
    INSERT INTO events (tenant, time_ms, subject, reference, state)
    SELECT NEW.provider_tenant, CAST(unixepoch('subsec') * 1000 AS INTEGER), 'quote', NEW.number, NEW.state
    WHERE NEW.provider_tenant IS NOT NULL;
    INSERT INTO events (tenant, time_ms, subject, reference, state)
    SELECT NEW.taker_tenant, CAST(unixepoch('subsec') * 1000 AS INTEGER), 'quote', NEW.number, NEW.state
    WHERE NEW.taker_tenant <> COALESCE(NEW.provider_tenant, '') AND NEW.state NOT IN ('ordered', 'failed');
END;
CREATE TRIGGER quotes_failed AFTER UPDATE OF state ON orders WHEN NEW.kind = 'quote' AND NEW.state IN ('refused', 'cancelled') BEGIN
    UPDATE quotes SET state = 'failed' WHERE number = NEW.quote AND state = 'ordered';
END;
