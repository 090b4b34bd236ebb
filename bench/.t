#!/usr/bin/env bash
# What `tapedeck triggers on` costs those who write ticks: the same statements without and with the triggers,
# in turn, the median of the ratios. On every engine that is installed, with a server that listens.
#   bench/triggers [--short] [RUNS]      default 7
. "$(dirname "$0")/common"
runs=${1:-7} singles=1500 batches=200 rows=200000
$short && { runs=1; singles=100; batches=5; rows=5000; }
build
day=2024-08-07

# Statements that write to a day of their own each; the price makes each row another.
tick="(time, symbol, last_price, volume)"
singles() { for ((i = 0; i < singles; i++)); do echo "insert into tick_data $tick values ('$day 00:00Z'::timestamptz + $i * interval '1 second', 'T:A', $i, 1);"; done; }
several() { for ((i = 0; i < batches; i++)); do echo "insert into tick_data $tick select '$day 06:00Z'::timestamptz + ($i * 100 + g) * interval '1 ms', 'T:' || g % 4, g, 1 from generate_series(1, 100) g;"; done; }
ticks() { sql "copy (select '$day 12:00Z'::timestamptz + g * interval '10 ms', 'T:' || g % 4, 100 + g % 50, 1 from generate_series(1, $rows) g) to stdout csv"; }

prepare() {
  singles >"$home/commits.sql"
  { echo begin\;; singles; echo commit\;; } >"$home/singles.sql"
  several >"$home/batches.sql"
  ticks >"$home/ticks.csv"
  { echo time,symbol,last_price,volume; cat "$home/ticks.csv"; } >"$home/import.csv"
  echo "\\copy tick_data $tick from '$home/ticks.csv' csv" >"$home/copy.sql"
  echo "update tick_data set volume = 2 where symbol = 'T:1' and time >= '$day 12:00Z' and time < '$day 12:05Z'" >"$home/update.sql"
  echo "delete from tick_data where symbol = 'T:1' and time >= '$day 12:00Z' and time < '$day 12:05Z'" >"$home/delete.sql"
}
work() { # WHAT
  case $1 in
    import) "$tapedeck" import "$home/import.csv" --keep --again ;;
    *) psql -qXAt -v ON_ERROR_STOP=1 "$(url)" -f "$home/$1.sql" ;;
  esac
}
wipe() { sql "set tapedeck.announces = 'on'; delete from tick_data where time >= '$day 00:00Z'; delete from tapedeck.pending_refresh" >/dev/null; }

for engine in timescaledb postgresql; do
  stop; rm -rf "${home:?}"/*
  USE_TIMESCALEDB=$([ "$engine" = timescaledb ] && echo true || echo false); export USE_TIMESCALEDB
  serve
  [ "$engine" = postgresql ] || is_timescaledb || { echo "timescaledb is not installed"; continue; }
  prepare
  sql "select tapedeck.write_prepare('$day', '$day 23:00Z', false)" >/dev/null
  declare -A ratios=() offs=()
  whats=(commits singles batches copy update delete import)
  for ((run = 0; run < runs; run++)); do
    declare -A took=()
    # Who is first has the colder database, so it is not always the same.
    for state in $( ((run % 2)) && echo on off || echo off on); do
      quiet "$tapedeck" triggers "$state"
      for what in "${whats[@]}"; do took[$what.$state]=$(seconds work "$what" 2>/dev/null); done
      wipe
    done
    for what in "${whats[@]}"; do
      ratios[$what]+="$(calculate "${took[$what.on]} / ${took[$what.off]}" 3) "
      offs[$what]+="${took[$what.off]} "
    done
  done
  for what in "${whats[@]}"; do
    printf '%-12s %-8s without %s s, with triggers %s times as long (%s)\n' "$engine" "$what" \
      "$(calculate "$(tr ' ' '\n' <<<"${offs[$what]}" | sed '/^$/d' | median)" 3)" \
      "$(tr ' ' '\n' <<<"${ratios[$what]}" | sed '/^$/d' | median)" "${ratios[$what]% }"
  done
done
machine
