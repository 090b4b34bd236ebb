-- The wider candles, stored too: 500 hours out of 30 000 stored minutes take fifty milliseconds, out of their own
-- rows two. tapedeck.refresh_candles() writes them in the transaction that writes their minutes, so that no reader
-- ever sees the one without the other. A bucket is stored once the watermark of the minutes has passed its end.
--
-- The views over candle_1m stay as they are: they are right at any moment.

create table tapedeck.candle_5m_stored (like tapedeck.candle_1m_stored including indexes);

create table tapedeck.candle_15m_stored (like tapedeck.candle_1m_stored including indexes);

create table tapedeck.candle_1h_stored (like tapedeck.candle_1m_stored including indexes);

comment on table tapedeck.candle_5m_stored is
    'Candles of five minutes, written by tapedeck.refresh_candles(). Read them through tapedeck.candles_exact().';
comment on column tapedeck.candle_5m_stored.bucket is 'Start of the candle, UTC.';
comment on column tapedeck.candle_5m_stored.symbol is 'Symbol of its ticks.';
comment on column tapedeck.candle_5m_stored.open is 'First last price by (time, seq).';
comment on column tapedeck.candle_5m_stored.high is 'Highest last price.';
comment on column tapedeck.candle_5m_stored.low is 'Lowest last price.';
comment on column tapedeck.candle_5m_stored.close is 'Last last price by (time, seq).';
comment on column tapedeck.candle_5m_stored.volume is 'Sum of the volumes of the ticks with a last price; null when none had one.';
comment on column tapedeck.candle_5m_stored.trades is 'Number of ticks with a last price; at least one.';

comment on table tapedeck.candle_15m_stored is
    'Candles of fifteen minutes, written by tapedeck.refresh_candles(). Read them through tapedeck.candles_exact().';
comment on column tapedeck.candle_15m_stored.bucket is 'Start of the candle, UTC.';
comment on column tapedeck.candle_15m_stored.symbol is 'Symbol of its ticks.';
comment on column tapedeck.candle_15m_stored.open is 'First last price by (time, seq).';
comment on column tapedeck.candle_15m_stored.high is 'Highest last price.';
comment on column tapedeck.candle_15m_stored.low is 'Lowest last price.';
comment on column tapedeck.candle_15m_stored.close is 'Last last price by (time, seq).';
comment on column tapedeck.candle_15m_stored.volume is 'Sum of the volumes of the ticks with a last price; null when none had one.';
comment on column tapedeck.candle_15m_stored.trades is 'Number of ticks with a last price; at least one.';

comment on table tapedeck.candle_1h_stored is
    'Candles of one hour, written by tapedeck.refresh_candles(). Read them through tapedeck.candles_exact().';
comment on column tapedeck.candle_1h_stored.bucket is 'Start of the candle, UTC.';
comment on column tapedeck.candle_1h_stored.symbol is 'Symbol of its ticks.';
comment on column tapedeck.candle_1h_stored.open is 'First last price by (time, seq).';
comment on column tapedeck.candle_1h_stored.high is 'Highest last price.';
comment on column tapedeck.candle_1h_stored.low is 'Lowest last price.';
comment on column tapedeck.candle_1h_stored.close is 'Last last price by (time, seq).';
comment on column tapedeck.candle_1h_stored.volume is 'Sum of the volumes of the ticks with a last price; null when none had one.';
comment on column tapedeck.candle_1h_stored.trades is 'Number of ticks with a last price; at least one.';

-- Minutes that are stored already; their ticks may be gone.

insert into tapedeck.candle_5m_stored (bucket, symbol, open, high, low, close, volume, trades)
select pg_catalog.date_bin('5 minutes', c.bucket, '2000-01-03 00:00+00') as bucket,
       c.symbol,
       (array_agg(c.open order by c.bucket))[1],
       max(c.high),
       min(c.low),
       (array_agg(c.close order by c.bucket))[count(*)],
       sum(c.volume),
       sum(c.trades)::bigint
  from tapedeck.candle_1m_stored c
 where c.bucket < pg_catalog.date_bin('5 minutes', (select s.watermark from tapedeck.candle_state s where pg_catalog.isfinite(s.watermark)), '2000-01-03 00:00+00')
 group by 1, 2;

insert into tapedeck.candle_15m_stored (bucket, symbol, open, high, low, close, volume, trades)
select pg_catalog.date_bin('15 minutes', c.bucket, '2000-01-03 00:00+00') as bucket,
       c.symbol,
       (array_agg(c.open order by c.bucket))[1],
       max(c.high),
       min(c.low),
       (array_agg(c.close order by c.bucket))[count(*)],
       sum(c.volume),
       sum(c.trades)::bigint
  from tapedeck.candle_5m_stored c
 where c.bucket < pg_catalog.date_bin('15 minutes', (select s.watermark from tapedeck.candle_state s where pg_catalog.isfinite(s.watermark)), '2000-01-03 00:00+00')
 group by 1, 2;

insert into tapedeck.candle_1h_stored (bucket, symbol, open, high, low, close, volume, trades)
select pg_catalog.date_bin('1 hour', c.bucket, '2000-01-03 00:00+00') as bucket,
       c.symbol,
       (array_agg(c.open order by c.bucket))[1],
       max(c.high),
       min(c.low),
       (array_agg(c.close order by c.bucket))[count(*)],
       sum(c.volume),
       sum(c.trades)::bigint
  from tapedeck.candle_15m_stored c
 where c.bucket < pg_catalog.date_bin('1 hour', (select s.watermark from tapedeck.candle_state s where pg_catalog.isfinite(s.watermark)), '2000-01-03 00:00+00')
 group by 1, 2;
