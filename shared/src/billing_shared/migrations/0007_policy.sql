-- A tenant's own policy versions; the one in force on a fact's business date decides.
create table policy_version (
    tenant_id uuid not null,
    policy_id uuid not null,
    effective_on date not null,
    body text not null,
    sha256 text not null,
    author text not null,
    reason text,
    recorded_at timestamptz not null,
    primary key (tenant_id, policy_id)
);
create index policy_version_in_force on policy_version (tenant_id, effective_on desc, recorded_at desc);
select append_only('policy_version');
