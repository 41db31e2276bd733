-- The events there are deliveries of, and all events of tenants that have subscriptions: what a
-- replay can give back. `body` is what was signed and sent, to the byte.
create table event (
    tenant_id uuid not null,
    event_id uuid not null,
    type text not null,
    subject_id uuid not null,
    occurred_at timestamptz not null,
    body text not null,
    stored_at timestamptz not null,
    primary key (tenant_id, event_id)
);
create index event_by_time on event (tenant_id, occurred_at, event_id);
create index event_by_age on event (tenant_id, stored_at);

-- `target_id` is the subscription (webhook) or the customer (mail): one row per receiver and event,
-- so that an event heard twice is told once.
create table delivery (
    tenant_id uuid not null,
    delivery_id uuid not null,
    channel text not null check (channel in ('webhook', 'mail')),
    event_id uuid not null,
    event_type text not null,
    subject_id uuid not null,
    target_id uuid not null,
    state text not null
        check (state in ('waiting', 'pending', 'delivered', 'failed', 'unknown', 'cancelled')),
    tries integer not null default 0 check (tries >= 0),
    reason text,
    next_attempt_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, delivery_id),
    foreign key (tenant_id, event_id) references event on delete cascade
);
create unique index delivery_once on delivery (tenant_id, event_id, channel, target_id);
create index delivery_by_change on delivery (tenant_id, updated_at, delivery_id);
create index delivery_by_target on delivery (tenant_id, target_id, updated_at, delivery_id);
create index delivery_by_subject on delivery (tenant_id, subject_id);
create index delivery_waiting on delivery (tenant_id, target_id) where state = 'waiting';

-- Committed before the call, completed after it; `result` null is a call that is under way, or whose
-- worker died. `recipients` are masked.
create table attempt (
    tenant_id uuid not null,
    attempt_id uuid not null,
    delivery_id uuid not null,
    started_at timestamptz not null,
    ended_at timestamptz,
    result text check (result in ('delivered', 'failed', 'unknown')),
    status_code integer,
    detail text,
    excerpt text,
    recipients text[],
    primary key (tenant_id, attempt_id),
    foreign key (tenant_id, delivery_id) references delivery on delete cascade
);
create index attempt_by_delivery on attempt (tenant_id, delivery_id, attempt_id);

select protect('event');
select protect('delivery');
select protect('attempt');

-- What is due, over all tenants: ids and times only. The sender serves everybody; the API process may
-- put something in (a redelivery) but not look. Of ten thousand due to one target, the few under way
-- are counted by an index of their own.
create table delivery_due (
    delivery_id uuid primary key,
    tenant_id uuid not null,
    target_id uuid not null,
    due_at timestamptz not null,
    lease_id uuid,
    leased_until timestamptz,
    foreign key (tenant_id, delivery_id) references delivery on delete cascade
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);
create index delivery_due_by_target on delivery_due (target_id, due_at);
create index delivery_due_leased on delivery_due (target_id) where leased_until is not null;
create index delivery_due_by_delivery on delivery_due (tenant_id, delivery_id);

select only_own_tenant('delivery_due');
select worker_sees_all('delivery_due');
select let_app('delivery_due', 'insert');
select let_worker('delivery_due', 'select, update, delete');
