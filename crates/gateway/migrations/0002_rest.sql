-- What JSON needs beside messages. {key}, {bytes}, {text}: see 0001.

-- Which order a caller's key made, so that the same call has the same answer. digest: of what was asked.
CREATE TABLE requests (
    number      {key},
    tenant      {text}   NOT NULL,
    name        {text}   NOT NULL,
    digest      {bytes}  NOT NULL,
    message     BIGINT   NOT NULL,
    created_ms  BIGINT   NOT NULL
);
CREATE UNIQUE INDEX requests_by_name ON requests (tenant, name);

-- What happened, in the order in which it became durable. subject: payment (reference: the order; state: its new one) or
-- notification (reference: the answer). Triggers write it, so that no way to change an order goes past it.
CREATE TABLE events (
    number     {key},
    tenant     {text}  NOT NULL,
    time_ms    BIGINT  NOT NULL,
    subject    {text}  NOT NULL,
    reference  BIGINT  NOT NULL,
    state      {text}  NOT NULL
);
CREATE INDEX events_by_tenant ON events (tenant, number);
CREATE INDEX events_by_reference ON events (reference, subject);

-- How far each tenant's own server was told: the last event that it has, failures since then, when it is tried again.
CREATE TABLE webhooks (
    tenant    {text}  NOT NULL PRIMARY KEY,
    event     BIGINT  NOT NULL,
    failures  BIGINT  NOT NULL,
    next_ms   BIGINT  NOT NULL
);

CREATE INDEX orders_by_tenant ON orders (tenant, number);
CREATE INDEX orders_by_end_to_end ON orders (tenant, end_to_end);
CREATE INDEX submissions_by_hash ON submissions (hash);
CREATE INDEX entries_by_tenant ON entries (tenant, number);
