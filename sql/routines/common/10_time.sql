-- Instants and buckets. Nothing here depends on the time zone of the session: an interval with days in it
-- would, so whole days are written as 24 hours.

create or replace function tapedeck.time_us(p_time timestamptz)
returns bigint
language sql
stable strict parallel safe
as $$ select (extract(epoch from p_time) * 1000000)::bigint $$;

comment on function tapedeck.time_us(timestamptz) is 'Microseconds since the Unix epoch, exactly.';

create or replace function tapedeck.bucket_floor(p_width interval, p_time timestamptz)
returns timestamptz
language sql
immutable strict parallel safe
as $$ select pg_catalog.date_bin(p_width, p_time, timestamptz '2000-01-03 00:00:00+00') $$;

comment on function tapedeck.bucket_floor(interval, timestamptz) is
    'Start of the bucket that holds the instant; buckets are aligned to 2000-01-03 00:00 UTC.';

create or replace function tapedeck.bucket_ceil(p_width interval, p_time timestamptz)
returns timestamptz
language sql
stable strict parallel safe
as $$
    select pg_catalog.date_bin(p_width, p_time - interval '1 microsecond', timestamptz '2000-01-03 00:00:00+00')
           + p_width
$$;

comment on function tapedeck.bucket_ceil(interval, timestamptz) is
    'The instant itself when a bucket starts there, else the start of the next bucket.';

create or replace function tapedeck.interval_width(p_interval text)
returns interval
language plpgsql
immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    case p_interval
        when '1m' then return interval '1 minute';
        when '5m' then return interval '5 minutes';
        when '15m' then return interval '15 minutes';
        when '1h' then return interval '1 hour';
        when '1d' then return interval '24 hours';
        else
            raise exception using
                errcode = 'TD002',
                message = format('no candles of interval "%s" are stored', p_interval),
                hint = 'Stored intervals are 1m, 5m, 15m, 1h and 1d.';
    end case;
end
$$;

comment on function tapedeck.interval_width(text) is 'Width of a stored interval: 1m, 5m, 15m, 1h or 1d.';

-- Which candles are stored, and from which: each view is called candle_ and the interval.
create or replace function tapedeck.stored_intervals()
returns text[]
language sql
immutable parallel safe
as $$ select array['1m', '5m', '15m', '1h', '1d'] $$;

comment on function tapedeck.stored_intervals() is
    'The intervals whose candles are stored, ascending: each after the one that it is made from.';

create or replace function tapedeck.candle_views()
returns text[]
language sql
immutable parallel safe
as $$ select array['candle_1m', 'candle_5m', 'candle_15m', 'candle_1h', 'candle_1d'] $$;

comment on function tapedeck.candle_views() is 'The views of the stored intervals, in the same order.';

create or replace function tapedeck.interval_source(p_interval text)
returns text
language sql
immutable parallel safe
as $$ select case p_interval when '1m' then null when '1d' then '1h' else '1m' end $$;

comment on function tapedeck.interval_source(text) is
    'The stored interval that the candles of this one are made from; null: from ticks.';

create or replace function tapedeck.range_check(p_from timestamptz, p_to timestamptz)
returns void
language plpgsql
immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
    if p_from is null or p_to is null or not isfinite(p_from) or not isfinite(p_to) or p_from >= p_to then
        raise exception using
            errcode = 'TD002',
            message = format('no time range: [%s, %s)', p_from, p_to),
            hint = 'A range needs a finite start before its finite end.';
    end if;
end
$$;

comment on function tapedeck.range_check(timestamptz, timestamptz) is
    'Raises TD002 unless the two instants are a finite, non-empty half-open range.';

create or replace function tapedeck.change_notify(
    p_kind text, p_from timestamptz, p_to timestamptz, p_symbols text[])
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    v_payload text := json_build_object('kind', p_kind,
                                        'from', tapedeck.time_us(p_from),
                                        'to', tapedeck.time_us(p_to),
                                        'symbols', p_symbols)::text;
begin
    -- A payload must be shorter than 8000 bytes. Without symbols it means all of them.
    if octet_length(v_payload) >= 7900 then
        v_payload := json_build_object('kind', p_kind,
                                       'from', tapedeck.time_us(p_from),
                                       'to', tapedeck.time_us(p_to),
                                       'symbols', null)::text;
    end if;
    perform pg_notify('tapedeck_change', v_payload);
end
$$;

comment on function tapedeck.change_notify(text, timestamptz, timestamptz, text[]) is
    'Tells every listener on channel tapedeck_change what changed, once this transaction commits.';
