-- Candles without TimescaleDB: one stored table of minutes, a view that adds the minutes not stored yet, and
-- three views that fold minutes. Names, columns and types are those of the continuous aggregates.
--
--   tick_data --refresh_candles()--> tapedeck.candle_1m_stored --+-- below the watermark
--        \_______________________________________________________+-- above it, computed when read
--                                                                |
--                                                public.candle_1m --> candle_5m, candle_15m, candle_1h
--
-- Buckets are aligned to 2000-01-03 00:00 UTC. open and close of the minutes are the first and the last
-- element of one and the same ordered array, so that the ticks of a bucket are sorted once.

create table tapedeck.candle_1m_stored (
    bucket  timestamptz not null,
    symbol  text        not null,
    open    numeric     not null,
    high    numeric     not null,
    low     numeric     not null,
    close   numeric     not null,
    volume  numeric,
    trades  bigint      not null,
    primary key (symbol, bucket)
);

create index candle_1m_stored_bucket_idx on tapedeck.candle_1m_stored (bucket desc);

comment on table tapedeck.candle_1m_stored is
    'Candles of one minute, written by tapedeck.refresh_candles(). Read them through public.candle_1m.';
comment on column tapedeck.candle_1m_stored.bucket is 'Start of the candle, UTC.';
comment on column tapedeck.candle_1m_stored.symbol is 'Symbol of its ticks.';
comment on column tapedeck.candle_1m_stored.open is 'First last price by (time, seq).';
comment on column tapedeck.candle_1m_stored.high is 'Highest last price.';
comment on column tapedeck.candle_1m_stored.low is 'Lowest last price.';
comment on column tapedeck.candle_1m_stored.close is 'Last last price by (time, seq).';
comment on column tapedeck.candle_1m_stored.volume is 'Sum of the volumes of the ticks with a last price; null when none had one.';
comment on column tapedeck.candle_1m_stored.trades is 'Number of ticks with a last price; at least one.';

create table tapedeck.candle_state (
    only_row   boolean     not null primary key default true check (only_row),
    watermark  timestamptz not null default '-infinity'
);

comment on table tapedeck.candle_state is 'How far the stored candles reach; one row.';
comment on column tapedeck.candle_state.only_row is 'Keeps this table at one row.';
comment on column tapedeck.candle_state.watermark is
    'Buckets before it are read from tapedeck.candle_1m_stored, the others are computed from ticks.';

insert into tapedeck.candle_state (only_row) values (true);

create view public.candle_1m as
select bucket, symbol, open, high, low, close, volume, trades
  from tapedeck.candle_1m_stored
 where bucket < (select watermark from tapedeck.candle_state)
union all
select pg_catalog.date_bin('1 minute', time, '2000-01-03 00:00+00') as bucket,
       symbol,
       (array_agg(last_price order by time, seq) filter (where last_price is not null))[1] as open,
       max(last_price) as high,
       min(last_price) as low,
       (array_agg(last_price order by time, seq) filter (where last_price is not null))[count(last_price)] as close,
       sum(volume) filter (where last_price is not null) as volume,
       count(last_price) as trades
  from public.tick_data
 where time >= (select watermark from tapedeck.candle_state)
 group by 1, 2
having count(last_price) > 0;

create view public.candle_5m as
select pg_catalog.date_bin('5 minutes', bucket, '2000-01-03 00:00+00') as bucket,
       symbol,
       (array_agg(open order by bucket))[1] as open,
       max(high) as high,
       min(low) as low,
       (array_agg(close order by bucket desc))[1] as close,
       sum(volume) as volume,
       sum(trades)::bigint as trades
  from public.candle_1m
 group by 1, 2;

create view public.candle_15m as
select pg_catalog.date_bin('15 minutes', bucket, '2000-01-03 00:00+00') as bucket,
       symbol,
       (array_agg(open order by bucket))[1] as open,
       max(high) as high,
       min(low) as low,
       (array_agg(close order by bucket desc))[1] as close,
       sum(volume) as volume,
       sum(trades)::bigint as trades
  from public.candle_1m
 group by 1, 2;

create view public.candle_1h as
select pg_catalog.date_bin('1 hour', bucket, '2000-01-03 00:00+00') as bucket,
       symbol,
       (array_agg(open order by bucket))[1] as open,
       max(high) as high,
       min(low) as low,
       (array_agg(close order by bucket desc))[1] as close,
       sum(volume) as volume,
       sum(trades)::bigint as trades
  from public.candle_1m
 group by 1, 2;

comment on view public.candle_1m is 'Candles of one minute, from the ticks that carry a last price.';
comment on column public.candle_1m.bucket is 'Start of the candle, UTC.';
comment on column public.candle_1m.symbol is 'Symbol of its ticks.';
comment on column public.candle_1m.open is 'First last price by (time, seq).';
comment on column public.candle_1m.high is 'Highest last price.';
comment on column public.candle_1m.low is 'Lowest last price.';
comment on column public.candle_1m.close is 'Last last price by (time, seq).';
comment on column public.candle_1m.volume is 'Sum of the volumes of the ticks with a last price; null when none had one.';
comment on column public.candle_1m.trades is 'Number of ticks with a last price; at least one.';

comment on view public.candle_5m is 'Candles of five minutes, from those of one minute.';
comment on column public.candle_5m.bucket is 'Start of the candle, UTC.';
comment on column public.candle_5m.symbol is 'Symbol of its ticks.';
comment on column public.candle_5m.open is 'First last price by (time, seq).';
comment on column public.candle_5m.high is 'Highest last price.';
comment on column public.candle_5m.low is 'Lowest last price.';
comment on column public.candle_5m.close is 'Last last price by (time, seq).';
comment on column public.candle_5m.volume is 'Sum of the volumes of the ticks with a last price; null when none had one.';
comment on column public.candle_5m.trades is 'Number of ticks with a last price; at least one.';

comment on view public.candle_15m is 'Candles of fifteen minutes, from those of one minute.';
comment on column public.candle_15m.bucket is 'Start of the candle, UTC.';
comment on column public.candle_15m.symbol is 'Symbol of its ticks.';
comment on column public.candle_15m.open is 'First last price by (time, seq).';
comment on column public.candle_15m.high is 'Highest last price.';
comment on column public.candle_15m.low is 'Lowest last price.';
comment on column public.candle_15m.close is 'Last last price by (time, seq).';
comment on column public.candle_15m.volume is 'Sum of the volumes of the ticks with a last price; null when none had one.';
comment on column public.candle_15m.trades is 'Number of ticks with a last price; at least one.';

comment on view public.candle_1h is 'Candles of one hour, from those of one minute.';
comment on column public.candle_1h.bucket is 'Start of the candle, UTC.';
comment on column public.candle_1h.symbol is 'Symbol of its ticks.';
comment on column public.candle_1h.open is 'First last price by (time, seq).';
comment on column public.candle_1h.high is 'Highest last price.';
comment on column public.candle_1h.low is 'Lowest last price.';
comment on column public.candle_1h.close is 'Last last price by (time, seq).';
comment on column public.candle_1h.volume is 'Sum of the volumes of the ticks with a last price; null when none had one.';
comment on column public.candle_1h.trades is 'Number of ticks with a last price; at least one.';

-- Ticks that are there already, after a migration down and up again.
insert into tapedeck.pending_refresh (range_from, range_to, reason)
select r.range_from, r.range_to, 'migration'
  from (select min(time), max(time) + interval '1 microsecond' from public.tick_data) as r (range_from, range_to)
 where r.range_from is not null;
