-- What does not add up, why each payment was decided as it was, and the proofs of the books.

create table discrepancy (
    tenant_id uuid not null,
    discrepancy_id uuid not null,
    code text not null,
    family text not null check (family in ('cash', 'item')),
    severity text not null check (severity in ('S1', 'S2', 'S3', 'S4')),
    subject_id uuid not null,
    customer_id uuid,
    payment_id uuid,
    invoice_id uuid,
    currency text not null,
    amount_minor bigint not null check (amount_minor > 0),
    evidence jsonb not null,
    suggested_action text not null,
    suggested_reason text not null,
    decision_id uuid not null,
    due_at timestamptz not null,
    found_at timestamptz not null,
    state text not null default 'open' check (state in ('open', 'resolved')),
    resolution text,
    superseded_by uuid,
    journal_ids uuid[] not null default '{}',
    resolved_by text,
    resolved_reason text,
    resolved_at timestamptz,
    updated_at timestamptz not null,
    primary key (tenant_id, discrepancy_id),
    check ((state = 'resolved') = (resolution is not null)),
    check (superseded_by is null or resolution = 'superseded')
);
-- Every held cent belongs to exactly one open discrepancy, and an item is asked about once per code.
create unique index discrepancy_cash on discrepancy (tenant_id, subject_id)
    where state = 'open' and family = 'cash';
create unique index discrepancy_item on discrepancy (tenant_id, code, subject_id)
    where state = 'open' and family = 'item';
create index discrepancy_open on discrepancy (tenant_id, subject_id) where state = 'open';
create index discrepancy_updated on discrepancy (tenant_id, updated_at, discrepancy_id);
create index discrepancy_payment on discrepancy (tenant_id, payment_id)
    where payment_id is not null;
create index discrepancy_invoice on discrepancy (tenant_id, invoice_id)
    where invoice_id is not null;
create index discrepancy_customer on discrepancy (tenant_id, customer_id)
    where customer_id is not null;

-- The explanation: what was known, by which policy, and what followed. Replaying gives the same.
create table decision (
    tenant_id uuid not null,
    decision_id uuid not null,
    decided_at timestamptz not null,
    inputs text not null,
    inputs_sha256 text not null,
    policy text not null,
    policy_sha256 text not null,
    outcome text not null,
    actor text not null,
    primary key (tenant_id, decision_id)
);

create table decision_payment (
    tenant_id uuid not null,
    payment_id uuid not null,
    decision_id uuid not null,
    tier text not null,
    primary key (tenant_id, payment_id, decision_id)
);

create table proof (
    tenant_id uuid not null,
    proof_id uuid not null,
    kind text not null check (kind in ('incremental', 'full')),
    state text not null check (state in ('proved', 'broken')),
    journals bigint not null,
    entries bigint not null,
    journal_no bigint not null,
    differences jsonb not null,
    asked_by text not null,
    proved_at timestamptz not null,
    primary key (tenant_id, proof_id)
);
create index proof_at on proof (tenant_id, proved_at, proof_id);

select protect('discrepancy');
select append_only('decision');
select append_only('decision_payment');
select append_only('proof');
