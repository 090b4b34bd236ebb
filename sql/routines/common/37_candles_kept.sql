-- Every stored candle of a range, of one symbol or of all: what tapedeck.candles_differences() compares.

create or replace function tapedeck.candles_kept(
    p_interval text, p_symbol text, p_from timestamptz, p_to timestamptz)
returns table (
    bucket timestamptz, symbol text, open numeric, high numeric, low numeric, close numeric, volume numeric, trades bigint)
language plpgsql
stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
begin
    return query execute format($sql$
        select c.bucket, c.symbol, c.open, c.high, c.low, c.close, c.volume, c.trades
          from %s c
         where c.bucket >= $1 and c.bucket < $2 and ($3 is null or c.symbol = $3)$sql$,
                                tapedeck.candle_rows(p_interval))
      using p_from, p_to, p_symbol;
end
$$;

comment on function tapedeck.candles_kept(text, text, timestamptz, timestamptz) is
    'The stored candles with p_from <= bucket < p_to, in no order; a null symbol means all.';
