-- The picture at an instant.

create or replace function tapedeck.last_values(p_symbols text[], p_at timestamptz)
returns table (symbol text, tick_time timestamptz, bid_price numeric, ask_price numeric, last_price numeric)
language plpgsql
stable
set search_path = pg_catalog, public, pg_temp
set jit = off
as $$
declare
    c_near constant integer := 64;
    v_from constant timestamptz := p_at - interval '24 hours';
    v_times timestamptz[];
    v_bids numeric[];
    v_asks numeric[];
    v_lasts numeric[];
    v_far text[];
begin
    -- Planned anew each time, with the instants as constants: so only the chunks of one day are touched.
    -- Planning costs more than looking, so first one scan for everything: the newest few ticks mostly have it all.
    execute $sql$
        select array_agg(near.time order by w.place), array_agg(near.bid_price order by w.place),
               array_agg(near.ask_price order by w.place), array_agg(near.last_price order by w.place),
               -- What a symbol never has is not looked for: not finding it would take a walk through its whole day.
               array_agg(w.symbol) filter (
                   where near.ticks = $4
                     and (near.bid_price is null and known.has_bid is not false
                          or near.ask_price is null and known.has_ask is not false
                          or near.last_price is null and known.has_last is not false))
          from unnest($1) with ordinality as w (symbol, place)
          left join tapedeck.symbols known on known.symbol = w.symbol
         cross join lateral (
                select count(*) as ticks,
                       max(n.time) as time,
                       (array_agg(n.bid_price order by n.time desc, n.seq desc)
                           filter (where n.bid_price is not null))[1] as bid_price,
                       (array_agg(n.ask_price order by n.time desc, n.seq desc)
                           filter (where n.ask_price is not null))[1] as ask_price,
                       (array_agg(n.last_price order by n.time desc, n.seq desc)
                           filter (where n.last_price is not null))[1] as last_price
                  from (select t.time, t.seq, t.bid_price, t.ask_price, t.last_price
                          from public.tick_data t
                         where t.symbol = w.symbol and t.time >= $2 and t.time < $3
                         order by t.time desc, t.seq desc
                         limit $4) n) near
    $sql$ into v_times, v_bids, v_asks, v_lasts, v_far using p_symbols, v_from, p_at, c_near;
    if v_far is null then
        return query
            select n.symbol, n.tick_time, n.bid_price, n.ask_price, n.last_price
              from unnest(p_symbols, v_times, v_bids, v_asks, v_lasts)
                       with ordinality as n (symbol, tick_time, bid_price, ask_price, last_price, place)
             order by n.place;
        return;
    end if;

    -- A row with a bid or an ask is looked for first, so that a day without quotes costs one walk, not two.
    return query execute $sql$
        select n.symbol, n.tick_time,
               coalesce(n.bid_price, quote.bid_price,
                        case when quote.time is not null and known.has_bid is not false then
                            (select t.bid_price
                               from public.tick_data t
                              where t.symbol = n.symbol and t.time <= quote.time and t.time >= $7 and t.time < $8
                                and t.bid_price is not null
                              order by t.time desc, t.seq desc
                              limit 1) end),
               coalesce(n.ask_price, quote.ask_price,
                        case when quote.time is not null and known.has_ask is not false then
                            (select t.ask_price
                               from public.tick_data t
                              where t.symbol = n.symbol and t.time <= quote.time and t.time >= $7 and t.time < $8
                                and t.ask_price is not null
                              order by t.time desc, t.seq desc
                              limit 1) end),
               coalesce(n.last_price,
                        (select t.last_price
                           from public.tick_data t
                          where n.symbol = any ($6) and known.has_last is not false
                            and t.symbol = n.symbol and t.time >= $7 and t.time < $8
                            and t.last_price is not null
                          order by t.time desc, t.seq desc
                          limit 1))
          from unnest($1, $2, $3, $4, $5)
                   with ordinality as n (symbol, tick_time, bid_price, ask_price, last_price, place)
          left join tapedeck.symbols known on known.symbol = n.symbol
          left join lateral (
                select t.time, t.bid_price, t.ask_price
                  from public.tick_data t
                 where n.symbol = any ($6)
                   and (n.bid_price is null and known.has_bid is not false
                        or n.ask_price is null and known.has_ask is not false)
                   and t.symbol = n.symbol and t.time >= $7 and t.time < $8
                   and (t.bid_price is not null and n.bid_price is null
                        or t.ask_price is not null and n.ask_price is null)
                 order by t.time desc, t.seq desc
                 limit 1) quote on true
         order by n.place
    $sql$ using p_symbols, v_times, v_bids, v_asks, v_lasts, v_far, v_from, p_at;
end
$$;

comment on function tapedeck.last_values(text[], timestamptz) is
    'Per symbol, in the order given: time of the newest tick before p_at, and the newest bid, ask and last price before it, each looked for one day back; null when there is none.';
