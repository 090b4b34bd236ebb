-- The tail of a view: finished buckets beyond its watermark that have ticks. They are computed from ticks at
-- every read until somebody stores them. Tapedeck's own writers queue what they write; ticks of others come
-- here, because TimescaleDB's policies get to them only in their turn, an hour later for candle_1h, a day later
-- for candle_1d.
--
--   others write -> symbols_reconcile() -> foreign_queue():  below the watermark: queued; above: owed
--   server       -> tails_queue(): hours of it, or a minute since the last time -> queued, up to the forming bucket
--
-- So an hour that was loaded is stored at once, and a trickle is stored once a minute.

create or replace function tapedeck.ranges_coarsen(p_ranges tstzmultirange, p_apart interval, p_most integer)
returns tstzmultirange
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    v_apart interval := p_apart;
    v_ranges tstzmultirange := p_ranges;
begin
    loop
        -- Made longer they touch, and those that touch are one.
        select range_agg(tstzrange(lower(w), upper(w) - v_apart))
          into v_ranges
          from unnest((select range_agg(tstzrange(lower(r), upper(r) + v_apart)) from unnest(p_ranges) r)) w;
        exit when v_ranges is null or (select count(*) from unnest(v_ranges)) <= p_most;
        v_apart := v_apart * 4;
    end loop;
    return v_ranges;
end
$$;

comment on function tapedeck.ranges_coarsen(tstzmultirange, interval, integer) is
    'Ranges that cover these, none nearer to another than p_apart, at most p_most of them: many small ones cost more than few that are too large.';

create or replace function tapedeck.foreign_queue(p_ranges tstzmultirange, p_reason text)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    -- A refresh works on whole hours.
    c_apart constant interval := interval '1 hour';
    c_rows_max constant integer := 32;
    v_watermark timestamptz := (select a.watermark from tapedeck.aggregates_list() a where a.view = 'candle_1m');
    -- Of a tick with a time at the end of all time nobody stores a candle.
    v_below tstzmultirange := (select range_agg(r * tstzrange(null, clock_timestamp() + interval '24 hours'))
                                 from unnest(p_ranges) r
                                where lower(r) < v_watermark);
    v_forced boolean := tapedeck.copy_is_unnoticed();
    v_was tstzmultirange;
    v_was_forced boolean;
begin
    -- Below the watermark nobody sees them in the candles until these are refreshed. What is queued already and
    -- what no healer has taken yet becomes one with it; nobody takes anything meanwhile.
    if v_below is not null then
        perform pg_advisory_xact_lock(1413742597, 0);
        with was as (
            delete from tapedeck.pending_refresh p
             where p.reason = p_reason
               and p.kind is null
               and not exists (select
                                 from pg_locks l
                                where l.locktype = 'advisory'
                                  and l.database = (select d.oid from pg_database d where d.datname = current_database())
                                  and l.classid = 1413742593
                                  and l.objid = (p.id % 2147483647)::integer::oid
                                  and l.objsubid = 2)
            returning p.range_from, p.range_to, p.forced
        )
        select range_agg(tstzrange(w.range_from, w.range_to)), bool_or(w.forced) into v_was, v_was_forced from was w;
        insert into tapedeck.pending_refresh (range_from, range_to, reason, forced)
        select lower(r), upper(r), p_reason, v_forced or coalesce(v_was_forced, false)
          from unnest(tapedeck.ranges_coarsen(v_below + coalesce(v_was, '{}'), c_apart, c_rows_max)) r;
    end if;
    update tapedeck.candle_tails t
       set owed_from = o.owed_from
      from (select min(lower(r)) from unnest(p_ranges) r where lower(r) < v_watermark is not true) as o (owed_from)
     where t.owed_from > o.owed_from;
end
$$;

comment on function tapedeck.foreign_queue(tstzmultirange, text) is
    'Others wrote ticks in these ranges: queues what lies below the watermark, and leaves the rest to tails_queue().';

create or replace function tapedeck.tail_from(p_view text)
returns timestamptz
language sql
stable
as $$
    select least(greatest(a.watermark, t.settled_to), t.owed_from)
      from tapedeck.candle_tails t
      join tapedeck.aggregates_list() a on a.view = t.view
     where t.view = p_view
$$;

comment on function tapedeck.tail_from(text) is
    'From here on ticks may be there that were neither stored in this view nor queued; -infinity: nothing was.';

create or replace function tapedeck.tail_first(p_from timestamptz, p_to timestamptz)
returns timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
declare
    v_first timestamptz;
    v_time timestamptz;
    v_symbol text;
