-- Money in: our bank accounts, the files and statements of the bank, receipts and what was taken back.
-- Amounts are minor units of the row's currency.

create table bank_account (
    tenant_id  uuid        not null,
    account_id uuid        not null,
    account    text        not null check (account ~ '^[A-Z0-9][A-Z0-9./-]{0,33}$'),
    currency   text        not null check (currency ~ '^[A-Z]{3}$'),
    name       text        not null check (name <> ''),
    version    integer     not null default 1,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    primary key (tenant_id, account),
    -- The target of the foreign keys below: what is booked on an account is in its currency.
    unique (tenant_id, account, currency)
);
create index on bank_account (tenant_id, updated_at, account_id);

-- The file as the bank sent it, for evidence and for a later release; `content` is gzip.
create table bank_file (
    tenant_id   uuid        not null,
    file_id     uuid        not null,
    sha256      text        not null check (sha256 ~ '^[0-9a-f]{64}$'),
    message_id  text,
    message     text        not null,
    size_bytes  integer     not null,
    content     bytea       not null,
    received_at timestamptz not null,
    primary key (tenant_id, file_id),
    unique (tenant_id, sha256)
);

create table statement (
    tenant_id       uuid        not null,
    statement_id    uuid        not null,
    file_id         uuid        not null,
    statement_no    integer     not null check (statement_no > 0),
    account         text        not null,
    currency        text        not null,
    bank_id         text        not null,
    opened_on       date        not null,
    closed_on       date        not null check (closed_on >= opened_on),
    first_on        date,
    last_on         date,
    opening_minor   bigint,
    closing_minor   bigint,
    credits_count   integer     not null check (credits_count >= 0),
    credits_minor   bigint      not null check (credits_minor >= 0),
    debits_count    integer     not null check (debits_count >= 0),
    debits_minor    bigint      not null check (debits_minor >= 0),
    not_booked      integer     not null default 0,
    repeated        integer     not null default 0,
    state           text        not null
                    check (state in
                        ('proved', 'quarantined', 'released', 'superseded', 'repeated')),
    problems        jsonb       not null default '[]',
    gap_after       date,
    payments        integer     not null default 0,
    reversals       integer     not null default 0,
    superseded_by   uuid,
    same_as         uuid,
    released_at     timestamptz,
    released_by     text,
    release_reason  text,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    primary key (tenant_id, statement_id),
    unique (tenant_id, file_id, statement_no),
    foreign key (tenant_id, file_id) references bank_file (tenant_id, file_id),
    foreign key (tenant_id, account, currency)
        references bank_account (tenant_id, account, currency),
    constraint proved_adds_up check (
        state <> 'proved'
        or (opening_minor is not null and closing_minor is not null
            and opening_minor + credits_minor - debits_minor = closing_minor
            and problems = '[]')
    ),
    constraint released_is_signed check (
        state <> 'released'
        or (released_at is not null and released_by is not null and release_reason <> '')
    ),
    constraint superseded_names_its_successor check (
        (state = 'superseded') = (superseded_by is not null)
    ),
    constraint repeated_names_the_first check ((state = 'repeated') = (same_as is not null))
);
create index on statement (tenant_id, updated_at, statement_id);
create index on statement (tenant_id, account, opened_on);

-- One row per booked entry the bank ever showed us, however many files showed it.
create table statement_line (
    tenant_id    uuid    not null,
    entry_id     uuid    not null,
    account      text    not null,
    currency     text    not null,
    entry_key    uuid    not null,
    ordinal      integer not null check (ordinal > 0),
    direction    text    not null check (direction in ('credit', 'debit')),
    kind         text    not null check (
        kind in ('payment', 'reversal', 'outgoing', 'outgoing-returned', 'empty', 'mixed')),
    amount_minor bigint  not null check (amount_minor >= 0),
    booked_on    date    not null,
    value_on     date    not null,
    bank_ref     text,
    other_name   text,
    note         text,
    primary key (tenant_id, entry_id),
    unique (tenant_id, account, entry_key, ordinal),
    foreign key (tenant_id, account, currency)
        references bank_account (tenant_id, account, currency)
);

