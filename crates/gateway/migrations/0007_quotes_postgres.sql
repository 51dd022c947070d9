DROP TRIGGER orders_begun ON orders;
DROP TRIGGER orders_moved ON orders;
CREATE TRIGGER orders_begun AFTER INSERT ON orders FOR EACH ROW
    WHEN (NEW.kind NOT IN ('ask', 'refuse', 'withdraw', 'quote', 'retract')) EXECUTE FUNCTION note_order();
CREATE TRIGGER orders_moved AFTER UPDATE ON orders FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND NEW.kind NOT IN ('ask', 'refuse', 'withdraw', 'quote', 'retract'))
    EXECUTE FUNCTION note_order();
CREATE FUNCTION note_quote() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.provider_tenant IS NOT NULL THEN
        INSERT INTO events (number, tenant, time_ms, subject, reference, state)
        SELECT COALESCE(MAX(number), 0) + 1, NEW.provider_tenant, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT,
            'quote', NEW.number, NEW.state FROM events;
    END IF;
    IF NEW.taker_tenant <> COALESCE(NEW.provider_tenant, '') AND NEW.state NOT IN ('ordered', 'failed') THEN
        INSERT INTO events (number, tenant, time_ms, subject, reference, state)
        SELECT COALESCE(MAX(number), 0) + 1, NEW.taker_tenant, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT,
            'quote', NEW.number, NEW.state FROM events;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER quotes_begun AFTER INSERT ON quotes FOR EACH ROW EXECUTE FUNCTION note_quote();
CREATE TRIGGER quotes_moved AFTER UPDATE ON quotes FOR EACH ROW WHEN (OLD.state <> NEW.state)
    EXECUTE FUNCTION note_quote();
CREATE FUNCTION fail_quote() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE quotes SET state = 'failed' WHERE number = NEW.quote AND state = 'ordered';
    RETURN NULL;
END $$;
CREATE TRIGGER quotes_failed AFTER UPDATE ON orders FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND NEW.kind = 'quote' AND NEW.state IN ('refused', 'cancelled')) EXECUTE FUNCTION fail_quote();
