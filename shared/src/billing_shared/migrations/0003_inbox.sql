-- What this service has consumed. None of it is in reach of the API process.

-- Kept 45 days, longer than any topic; ids are UUIDv7, so old rows are found by the primary key.
create table inbox (
    consumer_group text not null,
    event_id uuid not null,
    received_at timestamptz not null default now(),
    primary key (consumer_group, event_id)
);

-- The next offset, and which record was read last, to notice a log that was lost or made anew.
create table consumer_offset (
    consumer_group text not null,
    topic text not null,
    log_partition int not null,
    next_offset bigint not null,
    last_record text,
    changed_at timestamptz not null default now(),
    primary key (consumer_group, topic, log_partition)
) with (fillfactor = 70);

-- What the group reads, without prefix: needed to refill a broker that lost its log.
create table consumed_topic (
    consumer_group text not null,
    topic text not null,
    primary key (consumer_group, topic)
);

create table dead_letter (
    dead_letter_id uuid primary key,
    consumer_group text not null,
    topic text not null,
    log_partition int not null,
    log_offset bigint not null,
    event_id uuid not null,
    tenant_id uuid,
    key bytea,
    header_names text[] not null,
    header_values bytea[] not null,
    value bytea,
    code text not null,
    reason text not null,
    attempts int not null,
    state text not null default 'open' check (state in ('open', 'replayed')),
    died_at timestamptz not null default now(),
    replayed_at timestamptz,
    unique (consumer_group, event_id)
);
create index dead_letter_open on dead_letter (died_at) where state = 'open';

select let_worker('inbox', 'select, insert, delete');
select let_worker('consumer_offset', 'select, insert, update');
select let_worker('consumed_topic', 'select, insert, delete');
select let_worker('dead_letter', 'select, insert, update, delete');

-- What an operator may see: no payload. Letters nobody could read belong to no tenant.
create view dead_letter_summary as
select dead_letter_id, consumer_group, topic, log_partition, log_offset, event_id, tenant_id,
    code, reason, attempts, state, died_at, replayed_at
from dead_letter
where tenant_id is null
    or tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid;
select let_app('dead_letter_summary', 'select');
