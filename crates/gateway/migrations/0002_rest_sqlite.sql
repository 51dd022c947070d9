CREATE TRIGGER orders_begun AFTER INSERT ON orders BEGIN
    INSERT INTO events (tenant, time_ms, subject, reference, state)
    VALUES (NEW.tenant, CAST(unixepoch('subsec') * 1000 AS INTEGER), 'payment', NEW.number, NEW.state);
END;
CREATE TRIGGER orders_moved AFTER UPDATE OF state ON orders WHEN NEW.state <> OLD.state BEGIN
    INSERT INTO events (tenant, time_ms, subject, reference, state)
    VALUES (NEW.tenant, CAST(unixepoch('subsec') * 1000 AS INTEGER), 'payment', NEW.number, NEW.state);
END;
CREATE TRIGGER answers_told AFTER INSERT ON answers WHEN NEW.purpose = 'notification' BEGIN
    INSERT INTO events (tenant, time_ms, subject, reference, state)
    VALUES (NEW.tenant, NEW.created_ms, 'notification', NEW.number, NEW.purpose);
END;
