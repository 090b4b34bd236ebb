-- Takes every policy of tick_data and the candles away, and the daily sample. No data is dropped.

do $$
declare
    v_job integer;
begin
    for v_job in
        select j.job_id
          from timescaledb_information.jobs j
         where (j.hypertable_schema = 'public'
                and j.hypertable_name in ('tick_data', 'candle_1m', 'candle_5m', 'candle_15m', 'candle_1h'))
            or (j.proc_schema = 'tapedeck' and j.proc_name = 'storage_sample_job')
    loop
        perform public.delete_job(v_job);
    end loop;
end
$$;

drop procedure tapedeck.storage_sample_job(integer, jsonb);
