-- Who may do what with a table. The roles carry the schema's name: <schema>_owner runs migrations,
-- <schema>_app is the API process, <schema>_relay the worker; the worker is a member of the app role.

create function let_app(table_name text, privileges text) returns void
language plpgsql as $$
begin
    execute format('grant %s on %I to %I', privileges, table_name, current_schema() || '_app');
end $$;

create function let_worker(table_name text, privileges text) returns void
language plpgsql as $$
begin
    execute format('grant %s on %I to %I', privileges, table_name, current_schema() || '_relay');
end $$;

-- Only rows of the tenant set for this transaction. Without one the comparison is with null, so it
-- fails closed; after a transaction the setting reads '', hence nullif.
create function only_own_tenant(table_name text) returns void
language plpgsql as $$
begin
    execute format('alter table %I enable row level security', table_name);
    execute format('alter table %I force row level security', table_name);
    execute format(
        'create policy own_tenant on %I using (tenant_id = %s) with check (tenant_id = %2$s)',
        table_name, 'nullif(current_setting(''app.tenant_id'', true), '''')::uuid');
end $$;

-- The worker looks across tenants in the few tables where it has to find its work.
create function worker_sees_all(table_name text) returns void
language plpgsql as $$
begin
    execute format('create policy worker on %I to %I using (true) with check (true)',
        table_name, current_schema() || '_relay');
end $$;

create function protect(table_name text) returns void
language plpgsql as $$
begin
    perform only_own_tenant(table_name);
    perform let_app(table_name, 'select, insert, update, delete');
end $$;

create function append_only(table_name text) returns void
language plpgsql as $$
begin
    perform only_own_tenant(table_name);
    perform let_app(table_name, 'select, insert');
end $$;
