-- Plans made while a table is small find every index that starts with the tenant equally cheap, and
-- read all allocations of the tenant to find those of one payment. Each of these two can now only
-- serve the look-up it is for: its condition follows from comparing the column, and from nothing else.
drop index allocation_live;
drop index allocation_invoice;
create unique index allocation_live on allocation (tenant_id, payment_id, invoice_id)
    where ended_by is null and payment_id is not null;
create index allocation_invoice on allocation (tenant_id, invoice_id)
    where ended_by is null and invoice_id is not null;
