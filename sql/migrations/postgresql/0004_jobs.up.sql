-- What TimescaleDB's scheduler would do: the server calls tapedeck.run_due_jobs() every few seconds.

create table tapedeck.jobs (
    job_id             integer     generated always as identity (start with 1000) primary key,
    kind               text        not null check (kind in ('partition', 'refresh', 'retention', 'sample')),
    target             text        not null,
    config             jsonb       not null default '{}',
    schedule_interval  interval    not null check (schedule_interval > interval '0'),
    enabled            boolean     not null default true,
    next_run_at        timestamptz not null,
    last_run_at        timestamptz,
    last_status        text        check (last_status in ('ok', 'failed', 'running')),
    last_duration      interval,
    last_error         text,
    total_runs         bigint      not null default 0,
    total_failures     bigint      not null default 0
);

comment on table tapedeck.jobs is 'Work that recurs, and how its last run went. See tapedeck.run_due_jobs().';
comment on column tapedeck.jobs.job_id is 'Number of the job.';
comment on column tapedeck.jobs.kind is
    'partition: make the partitions of the coming days; refresh: store finished candles; retention: drop old partitions; sample: measure the database.';
comment on column tapedeck.jobs.target is 'Table or view it works on.';
comment on column tapedeck.jobs.config is
    'Settings of the kind. partition: {ahead}; refresh: {start_offset, end_offset}; retention: {drop_after}; all intervals.';
comment on column tapedeck.jobs.schedule_interval is 'Time from one planned run to the next.';
comment on column tapedeck.jobs.enabled is 'A job that is not enabled stays listed and never runs.';
comment on column tapedeck.jobs.next_run_at is 'Earliest time of the next run.';
comment on column tapedeck.jobs.last_run_at is 'Start of the last run.';
comment on column tapedeck.jobs.last_status is 'How the last run ended; running while it lasts.';
comment on column tapedeck.jobs.last_duration is 'How long the last run took.';
comment on column tapedeck.jobs.last_error is 'Why the last failed run failed.';
comment on column tapedeck.jobs.total_runs is 'Runs so far.';
comment on column tapedeck.jobs.total_failures is 'Failed runs so far.';

-- Nightly jobs run at 03:00 UTC, whatever the time zone of this session.
with night (at) as (
    select pg_catalog.date_bin('1 day', pg_catalog.now(), '2000-01-03 03:00+00') + interval '24 hours'
)
insert into tapedeck.jobs (kind, target, config, schedule_interval, next_run_at)
select kind, target, config::jsonb, every::interval, coalesce(next_run_at, pg_catalog.now())
  from night
 cross join lateral (values
    ('partition', 'tick_data', '{"ahead": "7 days"}', '1 hour', null),
    ('refresh', 'candle_1m', '{"start_offset": "10 minutes", "end_offset": "1 minute"}', '1 minute', null),
    ('retention', 'tick_data', '{"drop_after": "90 days"}', '24 hours', night.at),
    ('sample', 'database', '{}', '24 hours', night.at)
 ) as job (kind, target, config, every, next_run_at)
 order by 1;
