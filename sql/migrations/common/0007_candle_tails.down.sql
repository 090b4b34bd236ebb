drop table tapedeck.candle_tails;
