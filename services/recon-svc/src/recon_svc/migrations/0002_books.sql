-- The books: journals and entries that are never changed, and the sums kept beside them.

-- One row per tenant: whoever posts locks it, so a tenant's books have one writer at a time.
create table books (
    tenant_id uuid not null primary key,
    state text not null default 'ok' check (state in ('ok', 'broken')),
    journal_no bigint not null default 0,
    proved_no bigint not null default 0,
    broken_at timestamptz,
    facts_at timestamptz,
    updated_at timestamptz not null
);

create table journal (
    tenant_id uuid not null,
    journal_id uuid not null,
    journal_no bigint not null,
    kind text not null,
    subject_id uuid not null,
    against_id uuid,
    customer_id uuid,
    currency text not null,
    amount_minor bigint not null check (amount_minor > 0),
    posted_on date not null,
    recorded_at timestamptz not null,
    mirror_of uuid,
    decision_id uuid,
    actor text not null,
    reason text,
    primary key (tenant_id, journal_id),
    unique (tenant_id, journal_no)
);
-- A journal is taken back at most once.
create unique index journal_mirror on journal (tenant_id, mirror_of) where mirror_of is not null;
create index journal_recorded on journal (tenant_id, recorded_at, journal_id);
create index journal_subject on journal (tenant_id, subject_id);
create index journal_against on journal (tenant_id, against_id) where against_id is not null;

-- The journals that are not taken back. Its unique key is what keeps a fact from being booked twice.
create table live_posting (
    tenant_id uuid not null,
    kind text not null,
    subject_id uuid not null,
    against_id uuid,
    customer_id uuid,
    currency text not null,
    amount_minor bigint not null check (amount_minor > 0),
    posted_on date not null,
    journal_id uuid not null,
    primary key (tenant_id, journal_id),
    unique nulls not distinct (tenant_id, subject_id, kind, against_id, customer_id)
);

-- Debits are positive, credits negative. `customer_id` only on accounts kept per customer.
create table entry (
    tenant_id uuid not null,
    journal_id uuid not null,
    line_no smallint not null,
    account text not null check (account ~ '^[1-9][0-9]{3}$'),
    customer_id uuid,
    item_id uuid,
    currency text not null,
    amount_minor bigint not null check (amount_minor <> 0),
    posted_on date not null,
    primary key (tenant_id, journal_id, line_no),
    check ((account in ('1100', '2100', '2120')) = (customer_id is not null))
);
create index entry_account on entry (tenant_id, account, customer_id, currency);

create function entries_balance() returns trigger language plpgsql as $$
declare
    broken uuid;
begin
    select journal_id into broken from fresh
     group by tenant_id, journal_id, currency having sum(amount_minor) <> 0 limit 1;
    if broken is not null then
        raise exception 'journal % does not balance', broken using errcode = 'check_violation';
    end if;
    return null;
end $$;

create trigger entries_balance after insert on entry
    referencing new table as fresh for each statement execute function entries_balance();

-- Sums of the entries. The nil uuid stands for accounts without a customer.
create table account_balance (
    tenant_id uuid not null,
    account text not null,
    customer_id uuid not null,
    currency text not null,
    balance_minor bigint not null,
    updated_at timestamptz not null,
    primary key (tenant_id, account, customer_id, currency)
);
create index account_balance_customer on account_balance (tenant_id, customer_id);

create table open_item (
    tenant_id uuid not null,
    item_id uuid not null,
    side text not null check (side in ('debit', 'credit')),
    number text not null,
    customer_id uuid not null,
    currency text not null,
    issued_on date not null,
    due_on date not null,
    original_minor bigint not null,
    open_minor bigint not null check (open_minor > 0),
    paid_minor bigint not null check (paid_minor >= 0),
    credited_minor bigint not null check (credited_minor >= 0),
    voided_minor bigint not null check (voided_minor >= 0),
    accepted_minor bigint not null check (accepted_minor >= 0),
    applied_minor bigint not null generated always as (paid_minor + credited_minor) stored,
    adjusted_minor bigint not null generated always as (voided_minor + accepted_minor) stored,
    at_rest boolean not null,
    updated_at timestamptz not null,
    primary key (tenant_id, item_id),
    check (original_minor
           = open_minor + paid_minor + credited_minor + voided_minor + accepted_minor)
);
create index open_item_customer on open_item (tenant_id, customer_id, currency);
create index open_item_updated on open_item (tenant_id, updated_at, item_id);

