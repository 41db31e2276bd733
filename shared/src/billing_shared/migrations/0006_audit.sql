-- Who changed what, and why: written in the transaction of the change, chained by the sealer later.
create table audit_entry (
    tenant_id uuid not null,
    entry_id uuid not null,
    at timestamptz not null,
    actor_kind text not null,
    actor_id text not null,
    action text not null,
    subject_kind text not null,
    subject_id text not null,
    reason text,
    before jsonb,
    after jsonb,
    correlation_id uuid,
    primary key (tenant_id, entry_id)
);
create index audit_entry_subject on audit_entry (tenant_id, subject_kind, subject_id);
select append_only('audit_entry');
select worker_sees_all('audit_entry');

-- Entries no seal covers yet: the sealer selects by membership, never by a cursor, which would lose
-- entries that commit late.
create table audit_unsealed (
    tenant_id uuid not null,
    entry_id uuid not null,
    primary key (tenant_id, entry_id)
) with (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500);
select let_app('audit_unsealed', 'insert');
select let_worker('audit_unsealed', 'select, delete');

-- The chain of a tenant: each link hashes its entry and the link before.
create table audit_seal (
    tenant_id uuid not null,
    number bigint not null,
    entry_id uuid not null,
    previous_sha256 bytea not null,
    sha256 bytea not null,
    sealed_at timestamptz not null default now(),
    primary key (tenant_id, number),
    unique (tenant_id, entry_id)
);
select only_own_tenant('audit_seal');
select worker_sees_all('audit_seal');
select let_app('audit_seal', 'select');
select let_worker('audit_seal', 'insert');