begin
    -- By symbol: there is no index by time alone. The next symbol only looks below what is found already.
    v_first := p_to;
    for v_symbol in
        select s.symbol from tapedeck.symbols s where s.last_time >= p_from and s.first_time < p_to order by s.first_time
    loop
        select t.time
          into v_time
          from public.tick_data t
         where t.symbol = v_symbol and t.time >= p_from and t.time < v_first
         order by t.time, t.seq
         limit 1;
        v_first := least(v_first, v_time);
        -- No bucket is narrower, so it does not get any earlier.
        exit when v_first < tapedeck.bucket_floor('1 minute', p_from) + interval '1 minute';
    end loop;
    return nullif(v_first, p_to);
end
$$;

comment on function tapedeck.tail_first(timestamptz, timestamptz) is
    'A time in the minute of the oldest tick of any known symbol in [p_from, p_to); null: there is none.';

create or replace function tapedeck.tails_queue()
returns double precision
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    -- From here on a tail is a backlog. Between two refreshes of a trickle, and of a backlog that grows.
    c_backlog constant interval := interval '1 hour';
    c_trickle_every constant interval := interval '1 minute';
    c_backlog_every constant interval := interval '5 seconds';
    v_now timestamptz := clock_timestamp();
    v_view record;
    v_low timestamptz;
    v_first timestamptz;
    v_due timestamptz;
    v_wait double precision;
    v_from timestamptz;
    v_to timestamptz;
begin
    -- One server at a time; the others have nothing to add.
    if not pg_try_advisory_xact_lock(1413742598, 0) then
        return null;
    end if;
    -- Nor does foreign_queue() note what is owed between our reading that and our forgetting it.
    lock table tapedeck.candle_tails in exclusive mode;
    for v_view in
        select t.view, t.queued_at, tapedeck.tail_from(t.view) as low,
               tapedeck.interval_width(i.name) as width, tapedeck.interval_source(i.name) as source,
               tapedeck.bucket_floor(tapedeck.interval_width(i.name), v_now) as finished
          from tapedeck.candle_tails t
          join unnest(tapedeck.stored_intervals()) as i (name) on t.view = 'candle_' || i.name
    loop
        v_low := v_view.low;
        continue when v_low >= v_view.finished;
        -- Somebody is at it, who brings the ticks before along.
        if exists (select from tapedeck.pending_refresh p where p.range_to > v_low) then
            v_wait := least(v_wait, extract(epoch from c_backlog_every));
            continue;
        end if;
        -- Not looked for before its time; then it may still be less than it could have been.
        v_due := v_view.queued_at + case when v_low <= v_view.finished - c_backlog
                                         then c_backlog_every else c_trickle_every end;
        if v_due <= v_now or v_view.queued_at > v_now then
            v_first := tapedeck.tail_first(v_low, v_view.finished);
            continue when v_first is null;
            v_due := case when v_view.queued_at > v_now then v_now
                          when v_first <= v_view.finished - c_backlog then v_due
                          else v_view.queued_at + c_trickle_every end;
        end if;
        if v_due > v_now then
            v_wait := least(v_wait, extract(epoch from v_due - v_now));
            continue;
        end if;
        -- A refresh stores whole buckets. Of a day that is over, the hours are stored but for the last ones: these
        -- are enough, because nobody can believe what is stored of a queued range, in any view.
        if v_view.source is not null then
            v_first := greatest(v_first, least(tapedeck.tail_from('candle_' || v_view.source),
                                               tapedeck.bucket_floor(v_view.width, v_first) + v_view.width)
                                         - c_backlog);
        end if;
        v_from := least(v_from, v_first);
        v_to := greatest(v_to, v_view.finished);
        update tapedeck.candle_tails t
           set settled_to = v_view.finished, owed_from = 'infinity', queued_at = v_now
         where t.view = v_view.view;
    end loop;
    if v_from is not null then
        insert into tapedeck.pending_refresh (range_from, range_to, reason, forced)
        values (v_from, v_to, 'tail', tapedeck.copy_is_unnoticed());
        return 0;
    end if;
    -- Late ticks wait for the next healing, but not hours of them.
    if exists (select
                 from tapedeck.pending_refresh p
                where p.reason in ('foreign', 'trigger', 'truncate') and p.range_to - p.range_from >= c_backlog) then
        return 0;
    end if;
    return v_wait;
end
$$;

comment on function tapedeck.tails_queue() is
    'Queues tails that are due, in one row. Returns seconds until the next is: 0, heal now; null, nothing is owed. Call it when ticks came, and as often as it says.';
