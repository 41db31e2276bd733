-- Events to publish: insert-only, one column per envelope attribute, the columns of Debezium's
-- outbox event router (aggregatetype, aggregateid, type, payload) plus topic, so that a connector
-- can replace our relay by configuration. Kept 35 days, in partitions of one week.

create sequence outbox_seq;

create table outbox (
    seq bigint not null,
    id uuid not null,
    aggregatetype varchar(255) not null,
    aggregateid varchar(255) not null,
    type varchar(255) not null,
    topic text not null,
    payload text not null,
    specversion text not null default '1.0',
    source text not null,
    subject text not null,
    time text not null,
    dataschema text not null,
    datacontenttype text not null default 'application/json',
    tenantid uuid not null,
    sequence bigint not null,
    correlationid uuid not null,
    causationid uuid,
    traceparent text,
    created_at timestamptz not null default now(),
    primary key (id, created_at)
) partition by range (created_at);
create index outbox_by_seq on outbox (seq);

-- Catches what no week was made for, so that a missing partition never refuses business.
create table outbox_default partition of outbox default;

-- What the broker has not acknowledged yet. Narrow, because it is written and deleted all the time.
create table outbox_pending (
    seq bigint primary key,
    created_at timestamptz not null,
    shard smallint not null
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, fillfactor = 80);

-- Four shards for ever: an aggregate must never change its shard, or two relays could reorder it.
create function shard_of(aggregate text) returns smallint
language sql immutable parallel safe
return (ascii(right(aggregate, 1)) & 3)::smallint;

-- Counts the events of an aggregate; its row is the aggregate's lock while events are added.
create table aggregate_sequence (
    tenant_id uuid not null,
    aggregate_id uuid not null,
    last bigint not null,
    primary key (tenant_id, aggregate_id)
) with (fillfactor = 80);

select only_own_tenant('aggregate_sequence');
select let_app('aggregate_sequence', 'select, insert, update');
select let_app('outbox', 'insert');
select let_app('outbox_pending', 'insert');
select let_app('outbox_seq', 'usage');
select let_worker('outbox', 'select');
select let_worker('outbox_pending', 'select, delete');

-- Partitions are the owner's; the worker asks for them through these two functions.
create function add_outbox_weeks(weeks_ahead int) returns int
language plpgsql security definer as $$
declare
    week timestamptz;
    part text;
    added int := 0;
begin
    for i in 0..weeks_ahead loop
        week := date_trunc('week', now(), 'UTC') + make_interval(weeks => i);
        part := 'outbox_' || to_char(week at time zone 'UTC', 'IYYY_IW');
        continue when to_regclass(part) is not null;
        execute format('create table %I (like outbox including defaults including constraints)', part);
        -- Rows that came before their week was made would refuse the partition.
        execute format('with late as (delete from outbox_default where created_at >= %L '
            'and created_at < %L returning *) insert into %I select * from late',
            week, week + interval '7 days', part);
        execute format('alter table outbox attach partition %I for values from (%L) to (%L)',
            part, week, week + interval '7 days');
        added := added + 1;
    end loop;
    return added;
end $$;

-- Drops the weeks that ended before `keep` ago, and never one with an event still to publish.
create function drop_outbox_weeks(keep interval) returns int
language plpgsql security definer as $$
declare
    part text;
    week timestamptz;
    dropped int := 0;
begin
    for part in
        select c.relname from pg_inherits i
        join pg_class c on c.oid = i.inhrelid
        where i.inhparent = to_regclass('outbox') and c.relname ~ '^outbox_\d{4}_\d{2}$'
    loop
        week := to_timestamp(right(part, 7), 'IYYY_IW')::timestamp at time zone 'UTC';
        continue when week + interval '7 days' > now() - keep;
        continue when exists (select from outbox_pending where created_at < week + interval '7 days');
        execute format('drop table %I', part);
        dropped := dropped + 1;
    end loop;
    return dropped;
end $$;

do $$
begin
    execute format('alter function add_outbox_weeks(int) set search_path = %I', current_schema());
    execute format('alter function drop_outbox_weeks(interval) set search_path = %I', current_schema());
    execute format('revoke execute on function add_outbox_weeks(int), drop_outbox_weeks(interval) from public');
    execute format('grant execute on function add_outbox_weeks(int), drop_outbox_weeks(interval) to %I',
        current_schema() || '_relay');
end $$;
select add_outbox_weeks(5);
