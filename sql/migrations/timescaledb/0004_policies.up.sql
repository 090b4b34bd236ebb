-- What TimescaleDB does by itself, and when.
--
--   now - 90 d          now - 60 d                          now - 30 d                    now
--   |...... dropped ....|== candles kept up to date =========|============ ... ====|forming|
--                                     compressed ............|
--
-- Retention must never reach ticks that a refresh still looks at, or the refresh deletes their candles:
-- drop_after (90 d) > start_offset (60 d) + a chunk (1 d) + a bucket (1 h) + a margin (1 d).
-- end_offset keeps the forming bucket out; a refresh looks only at what changed, so a long window is cheap.
-- tapedeck.policies_check() watches over both.

create procedure tapedeck.storage_sample_job(p_job_id integer, p_config jsonb)
language plpgsql
as $$
begin
    perform tapedeck.storage_sample();
end
$$;

comment on procedure tapedeck.storage_sample_job(integer, jsonb) is
    'The daily job that measures the size of the database.';

do $$
declare
    -- The next 03:00 UTC, whatever the time zone of this session.
    v_night timestamptz := pg_catalog.date_bin('1 day', pg_catalog.now(), '2000-01-03 03:00+00') + interval '24 hours';
    v_view text;
    v_width interval;
    v_batch integer;
    v_has_batches boolean;
begin
    -- Named add_columnstore_policy since 2.18; the older name may go.
    if pg_catalog.to_regprocedure('public.add_compression_policy(regclass, "any", boolean, interval, timestamptz, text, interval)') is not null then
        perform public.add_compression_policy('public.tick_data', interval '30 days',
                                              schedule_interval => interval '12 hours',
                                              initial_start => v_night, timezone => 'UTC');
    else
        execute $sql$ call public.add_columnstore_policy('public.tick_data', after => interval '30 days',
                                                         schedule_interval => interval '12 hours',
                                                         initial_start => $1, timezone => 'UTC') $sql$
          using v_night;
    end if;

    perform public.add_retention_policy('public.tick_data', interval '90 days',
                                        schedule_interval => interval '1 day',
                                        initial_start => v_night, timezone => 'UTC');

    -- Since 2.20 a policy refreshes in batches, newest first and one bucket each. Newest first would move
    -- the watermark beyond buckets that are not stored yet, and these would read as empty meanwhile.
    select exists (select
                     from pg_catalog.pg_proc p
                    where p.pronamespace = 'public'::regnamespace
                      and p.proname = 'add_continuous_aggregate_policy'
                      and array['buckets_per_batch', 'refresh_newest_first']::text[] <@ p.proargnames)
      into v_has_batches;

    for v_view, v_width, v_batch in
        values ('public.candle_1m', interval '1 minute', 1440),
               ('public.candle_5m', interval '5 minutes', 8640),
               ('public.candle_15m', interval '15 minutes', 2880),
               ('public.candle_1h', interval '1 hour', 720)
    loop
        execute pg_catalog.format(
            'select public.add_continuous_aggregate_policy(%L, start_offset => interval ''60 days'','
            ' end_offset => %L::interval, schedule_interval => %L::interval%s)',
            v_view, v_width, v_width,
            case when v_has_batches then
                pg_catalog.format(', buckets_per_batch => %s, refresh_newest_first => false', v_batch)
            end);
    end loop;

    perform public.add_job('tapedeck.storage_sample_job', interval '1 day',
                           initial_start => v_night, timezone => 'UTC');
end
$$;
