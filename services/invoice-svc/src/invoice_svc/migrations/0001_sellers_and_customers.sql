-- The tenant as seller, and whom it bills. `details` is the whole state as the domain has it.

create table seller (
    tenant_id uuid primary key,
    details jsonb not null,
    version bigint not null check (version > 0),
    updated_at timestamptz not null
);
select protect('seller');

create table customer (
    tenant_id uuid not null,
    customer_id uuid not null,
    external_ref text,
    status text not null check (status in ('active', 'anonymised')),
    name text not null,
    details jsonb not null,
    audit_salt bytea,
    version bigint not null check (version > 0),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, customer_id),
    constraint anonymised_is_forgotten check (
        (status = 'active' and audit_salt is not null)
        or (status = 'anonymised' and audit_salt is null and external_ref is null and name = '')
    )
);
create unique index customer_external_ref on customer (tenant_id, external_ref)
    where external_ref is not null;
create index customer_updated on customer (tenant_id, updated_at, customer_id);
select protect('customer');
