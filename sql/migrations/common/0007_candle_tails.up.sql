-- What the routines in 36_tails.sql remember of each candle view.

create table tapedeck.candle_tails (
    view        text        not null primary key,
    settled_to  timestamptz not null default '-infinity',
    owed_from   timestamptz not null default 'infinity',
    queued_at   timestamptz not null default '-infinity'
);

comment on table tapedeck.candle_tails is
    'How far the ticks beyond each view''s watermark have been queued for refresh, and when that was last done, so that it is done neither twice nor every second.';
comment on column tapedeck.candle_tails.view is 'candle_1m, candle_5m, candle_15m or candle_1h.';
comment on column tapedeck.candle_tails.settled_to is
    'Ticks before it were queued, but for those that owed_from tells of. The watermark alone will not do: quotes make no candle and do not move it.';
comment on column tapedeck.candle_tails.owed_from is
    'The oldest tick of others that was found above the watermark since, and not queued yet. A refresh of something newer may move the watermark beyond it.';
comment on column tapedeck.candle_tails.queued_at is 'When ticks of this view were last queued.';

insert into tapedeck.candle_tails (view) values ('candle_1m'), ('candle_5m'), ('candle_15m'), ('candle_1h');
