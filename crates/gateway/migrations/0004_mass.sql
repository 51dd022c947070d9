-- Ways to many orders at once: how many of a message are in which state; what an account has to sign, batch by batch; the
-- items of a batch that was paid.
CREATE INDEX orders_by_progress ON orders (message, state);
CREATE INDEX orders_to_sign ON orders (state, signer, message, part, kind, number);
CREATE INDEX orders_by_part ON orders (part_uetr);
