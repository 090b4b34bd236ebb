-- The picture at an instant.

create or replace function tapedeck.last_values(p_symbols text[], p_at timestamptz)
returns table (symbol text, tick_time timestamptz, bid_price numeric, ask_price numeric, last_price numeric)
language plpgsql
stable
set search_path = pg_catalog, public, pg_temp
set jit = off
as $$
begin
    -- Planned anew each time, with the instants as constants: so only the chunks of one day are touched.
    -- What a symbol never has is not looked for: not finding it would take a walk through its whole day.
    -- A row with a bid or an ask is looked for first, so that a day without quotes costs one walk, not two.
    return query execute $sql$
        select w.symbol, newest.time,
               case when quote.time is not null and quote.bid_price is null and known.has_bid is not false then
                   (select t.bid_price
                      from public.tick_data t
                     where t.symbol = w.symbol and t.time <= quote.time and t.time >= $2 and t.time < $3
                       and t.bid_price is not null
                     order by t.time desc, t.seq desc
                     limit 1)
               else quote.bid_price end,
               case when quote.time is not null and quote.ask_price is null and known.has_ask is not false then
                   (select t.ask_price
                      from public.tick_data t
                     where t.symbol = w.symbol and t.time <= quote.time and t.time >= $2 and t.time < $3
                       and t.ask_price is not null
                     order by t.time desc, t.seq desc
                     limit 1)
               else quote.ask_price end,
               (select t.last_price
                  from public.tick_data t
                 where known.has_last is not false
                   and t.symbol = w.symbol and t.time >= $2 and t.time < $3
                   and t.last_price is not null
                 order by t.time desc, t.seq desc
                 limit 1)
          from unnest($1) with ordinality as w (symbol, place)
          left join tapedeck.symbols known on known.symbol = w.symbol
          left join lateral (
                select t.time
                  from public.tick_data t
                 where t.symbol = w.symbol and t.time >= $2 and t.time < $3
                 order by t.time desc, t.seq desc
                 limit 1) newest on true
          left join lateral (
                select t.time, t.bid_price, t.ask_price
                  from public.tick_data t
                 where (known.has_bid is not false or known.has_ask is not false)
                   and t.symbol = w.symbol and t.time >= $2 and t.time < $3
                   and (t.bid_price is not null or t.ask_price is not null)
                 order by t.time desc, t.seq desc
                 limit 1) quote on true
         order by w.place
    $sql$ using p_symbols, p_at - interval '24 hours', p_at;
end
$$;

comment on function tapedeck.last_values(text[], timestamptz) is
    'Per symbol, in the order given: time of the newest tick before p_at, and the newest bid, ask and last price before it, each looked for one day back; null when there is none.';
