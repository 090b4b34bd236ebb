-- tick_data as a hypertable of daily chunks. The same columns and checks as on plain PostgreSQL.

create table public.tick_data (
    time        timestamptz    not null,
    symbol      text           not null,
    bid_price   decimal(20, 8),
    ask_price   decimal(20, 8),
    last_price  decimal(20, 8),
    volume      decimal(20, 8),
    source      text,
    trade_id    uuid,
    account_id  uuid,
    seq         bigint         not null generated always as identity,
    constraint tick_data_time_is_finite check (pg_catalog.isfinite(time)),
    -- NaN sorts above every number, so these bounds refuse it too.
    constraint tick_data_bid_price_range check (bid_price between -92233720368 and 92233720368),
    constraint tick_data_ask_price_range check (ask_price between -92233720368 and 92233720368),
    constraint tick_data_last_price_range check (last_price between -92233720368 and 92233720368),
    constraint tick_data_volume_range check (volume between -92233720368 and 92233720368),
    constraint tick_data_seq_range check (seq >= 0)
);

select public.create_hypertable('public.tick_data'::regclass,
                                public.by_range('time', interval '1 day'),
                                create_default_indexes => false);

create index tick_data_symbol_time_seq_idx on public.tick_data (symbol, time desc, seq desc);

alter table public.tick_data set (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'symbol',
    timescaledb.compress_orderby = 'time desc, seq desc'
);

comment on table public.tick_data is
    'Every tick: a quote, a trade, or both. A symbol''s ticks are totally ordered by (time, seq).';
comment on column public.tick_data.time is 'When it happened, UTC, in microseconds; finer clocks are floored.';
comment on column public.tick_data.symbol is 'Opaque name, VENUE:NAME by convention.';
comment on column public.tick_data.bid_price is 'Best bid; null when unknown.';
comment on column public.tick_data.ask_price is 'Best ask; null when unknown.';
comment on column public.tick_data.last_price is 'Price of the trade; null in a pure quote.';
comment on column public.tick_data.volume is 'Volume of the trade.';
comment on column public.tick_data.source is 'Where it came from.';
comment on column public.tick_data.trade_id is 'The trade it belongs to, if that has an id.';
comment on column public.tick_data.account_id is 'The account it belongs to, if any.';
comment on column public.tick_data.seq is 'Order of writing; decides between ticks of one microsecond.';
