-- An anonymised customer's state lists no accounts. That must not take paid invoices back, so the
-- accounts of its newest active state stay; this is that state's sequence.
alter table customer_copy add column accounts_sequence bigint not null default 0;
