-- Tenants, jobs, and what operators ask the worker to do.

create table tenant (
    tenant_id uuid primary key,
    time_zone text not null
);
select only_own_tenant('tenant');
select worker_sees_all('tenant');
select let_app('tenant', 'select, insert, update');

-- One row per job, tenant and local date; the nil UUID stands for "all tenants".
create table job_run (
    job text not null,
    tenant_id uuid not null default '00000000-0000-0000-0000-000000000000',
    local_date date not null,
    state text not null check (state in ('done', 'failed')),
    attempts int not null default 1,
    reason text,
    ended_at timestamptz not null default now(),
    primary key (job, tenant_id, local_date)
);
select let_worker('job_run', 'select, insert, update, delete');

create view job_run_summary as
select job, tenant_id, local_date, state, attempts, reason, ended_at
from job_run
where tenant_id in ('00000000-0000-0000-0000-000000000000',
    nullif(current_setting('app.tenant_id', true), '')::uuid);
select let_app('job_run_summary', 'select');

-- kind and arguments:
--   replay-dead-letters  {"dead_letter_ids": [uuid]}, or {} for all open ones
--   replay-outbox        {"since": instant, "until": instant?, "topics": [text]?}
--   resume-consumer      {}
--   run-job              {"job": text, "local_date": date}
-- tenant_id null is the whole service, and only a command of the service itself may ask for it.
create table operator_request (
    request_id uuid primary key,
    tenant_id uuid,
    kind text not null check (kind in
        ('replay-dead-letters', 'replay-outbox', 'resume-consumer', 'run-job')),
    arguments jsonb not null default '{}',
    requested_by text not null,
    reason text not null,
    requested_at timestamptz not null default now(),
    state text not null default 'waiting' check (state in ('waiting', 'done', 'failed')),
    result jsonb,
    ended_at timestamptz
);
create index operator_request_waiting on operator_request (requested_at) where state = 'waiting';
create index operator_request_tenant on operator_request (tenant_id, requested_at);
select only_own_tenant('operator_request');
select worker_sees_all('operator_request');
select let_app('operator_request', 'select, insert');
select let_worker('operator_request', 'update');
