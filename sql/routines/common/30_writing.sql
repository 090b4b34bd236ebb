-- Every writer of tapedeck:  begin; write_prepare(); COPY tick_data; write_finish(); commit;

create or replace function tapedeck.dropped_chunks(p_from timestamptz, p_to timestamptz)
returns tstzmultirange
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
    c_epoch constant timestamptz := '1970-01-01 00:00:00+00';
    v_width interval := tapedeck.tick_chunk_width();
    v_range tstzrange := tstzrange(date_bin(v_width, p_from, c_epoch),
                                   date_bin(v_width, p_to - interval '1 microsecond', c_epoch) + v_width);
    v_covered tstzmultirange;
    v_gaps tstzmultirange;
begin
    select coalesce(range_agg(tstzrange(c.range_start, c.range_end)), '{}'::tstzmultirange)
      into v_covered
      from tapedeck.tick_chunks() c
     where c.range_start < upper(v_range)
       and c.range_end > lower(v_range);
    -- Candles of ticks that somebody truncated did not outlive them: they only have not gone yet.
    select v_covered + coalesce(range_agg(tstzrange(p.range_from, p.range_to)), '{}'::tstzmultirange)
      into v_covered
      from tapedeck.pending_refresh p
     where p.reason = 'truncate';
    v_gaps := tstzmultirange(v_range) - v_covered;
    if isempty(v_gaps) then
        return v_gaps;
    end if;
    return (select coalesce(range_agg(tstzrange(b, b + v_width)) * v_gaps, '{}'::tstzmultirange)
              from unnest(v_gaps) g
             cross join lateral tapedeck.candle_chunks(lower(g), upper(g), v_width, c_epoch) b);
end
$$;

comment on function tapedeck.dropped_chunks(timestamptz, timestamptz) is
    'Whole chunks that the range touches, that have candles and no ticks any more.';

create or replace function tapedeck.write_prepare(p_from timestamptz, p_to timestamptz, p_rebuild boolean)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, YMD'
as $$
declare
    v_dropped tstzmultirange;
begin
    perform tapedeck.range_check(p_from, p_to);
    -- This transaction ends with write_finish(), which tells what it wrote: the triggers need not.
    perform set_config('tapedeck.announces', 'on', true);
    if tapedeck.chunks_cover(p_from, p_to) then
        return;
    end if;
    v_dropped := tapedeck.dropped_chunks(p_from, p_to);
    if not isempty(v_dropped) then
        if not coalesce(p_rebuild, false) then
            raise exception using
                errcode = 'TD001',
                message = format('[%s, %s) has candles whose ticks were dropped', p_from, p_to),
                detail = format('Writing ticks there would rebuild every candle of %s, of all symbols, from the new ticks alone.',
                                v_dropped),
                hint = 'Leave that range out, or ask for the candles to be rebuilt.';
        end if;
        -- From now on these chunks exist, so their candles must be those of their ticks.
        insert into tapedeck.pending_refresh (range_from, range_to, reason, forced)
        select lower(r), upper(r), 'rebuild', tapedeck.copy_is_unnoticed() from unnest(v_dropped) r;
    end if;
    perform tapedeck.chunks_prepare(p_from, p_to);
end
$$;

comment on function tapedeck.write_prepare(timestamptz, timestamptz, boolean) is
    'First call of a writing transaction: [p_from, p_to) is where its ticks will lie. Raises TD001 when candles there outlived their ticks, unless p_rebuild.';

create or replace function tapedeck.write_finish(
    p_symbols text[], p_first timestamptz[], p_last timestamptz[], p_counts bigint[], p_reason text,
    p_has_bid boolean[] default null, p_has_ask boolean[] default null, p_has_last boolean[] default null)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_ranges tstzmultirange;
    v_symbols text[];
begin
    if cardinality(p_symbols) is distinct from cardinality(p_first)
       or cardinality(p_symbols) is distinct from cardinality(p_last)
       or cardinality(p_symbols) is distinct from cardinality(p_counts)
       or cardinality(p_symbols) <> cardinality(p_has_bid)
       or cardinality(p_symbols) <> cardinality(p_has_ask)
       or cardinality(p_symbols) <> cardinality(p_has_last) then
        raise exception using
            errcode = 'TD002',
            message = 'symbols, first times, last times, counts and fields differ in number';
    end if;

    select range_agg(tstzrange(w.first_time, w.last_time + interval '1 microsecond')),
           array_agg(distinct w.symbol)
      into v_ranges, v_symbols
      from unnest(p_symbols, p_first, p_last, p_counts) as w (symbol, first_time, last_time, ticks)
     where w.ticks > 0;
    if v_ranges is null then
        return;
    end if;

    insert into tapedeck.pending_refresh (range_from, range_to, reason, forced)
    select lower(r), upper(r), p_reason, tapedeck.copy_is_unnoticed() from unnest(v_ranges) r;

    -- In the order of the names, so that two writers never wait for each other in a circle. What is not known
    -- stays so: (false or null) is null, in the "or" of two writes and in that of the rows of one.
    insert into tapedeck.symbols as s (symbol, first_time, last_time, ticks, written, has_bid, has_ask, has_last)
    select w.symbol, min(w.first_time), max(w.last_time), sum(w.ticks), sum(w.ticks),
           bool_or(w.has_bid) or nullif(bool_or(w.has_bid is null), true),
           bool_or(w.has_ask) or nullif(bool_or(w.has_ask is null), true),
           bool_or(w.has_last) or nullif(bool_or(w.has_last is null), true)
      from unnest(p_symbols, p_first, p_last, p_counts, p_has_bid, p_has_ask, p_has_last)
           as w (symbol, first_time, last_time, ticks, has_bid, has_ask, has_last)
     where w.ticks > 0
     group by w.symbol
     order by w.symbol
        on conflict (symbol) do update
       set first_time = least(s.first_time, excluded.first_time),
           last_time = greatest(s.last_time, excluded.last_time),
           ticks = s.ticks + excluded.ticks,
           written = s.written + excluded.written,
           has_bid = s.has_bid or excluded.has_bid,
           has_ask = s.has_ask or excluded.has_ask,
           has_last = s.has_last or excluded.has_last,
           updated_at = clock_timestamp();

    perform tapedeck.change_notify('ticks', lower(v_ranges), upper(v_ranges), v_symbols);
end
$$;

comment on function tapedeck.write_finish(
    text[], timestamptz[], timestamptz[], bigint[], text, boolean[], boolean[], boolean[]) is
    'Last call of a writing transaction, one array element per symbol: times of its oldest and newest new tick, their number, and whether any of them has a bid, an ask, a last price (null: not known). Queues the candles, counts the ticks, announces the change.';
