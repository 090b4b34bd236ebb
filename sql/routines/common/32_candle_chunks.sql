-- Which chunks have candles, looked up bucket by bucket instead of reading them all.

create or replace function tapedeck.candle_chunks(
    p_from timestamptz, p_to timestamptz, p_width interval, p_origin timestamptz)
returns setof timestamptz
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
declare
    v_at timestamptz := p_from;
begin
    loop
        v_at := date_bin(p_width, tapedeck.candle_first(v_at, p_to), p_origin);
        exit when v_at is null;
        return next v_at;
        v_at := v_at + p_width;
    end loop;
end
$$;

comment on function tapedeck.candle_chunks(timestamptz, timestamptz, interval, timestamptz) is
    'Start of every chunk of this width in which a minute candle is stored, within [p_from, p_to).';
