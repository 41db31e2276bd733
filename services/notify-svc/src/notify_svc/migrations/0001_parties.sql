-- Copies of what invoice-svc owns, as far as a mail needs it. State events carry the whole state:
-- the highest sequence wins. Sequence 0 is a row made only to be locked (see usecases/queue_mails).
create table customer (
    tenant_id uuid not null,
    customer_id uuid not null,
    sequence bigint not null,
    state jsonb,
    updated_at timestamptz not null,
    primary key (tenant_id, customer_id)
);

create table seller (
    tenant_id uuid not null,
    sequence bigint not null,
    state jsonb,
    updated_at timestamptz not null,
    primary key (tenant_id)
);

-- An invoice taken back gets no mail, even if its voiding is heard of before its issue.
create table voided_invoice (
    tenant_id uuid not null,
    invoice_id uuid not null,
    voided_at timestamptz not null,
    primary key (tenant_id, invoice_id)
);

select protect('customer');
select protect('seller');
select protect('voided_invoice');
