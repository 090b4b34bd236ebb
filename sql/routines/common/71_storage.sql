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

create or replace function tapedeck.storage_growth()
returns double precision
language sql
stable
as $$
    select case when max(s.sampled_at) - min(s.sampled_at) >= interval '12 hours'
                then pg_catalog.regr_slope(s.total_bytes, extract(epoch from s.sampled_at) / 86400) end
      from tapedeck.storage_samples s
     where s.sampled_at > pg_catalog.clock_timestamp() - interval '720 hours'
$$;

comment on function tapedeck.storage_growth() is
    'Bytes a day by which the database grows: the straight line through the samples of the last 30 days. Null while they span less than 12 hours.';
