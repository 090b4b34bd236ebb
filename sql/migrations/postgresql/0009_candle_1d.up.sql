-- Candles of a day, stored too, from those of an hour, as 0006 stores the others: half a year of days is read as 190
-- rows instead of 4 600. Days are those of UTC, which are whole buckets from 2000-01-03 00:00 UTC on.

create table tapedeck.candle_1d_stored (like tapedeck.candle_1m_stored including indexes);

create view public.candle_1d as
select pg_catalog.date_bin('24 hours', bucket, '2000-01-03 00:00+00') as bucket,
       symbol,
       (array_agg(open order by bucket))[1] as open,
       max(high) as high,
       min(low) as low,
       (array_agg(close order by bucket desc))[1] as close,
       sum(volume) as volume,
       sum(trades)::bigint as trades
  from public.candle_1h
 group by 1, 2;

comment on table tapedeck.candle_1d_stored is
    'Candles of one day (UTC), written by tapedeck.refresh_candles(). Read them through tapedeck.candles_exact().';
comment on column tapedeck.candle_1d_stored.bucket is 'Start of the candle, UTC.';
comment on column tapedeck.candle_1d_stored.symbol is 'Symbol of its ticks.';
comment on column tapedeck.candle_1d_stored.open is 'First last price by (time, seq).';
comment on column tapedeck.candle_1d_stored.high is 'Highest last price.';
comment on column tapedeck.candle_1d_stored.low is 'Lowest last price.';
comment on column tapedeck.candle_1d_stored.close is 'Last last price by (time, seq).';
comment on column tapedeck.candle_1d_stored.volume is 'Sum of the volumes of the ticks with a last price; null when none had one.';
comment on column tapedeck.candle_1d_stored.trades is 'Number of ticks with a last price; at least one.';

comment on view public.candle_1d is 'Candles of one day (UTC), from those of one hour.';
comment on column public.candle_1d.bucket is 'Start of the candle, UTC.';
comment on column public.candle_1d.symbol is 'Symbol of its ticks.';
comment on column public.candle_1d.open is 'First last price by (time, seq).';
comment on column public.candle_1d.high is 'Highest last price.';
comment on column public.candle_1d.low is 'Lowest last price.';
comment on column public.candle_1d.close is 'Last last price by (time, seq).';
comment on column public.candle_1d.volume is 'Sum of the volumes of the ticks with a last price; null when none had one.';
comment on column public.candle_1d.trades is 'Number of ticks with a last price; at least one.';

-- Hours that are stored already; their ticks may be gone.
insert into tapedeck.candle_1d_stored (bucket, symbol, open, high, low, close, volume, trades)
select pg_catalog.date_bin('24 hours', c.bucket, '2000-01-03 00:00+00') as bucket,
       c.symbol,
       (array_agg(c.open order by c.bucket))[1],
       max(c.high),
       min(c.low),
       (array_agg(c.close order by c.bucket))[count(*)],
       sum(c.volume),
       sum(c.trades)::bigint
  from tapedeck.candle_1h_stored c
 where c.bucket < pg_catalog.date_bin('24 hours', (select s.watermark from tapedeck.candle_state s where pg_catalog.isfinite(s.watermark)), '2000-01-03 00:00+00')
 group by 1, 2;

insert into tapedeck.candle_tails (view) values ('candle_1d');

comment on column tapedeck.candle_tails.view is 'candle_1m, candle_5m, candle_15m, candle_1h or candle_1d.';
