-- The list of entries to seal has a tenant, so it is closed like all that have: an API process that
-- runs somebody else's SQL could name another tenant's entry twice, and its sealer would stop there.
select only_own_tenant('audit_unsealed');
select worker_sees_all('audit_unsealed');

-- A function that acts as the owner must not find a caller's temporary table before its own.
do $$
begin
    execute format('alter function add_outbox_weeks(int) set search_path = %I, pg_temp',
        current_schema());
    execute format('alter function drop_outbox_weeks(interval) set search_path = %I, pg_temp',
        current_schema());
end $$;
