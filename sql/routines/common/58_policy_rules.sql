-- Rules and words that policies_check() and policies_plan() have in common, so that what is refused before a
-- change is what is found after it.

create or replace function tapedeck.policy_margin()
returns interval
language sql
immutable parallel safe
as $$ select interval '24 hours' $$;

comment on function tapedeck.policy_margin() is
    'What policies keep clear of each other: a run that comes late, and a clock that is wrong.';

create or replace function tapedeck.policy_drop_after_bound(
    p_start_offset interval, p_chunk interval, p_bucket interval)
returns interval
language sql
immutable parallel safe
as $$ select p_start_offset + p_chunk + p_bucket + tapedeck.policy_margin() $$;

comment on function tapedeck.policy_drop_after_bound(interval, interval, interval) is
    'Retention must be longer than this, or a refresh that begins start_offset ago finds ticks gone and deletes their candles.';

create or replace function tapedeck.interval_words(p_interval interval)
returns text
language sql
immutable strict parallel safe
as $$
    select coalesce(nullif(pg_catalog.concat_ws(' ',
               case when p.days <> 0 then p.days || case when abs(p.days) = 1 then ' day' else ' days' end end,
               case when p.hours <> 0 then p.hours || case when abs(p.hours) = 1 then ' hour' else ' hours' end end,
               case when p.minutes <> 0
                    then p.minutes || case when abs(p.minutes) = 1 then ' minute' else ' minutes' end end,
               case when p.seconds <> 0
                    then pg_catalog.trim_scale(p.seconds) || case when abs(p.seconds) = 1 then ' second'
                                                                  else ' seconds' end end), ''), '0 seconds')
      from (select extract(epoch from p_interval) as epoch) e
     cross join lateral (
            select pg_catalog.trunc(e.epoch / 86400)::bigint as days,
                   pg_catalog.trunc(e.epoch % 86400 / 3600)::bigint as hours,
                   pg_catalog.trunc(e.epoch % 3600 / 60)::bigint as minutes,
                   e.epoch % 60 as seconds) p
$$;

comment on function tapedeck.interval_words(interval) is
    'The interval as people say it, "1 day 12 hours"; equal ones have equal words, which can be read as an interval again.';

create or replace function tapedeck.interval_read(p_text text)
returns interval
language plpgsql
stable strict
set search_path = pg_catalog, pg_temp
as $$
begin
    return p_text::interval;
exception
    when data_exception then
        return null;
end
$$;

comment on function tapedeck.interval_read(text) is
    'The text as an interval; null where PostgreSQL reads none in it, as in a config that somebody wrote by hand.';

create or replace function tapedeck.words_interval(p_words text)
returns interval
language sql
stable strict
as $$ select case when p_words ~ '^-?[0-9]' then tapedeck.interval_read(p_words) end $$;

comment on function tapedeck.words_interval(text) is
    'The other way round; null for words that are no length of time, such as "open".';