-- Closed items keep the same shape. `at_rest`: closed by references alone, so no later payment
-- without a reference can have a say in them.
create table closed_item (
    like open_item including generated,
    primary key (tenant_id, item_id),
    check (open_minor = 0),
    check (side in ('debit', 'credit')),
    check (least(paid_minor, credited_minor, voided_minor, accepted_minor) >= 0),
    check (original_minor = paid_minor + credited_minor + voided_minor + accepted_minor)
);
create index closed_item_stirring on closed_item (tenant_id, customer_id) where not at_rest;
create index closed_item_updated on closed_item (tenant_id, updated_at, item_id);

create view item with (security_invoker = true) as
    select * from open_item union all select * from closed_item;

create table credit_application (
    tenant_id uuid not null,
    credit_note_id uuid not null,
    invoice_id uuid not null,
    amount_minor bigint not null check (amount_minor > 0),
    applied_on date not null,
    primary key (tenant_id, credit_note_id, invoice_id)
);
create index credit_application_invoice on credit_application (tenant_id, invoice_id);

create table payment_state (
    tenant_id uuid not null,
    payment_id uuid not null,
    customer_id uuid,
    currency text not null,
    received_minor bigint not null check (received_minor > 0),
    applied_minor bigint not null check (applied_minor >= 0),
    unapplied_minor bigint not null check (unapplied_minor >= 0),
    on_account_minor bigint not null check (on_account_minor >= 0),
    unidentified_minor bigint not null check (unidentified_minor >= 0),
    refunded_minor bigint not null check (refunded_minor >= 0),
    reversed_minor bigint not null check (reversed_minor >= 0),
    tier text not null,
    decision_id uuid not null,
    policy_sha256 text not null,
    updated_at timestamptz not null,
    primary key (tenant_id, payment_id),
    check (received_minor = applied_minor + unapplied_minor + on_account_minor
           + unidentified_minor + refunded_minor + reversed_minor)
);
create index payment_state_twin on payment_state (tenant_id, customer_id, received_minor)
    where customer_id is not null;

-- Payments that may still move without a new reference: held money, or matched by amount.
create table live_payment (
    tenant_id uuid not null,
    payment_id uuid not null,
    customer_id uuid,
    payer_account text,
    primary key (tenant_id, payment_id)
);
create index live_payment_customer on live_payment (tenant_id, customer_id)
    where customer_id is not null;
create index live_payment_payer on live_payment (tenant_id, payer_account)
    where payer_account is not null;

-- The allocation's id is that of the journal that applied it.
create table allocation (
    tenant_id uuid not null,
    allocation_id uuid not null,
    payment_id uuid not null,
    invoice_id uuid not null,
    amount_minor bigint not null check (amount_minor > 0),
    proof text not null,
    decision_id uuid not null,
    made_at timestamptz not null,
    ended_by uuid,
    ended_at timestamptz,
    primary key (tenant_id, allocation_id)
);
create unique index allocation_live on allocation (tenant_id, payment_id, invoice_id)
    where ended_by is null;
create index allocation_invoice on allocation (tenant_id, invoice_id) where ended_by is null;

select protect('books');
select append_only('journal');
select protect('live_posting');
select append_only('entry');
select protect('account_balance');
select protect('open_item');
select protect('closed_item');
select protect('credit_application');
select protect('payment_state');
select protect('live_payment');
select protect('allocation');
grant select on item to recon_app;
