-- The history of the size of the database.

create or replace function tapedeck.storage_sample()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    c_kept constant integer := 90;
begin
    insert into tapedeck.storage_samples (sampled_at, total_bytes, table_sizes)
    select clock_timestamp(), pg_database_size(current_database()),
           (select coalesce(jsonb_object_agg(t.table_name, t.size_bytes), '{}') from tapedeck.storage_tables() t)
        on conflict (sampled_at) do nothing;
    delete from tapedeck.storage_samples s
     where s.sampled_at < (select k.sampled_at
                             from tapedeck.storage_samples k
                            order by k.sampled_at desc
                           offset c_kept - 1
                            limit 1);
end
$$;

comment on function tapedeck.storage_sample() is 'Measures the database now, and keeps the newest 90 samples.';

create or replace function tapedeck.storage_sample_nightly()
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A job that failed after its commit is run again, and so may be one that two servers started.
    perform pg_advisory_xact_lock(1413742599, 0);
    if not exists (select
                     from tapedeck.storage_samples s
                    where s.sampled_at >= date_bin('24 hours', now(), timestamptz '2000-01-03 03:00:00+00')) then
        perform tapedeck.storage_sample();
    end if;
end
$$;

comment on function tapedeck.storage_sample_nightly() is
    'What the job does: measures the database unless that has been done since 03:00 UTC.';

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
