-- The hours, of which these were folded, stay.

delete from tapedeck.candle_tails where view = 'candle_1d';

comment on column tapedeck.candle_tails.view is 'candle_1m, candle_5m, candle_15m or candle_1h.';

drop view public.candle_1d;
drop table tapedeck.candle_1d_stored;
