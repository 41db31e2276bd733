-- Discrepancies that recon-svc told us of. Found and resolved travel on two topics, so a resolution
-- may come first: its row then waits, closed, for what it resolves.

create table attention (
    tenant_id uuid not null,
    discrepancy_id uuid not null,
    invoice_id uuid,
    code text not null,
    amount_minor bigint check (amount_minor >= 0),
    is_open boolean not null,
    as_of timestamptz not null,
    primary key (tenant_id, discrepancy_id)
);
create index attention_open on attention (tenant_id, invoice_id) where is_open;
select protect('attention');
