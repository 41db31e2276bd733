create table subscription (
    tenant_id uuid not null,
    subscription_id uuid not null,
    url text not null,
    event_types text[] not null check (cardinality(event_types) > 0),
    status text not null check (status in ('active', 'disabled')),
    description text not null,
    disabled_reason text,
    version bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, subscription_id)
);
create index subscription_by_change on subscription (tenant_id, updated_at, subscription_id);

-- Encrypted; `expires_at` is set when a newer secret takes over.
create table subscription_secret (
    tenant_id uuid not null,
    subscription_id uuid not null,
    secret_id uuid not null,
    sealed bytea not null,
    created_at timestamptz not null,
    expires_at timestamptz,
    primary key (tenant_id, subscription_id, secret_id),
    foreign key (tenant_id, subscription_id) references subscription on delete cascade
);

select protect('subscription');
select protect('subscription_secret');
