-- Facts of other services, as they were published, and the keys by which they find each other.

create table seller_copy (
    tenant_id uuid not null primary key,
    sequence bigint not null,
    name text not null,
    time_zone text not null,
    base_currency text not null,
    recorded_at timestamptz not null
);

create table customer_copy (
    tenant_id uuid not null,
    customer_id uuid not null,
    sequence bigint not null,
    status text not null check (status in ('active', 'anonymised')),
    name text not null,
    external_ref text,
    recorded_at timestamptz not null,
    primary key (tenant_id, customer_id)
);

-- Account numbers of active customers. One that two customers list identifies neither.
create table payer_account (
    tenant_id uuid not null,
    account text not null,
    customer_id uuid not null,
    primary key (tenant_id, account, customer_id)
);
create index payer_account_customer on payer_account (tenant_id, customer_id);

create table invoice_fact (
    tenant_id uuid not null,
    invoice_id uuid not null,
    number text not null,
    customer_id uuid not null,
    currency text not null,
    issued_on date not null,
    due_on date not null,
    gross_minor bigint not null check (gross_minor >= 0),
    due_minor bigint not null check (due_minor between 0 and gross_minor),
    payment_reference text not null,
    external_ref text,
    recorded_at timestamptz not null,
    primary key (tenant_id, invoice_id)
);

create table credit_note_fact (
    tenant_id uuid not null,
    credit_note_id uuid not null,
    number text not null,
    invoice_id uuid not null,
    customer_id uuid not null,
    currency text not null,
    issued_on date not null,
    gross_minor bigint not null check (gross_minor >= 0),
    recorded_at timestamptz not null,
    primary key (tenant_id, credit_note_id)
);
create index credit_note_fact_invoice on credit_note_fact (tenant_id, invoice_id);

-- A void may come before its invoice; it is remembered here until then.
create table void_fact (
    tenant_id uuid not null,
    invoice_id uuid not null,
    voided_on date not null,
    recorded_at timestamptz not null,
    primary key (tenant_id, invoice_id)
);

create table payment_fact (
    tenant_id uuid not null,
    payment_id uuid not null,
    amount_minor bigint not null check (amount_minor > 0),
    currency text not null,
    booked_on date not null,
    value_on date not null,
    account text not null,
    payer_name text,
    payer_account text,
    customer_id uuid,
    remittance_lines text[] not null,
    reference_kinds text[] not null,
    reference_values text[] not null,
    statement_id uuid,
    recorded_at timestamptz not null,
    primary key (tenant_id, payment_id),
    check (cardinality(reference_kinds) = cardinality(reference_values))
);
create index payment_fact_payer on payment_fact (tenant_id, payer_account)
    where payer_account is not null;
create index payment_fact_customer on payment_fact (tenant_id, customer_id)
    where customer_id is not null;

create table reversal_fact (
    tenant_id uuid not null,
    reversal_id uuid not null,
    payment_id uuid,
    amount_minor bigint not null check (amount_minor > 0),
    currency text not null,
    booked_on date not null,
    value_on date not null,
    kind text not null,
    reason_code text,
    reference_kinds text[] not null,
    reference_values text[] not null,
    recorded_at timestamptz not null,
    primary key (tenant_id, reversal_id),
    check (cardinality(reference_kinds) = cardinality(reference_values))
);
create index reversal_fact_payment on reversal_fact (tenant_id, payment_id)
    where payment_id is not null;

create table statement_fact (
    tenant_id uuid not null,
    statement_id uuid not null,
    sequence bigint not null,
    account text not null,
    currency text not null,
    opened_on date not null,
    closed_on date not null,
    opening_minor bigint not null,
    closing_minor bigint not null,
    credits_minor bigint not null,
    debits_minor bigint not null,
    state text not null check (state in ('proved', 'quarantined')),
    recorded_at timestamptz not null,
    primary key (tenant_id, statement_id)
);

-- Keys of items and tokens of payments meet here, from either side, whichever comes first.
create table item_key (
    tenant_id uuid not null,
    key_norm text not null,
    invoice_id uuid not null,
    primary key (tenant_id, key_norm, invoice_id)
);
create index item_key_invoice on item_key (tenant_id, invoice_id);

create table payment_token (
    tenant_id uuid not null,
    key_norm text not null,
    payment_id uuid not null,
    primary key (tenant_id, key_norm, payment_id)
);
create index payment_token_payment on payment_token (tenant_id, payment_id);

-- Ids given by banks, by which a reversal may name its payment.
create table bank_key (
    tenant_id uuid not null,
    kind text not null check (kind in ('end-to-end', 'bank')),
    value text not null,
    payment_id uuid,
    reversal_id uuid,
    check (num_nonnulls(payment_id, reversal_id) = 1),
    unique nulls not distinct (tenant_id, kind, value, payment_id, reversal_id)
);
create index bank_key_payment on bank_key (tenant_id, payment_id) where payment_id is not null;
create index bank_key_reversal on bank_key (tenant_id, reversal_id) where reversal_id is not null;

-- What people decided. `seq` is the order in which they did; the machine never undoes it.
create table resolution (
    tenant_id uuid not null,
    resolution_id uuid not null,
    seq bigint not null generated always as identity,
    action text not null
        check (action in ('apply', 'un-apply', 'keep-on-account', 'accept-short', 'dismiss')),
    discrepancy_id uuid,
    payment_id uuid,
    invoice_id uuid,
    customer_id uuid,
    code text,
    amount_minor bigint check (amount_minor > 0),
    reason text not null check (reason <> ''),
    actor text not null,
    role text,
    decided_at timestamptz not null,
    primary key (tenant_id, resolution_id),
    check ((action in ('apply', 'un-apply', 'keep-on-account')) = (payment_id is not null)),
    check ((action = 'keep-on-account') = (invoice_id is null)),
    check ((action = 'un-apply') = (amount_minor is null))
);
create index resolution_payment on resolution (tenant_id, payment_id)
    where payment_id is not null;
create index resolution_invoice on resolution (tenant_id, invoice_id)
    where invoice_id is not null;

select protect('seller_copy');
select protect('customer_copy');
select protect('payer_account');
select protect('invoice_fact');
select protect('credit_note_fact');
select protect('void_fact');
select protect('payment_fact');
select protect('reversal_fact');
select protect('statement_fact');
select protect('item_key');
select protect('payment_token');
select protect('bank_key');
select append_only('resolution');
