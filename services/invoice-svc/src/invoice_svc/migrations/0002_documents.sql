-- Invoices, their frozen documents, and the numbers they took.
-- An issued row keeps what stands on the paper; settlement and the void beside it may still move.

create table number_series (
    tenant_id uuid not null,
    series text not null check (series ~ '^[A-Z]{1,8}$'),
    last_no bigint not null default 0 check (last_no >= 0),
    last_issued_on date,
    primary key (tenant_id, series),
    constraint dated_once_used check ((last_no = 0) = (last_issued_on is null))
);
select protect('number_series');

create function spell_number(series text, series_no bigint) returns text
    language sql immutable strict
    return series || '-' || lpad(series_no::text, greatest(6, length(series_no::text)), '0');

create table invoice (
    tenant_id uuid not null,
    invoice_id uuid not null,
    customer_id uuid not null,
    external_ref text,
    state text not null check (state in ('draft', 'issued', 'void')),
    kind text not null check (kind in ('invoice', 'debit-note')),
    origin text not null check (origin in ('issued', 'imported')),
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    series text not null,
    series_no bigint,
    number text,
    issued_on date,
    due_on date,
    net_minor bigint not null check (net_minor >= 0),
    tax_minor bigint not null check (tax_minor >= 0),
    gross_minor bigint not null check (gross_minor between 0 and 999999999999999),
    payment_reference text,
    content_sha256 text,
    standing text check (standing in ('unpaid', 'partial', 'settled')),
    paid_minor bigint check (paid_minor >= 0),
    credited_minor bigint check (credited_minor >= 0),
    written_off_minor bigint check (written_off_minor >= 0),
    disputed_minor bigint check (disputed_minor >= 0),
    due_minor bigint check (due_minor >= 0),
    settlement_sequence bigint,
    settlement_at timestamptz,
    voided_on date,
    void_reason text,
    replaced_by uuid,
    credit_note_id uuid,
    draft_content jsonb,
    version bigint not null check (version > 0),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, invoice_id),
    foreign key (tenant_id, customer_id) references customer (tenant_id, customer_id),
    constraint totals_add_up check (net_minor + tax_minor = gross_minor),
    constraint settlement_adds_up check (
        due_minor = gross_minor - paid_minor - credited_minor - written_off_minor
    ),
    constraint issued_is_whole check (
        (state = 'draft' and num_nonnulls(
            number, series_no, issued_on, due_on, payment_reference, content_sha256, standing,
            paid_minor, credited_minor, written_off_minor, disputed_minor, due_minor,
            settlement_sequence, settlement_at, credit_note_id) = 0)
        or (state <> 'draft' and num_nulls(
            number, issued_on, due_on, payment_reference, content_sha256, standing,
            paid_minor, credited_minor, written_off_minor, disputed_minor, due_minor,
            settlement_sequence, settlement_at) = 0)
    ),
    constraint content_is_a_drafts check ((state = 'draft') = (draft_content is not null)),
    constraint due_after_issue check (due_on >= issued_on),
    constraint imported_is_external check (
        (origin = 'imported') = (series = 'external')
        and (origin = 'issued' or (state <> 'draft' and series_no is null))
    ),
    constraint number_is_spelled check (
        origin = 'imported' or state = 'draft' or number = spell_number(series, series_no)
    ),
    constraint void_has_reason check (
        (state = 'void') = (voided_on is not null) and (state = 'void') = (void_reason is not null)
    ),
    constraint void_or_credited check (state <> 'void' or credit_note_id is null)
);
-- Number first, so that a search by number alone finds it too. The spelling above makes a number
-- and its place in the series one and the same: unique here is unique there.
create unique index invoice_number on invoice (tenant_id, number, series)
    where number is not null;
create unique index invoice_external_ref on invoice (tenant_id, external_ref)
    where external_ref is not null;
create index invoice_updated on invoice (tenant_id, updated_at, invoice_id);
create index invoice_customer on invoice (tenant_id, customer_id, updated_at, invoice_id);
create index invoice_due on invoice (tenant_id, due_on) where due_minor > 0 and state = 'issued';
select protect('invoice');

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'an issued document never changes'
        using errcode = 'integrity_constraint_violation', table = tg_table_name;
end $$;

create trigger issued_stays before update on invoice for each row
    when (
        old.state <> 'draft' and (
            new.state = 'draft'
            or (old.state = 'void' and new.state <> 'void')
            or (new.tenant_id, new.invoice_id, new.customer_id, new.external_ref, new.kind,
                new.origin, new.currency, new.series, new.series_no, new.number, new.issued_on,
                new.due_on, new.net_minor, new.tax_minor, new.gross_minor, new.payment_reference,
                new.content_sha256, new.created_at)
            is distinct from
               (old.tenant_id, old.invoice_id, old.customer_id, old.external_ref, old.kind,
                old.origin, old.currency, old.series, old.series_no, old.number, old.issued_on,
                old.due_on, old.net_minor, old.tax_minor, old.gross_minor, old.payment_reference,
                old.content_sha256, old.created_at)
        )
    ) execute function refuse_change();
create trigger issued_is_kept before delete on invoice for each row
    when (old.state <> 'draft') execute function refuse_change();

-- Canonical JSON, byte for byte what the hash was taken of.
create table document (
    tenant_id uuid not null,
    document_id uuid not null,
    content text not null,
    content_sha256 text not null check (content_sha256 ~ '^[0-9a-f]{64}$'),
    primary key (tenant_id, document_id)
);
select append_only('document');

create table credit_note (
    tenant_id uuid not null,
    credit_note_id uuid not null,
    invoice_id uuid not null,
    customer_id uuid not null,
    currency text not null check (currency ~ '^[A-Z]{3}$'),
    series text not null,
    series_no bigint not null,
    number text not null check (number = spell_number(series, series_no)),
    issued_on date not null,
    reason text not null check (reason <> ''),
    net_minor bigint not null check (net_minor >= 0),
    tax_minor bigint not null check (tax_minor >= 0),
    gross_minor bigint not null check (gross_minor > 0),
    content_sha256 text not null,
    created_at timestamptz not null,
    primary key (tenant_id, credit_note_id),
    foreign key (tenant_id, invoice_id) references invoice (tenant_id, invoice_id),
    constraint totals_add_up check (net_minor + tax_minor = gross_minor)
);
create unique index credit_note_number on credit_note (tenant_id, number, series);
create unique index credit_note_once on credit_note (tenant_id, invoice_id);
create index credit_note_created on credit_note (tenant_id, created_at, credit_note_id);
select append_only('credit_note');
