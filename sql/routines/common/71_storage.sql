-- The history of the size of the database.

create or replace function tapedeck.storage_sample()
returns void
language sql
as $$
    insert into tapedeck.storage_samples (sampled_at, total_bytes, table_sizes)
    select pg_catalog.clock_timestamp(),
           pg_catalog.pg_database_size(pg_catalog.current_database()),
           (select coalesce(pg_catalog.jsonb_object_agg(t.table_name, t.size_bytes), '{}')
              from tapedeck.storage_tables() t)
        on conflict (sampled_at) do nothing
$$;

comment on function tapedeck.storage_sample() is 'Measures the database now.';

create or replace function tapedeck.storage_history(p_limit integer)
returns table (sampled_at timestamptz, total_bytes bigint, table_sizes jsonb)
language sql
stable
as $$
    select s.sampled_at, s.total_bytes, s.table_sizes
      from tapedeck.storage_samples s
     order by s.sampled_at desc
     limit p_limit
$$;

comment on function tapedeck.storage_history(integer) is 'The newest p_limit samples, newest first.';
