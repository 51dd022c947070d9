DROP TRIGGER orders_begun ON orders;
DROP TRIGGER orders_moved ON orders;
CREATE TRIGGER orders_begun AFTER INSERT ON orders FOR EACH ROW
    WHEN (NEW.kind NOT IN ('ask', 'refuse', 'withdraw')) EXECUTE FUNCTION note_order();
CREATE TRIGGER orders_moved AFTER UPDATE ON orders FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND NEW.kind NOT IN ('ask', 'refuse', 'withdraw')) EXECUTE FUNCTION note_order();
CREATE FUNCTION note_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.creditor_tenant IS NOT NULL THEN
        INSERT INTO events (number, tenant, time_ms, subject, reference, state)
        SELECT COALESCE(MAX(number), 0) + 1, NEW.creditor_tenant, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT,
            'request', NEW.number, NEW.state FROM events;
    END IF;
    IF NEW.debtor_tenant <> COALESCE(NEW.creditor_tenant, '') AND NEW.ledger IS NOT NULL THEN
        INSERT INTO events (number, tenant, time_ms, subject, reference, state)
        SELECT COALESCE(MAX(number), 0) + 1, NEW.debtor_tenant, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT,
            'request', NEW.number, NEW.state FROM events;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER requests_begun AFTER INSERT ON requests_to_pay FOR EACH ROW EXECUTE FUNCTION note_request();
CREATE TRIGGER requests_moved AFTER UPDATE ON requests_to_pay FOR EACH ROW WHEN (OLD.state <> NEW.state)
    EXECUTE FUNCTION note_request();
CREATE FUNCTION fail_request() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE requests_to_pay SET state = 'failed' WHERE number = NEW.request AND state = 'ordered';
    RETURN NULL;
END $$;
CREATE TRIGGER requests_failed AFTER UPDATE ON orders FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND NEW.kind = 'ask' AND NEW.state = 'refused') EXECUTE FUNCTION fail_request();
