CREATE FUNCTION note_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (number, tenant, time_ms, subject, reference, state)
    SELECT COALESCE(MAX(number), 0) + 1, NEW.tenant, (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::BIGINT, 'payment',
        NEW.number, NEW.state FROM events;
    RETURN NULL;
END $$;
CREATE FUNCTION note_answer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO events (number, tenant, time_ms, subject, reference, state)
    SELECT COALESCE(MAX(number), 0) + 1, NEW.tenant, NEW.created_ms, 'notification', NEW.number, NEW.purpose FROM events;
    RETURN NULL;
END $$;
CREATE TRIGGER orders_begun AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION note_order();
CREATE TRIGGER orders_moved AFTER UPDATE ON orders FOR EACH ROW WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION note_order();
CREATE TRIGGER answers_told AFTER INSERT ON answers FOR EACH ROW WHEN (NEW.purpose = 'notification')
    EXECUTE FUNCTION note_answer();
