-- What every POST begins with, in one round trip: the tenant is set, the key is taken. No row means
-- the request is new; a row is what became of the first one. A concurrent copy waits on the unique
-- key until the first commits, at most lock_timeout, and then reads its answer.
create function begin_change(
    tenant uuid, client text, template text, idempotency text, sha256 bytea, at timestamptz
) returns table (same_request boolean, status smallint, headers jsonb, body bytea)
language plpgsql set lock_timeout = '3s' as $$
begin
    perform set_config('app.tenant_id', tenant::text, true);
    insert into idempotency_key (tenant_id, client_id, route, key, request_sha256, created_at)
    values (tenant, client, template, idempotency, sha256, at)
    on conflict do nothing;
    if found then
        return;
    end if;
    return query
        select k.request_sha256 = sha256, k.status, k.headers, k.body from idempotency_key k
        where k.tenant_id = tenant and k.client_id = client and k.route = template
            and k.key = idempotency;
end $$;

-- The last link of each tenant's chain: its row is the sealer's lock, and shows a tail cut off.
create table audit_head (
    tenant_id uuid primary key,
    number bigint not null,
    sha256 bytea not null
);
select only_own_tenant('audit_head');
select worker_sees_all('audit_head');
select let_app('audit_head', 'select');
select let_worker('audit_head', 'insert, update');

create index audit_entry_time on audit_entry (tenant_id, at, entry_id);
