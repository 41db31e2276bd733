-- The first answer to a POST, under its Idempotency-Key, for 7 days. The row is inserted first (its
-- unique key makes a concurrent copy wait) and the answer is stored in the same transaction.
create table idempotency_key (
    tenant_id uuid not null,
    client_id text not null,
    route text not null,
    key text not null check (length(key) between 1 and 255),
    request_sha256 bytea not null,
    status smallint,
    headers jsonb,
    body bytea,
    created_at timestamptz not null default now(),
    primary key (tenant_id, client_id, route, key)
);
-- Rows come in order of time: a block range index finds the old ones at almost no cost.
create index idempotency_key_age on idempotency_key using brin (created_at);
select protect('idempotency_key');
select worker_sees_all('idempotency_key');