-- Which statement showed which entry, at which place of which line of the file.
create table line_sighting (
    tenant_id    uuid    not null,
    statement_id uuid    not null,
    entry_no     integer not null check (entry_no > 0),
    file_line    integer not null,
    entry_id     uuid    not null,
    primary key (tenant_id, statement_id, entry_no),
    foreign key (tenant_id, statement_id) references statement (tenant_id, statement_id),
    foreign key (tenant_id, entry_id) references statement_line (tenant_id, entry_id)
);
create index on line_sighting (tenant_id, entry_id);

create table payment (
    tenant_id        uuid        not null,
    payment_id       uuid        not null,
    source           text        not null check (source in ('bank-file', 'manual', 'processor')),
    account          text        not null,
    currency         text        not null,
    amount_minor     bigint      not null check (amount_minor > 0),
    booked_on        date        not null,
    value_on         date        not null,
    payer_name       text,
    payer_account    text,
    payer_bank       text,
    customer_id      uuid,
    -- What payer and bank said: remittance_lines, references, original.
    particulars      jsonb       not null check (jsonb_typeof(particulars) = 'object'),
    external_ref     text,
    statement_id     uuid,
    entry_no         integer,
    entry_id         uuid,
    part_no          integer,
    charges_minor    bigint,
    created_at       timestamptz not null,
    updated_at       timestamptz not null,
    primary key (tenant_id, payment_id),
    unique (tenant_id, external_ref),
    -- One entry is money once, whatever happens above.
    unique (tenant_id, entry_id, part_no),
    foreign key (tenant_id, account, currency)
        references bank_account (tenant_id, account, currency),
    foreign key (tenant_id, entry_id) references statement_line (tenant_id, entry_id),
    constraint bank_money_has_its_entry check (
        (source = 'bank-file') = (entry_id is not null)
        and (entry_id is null) = (part_no is null)
        and (entry_id is null) = (statement_id is null)
    )
);
create index on payment (tenant_id, updated_at, payment_id);
create index on payment (tenant_id, statement_id) where statement_id is not null;

-- The ids by which a bank names a payment again when it takes it back.
create table payment_bank_id (
    tenant_id  uuid not null,
    kind       text not null,
    value      text not null,
    payment_id uuid not null,
    primary key (tenant_id, kind, value, payment_id),
    foreign key (tenant_id, payment_id) references payment (tenant_id, payment_id)
);

create table reversal (
    tenant_id      uuid        not null,
    reversal_id    uuid        not null,
    payment_id     uuid,
    account        text        not null,
    currency       text        not null,
    amount_minor   bigint      not null check (amount_minor > 0),
    booked_on      date        not null,
    value_on       date        not null,
    kind           text        not null
                   check (kind in ('return', 'chargeback', 'recall', 'entered-in-error')),
    reason_code    text,
    reason         text,
    particulars    jsonb       not null check (jsonb_typeof(particulars) = 'object'),
    statement_id   uuid,
    entry_no       integer,
    entry_id       uuid,
    part_no        integer,
    created_at     timestamptz not null,
    primary key (tenant_id, reversal_id),
    -- A payment is taken back once.
    unique (tenant_id, payment_id),
    unique (tenant_id, entry_id, part_no),
    foreign key (tenant_id, payment_id) references payment (tenant_id, payment_id),
    foreign key (tenant_id, account, currency)
        references bank_account (tenant_id, account, currency),
    foreign key (tenant_id, entry_id) references statement_line (tenant_id, entry_id),
    constraint error_has_payment_and_reason check (
        kind <> 'entered-in-error' or (payment_id is not null and reason <> '')
    )
);
create index on reversal (tenant_id, statement_id) where statement_id is not null;

-- What recon-svc says became of a payment: the newest whole state. No foreign key: after a restore
-- it may speak of a payment we do not have any more.
create table payment_allocation (
    tenant_id  uuid        not null,
    payment_id uuid        not null,
    sequence   bigint      not null,
    as_of      timestamptz not null,
    allocation jsonb       not null,
    primary key (tenant_id, payment_id)
);

select protect('bank_account');
select append_only('bank_file');
select protect('statement');
select append_only('statement_line');
select append_only('line_sighting');
select protect('payment');
select append_only('payment_bank_id');
select append_only('reversal');
select protect('payment_allocation');
