/** Candles of the mock server, folded anew from the ticks whenever one is asked for: slow and obvious. */
import { decimalColumn, timeColumn } from "./mock-columns.mjs";
import { bucketStart, firstAt, intervalMicros } from "./mock-steps.mjs";

const VOLUME_EXP = 4;
const AVERAGE_EXP = 8;

/** @typedef {import("./mock-data.mjs").MockSymbol} MockSymbol */
/** @typedef {{time: number, open: number, high: number, low: number, close: number, volume: number, trades: number, final: boolean}} MockCandle mantissas */

/**
 * The newest `count` candles of buckets that start before `before`, of the ticks before `at`; oldest first.
 * @param {MockSymbol} symbol @param {string} interval
 * @param {{at: number, count: number, before?: number}} wanted
 * @returns {MockCandle[]}
 */
export function newestCandles({ ticks }, interval, { at, count, before = Infinity }) {
  const length = intervalMicros(interval);
  const lastEnd = before === Infinity ? Infinity : bucketStart(before - 1, length) + length;
  const candles = [];
  let i = firstAt(ticks, Math.min(at, lastEnd)) - 1;
  while (i >= 0 && candles.length < count) {
    const start = bucketStart(ticks[i]?.time ?? 0, length);
    const first = firstAt(ticks, start);
    const candle = fold(ticks, first, i, start);
    if (candle) candles.push({ ...candle, final: start + length <= at });
    i = first - 1;
  }
  return candles.reverse();
}

/** @param {import("./mock-data.mjs").MockTick[]} ticks @param {number} first @param {number} last @param {number} time */
function fold(ticks, first, last, time) {
  let candle;
  for (let i = first; i <= last; i++) {
    const price = ticks[i]?.last ?? null;
    if (price === null) continue;
    candle ??= { time, open: price, high: price, low: price, close: price, volume: 0, trades: 0 };
    candle.high = Math.max(candle.high, price);
    candle.low = Math.min(candle.low, price);
    candle.close = price;
    candle.volume += ticks[i]?.volume ?? 0;
    candle.trades += 1;
  }
  return candle;
}

/** As of `at`: so many complete ones, and the forming one. @param {MockSymbol} symbol @param {string} interval @param {number} history @param {number} at */
export function pictureOf(symbol, interval, history, at) {
  const candles = newestCandles(symbol, interval, { at, count: history + 1 });
  return candles[candles.length - 1]?.final ? candles.slice(-Math.max(1, history)) : candles;
}

/**
 * The rows of a frame that moves the playhead from `at` to `edge`.
 * @param {MockSymbol} symbol @param {number} index @param {string} interval @param {number} at @param {number} edge
 * @returns {unknown[][]}
 */
export function changedRows(symbol, index, interval, at, edge) {
  const [before] = newestCandles(symbol, interval, { at, count: 1 });
  const [after] = newestCandles(symbol, interval, { at: edge, count: 1 });
  if (JSON.stringify(before) === JSON.stringify(after)) return [];
  if (!after) return [[index, interval, null]];
  if (edge < at) return [row(index, interval, symbol.exp, after)];
  const length = intervalMicros(interval);
  const since = before?.time ?? -Infinity;
  const count = Math.ceil((edge - Math.max(at, symbol.ticks[0]?.time ?? at)) / length) + 2;
  const candles = newestCandles(symbol, interval, { at: edge, count }).filter(({ time }) => time >= since);
  const isNew = (/** @type {MockCandle} */ candle) => candle.time !== since || JSON.stringify(candle) !== JSON.stringify(before);
  return candles.filter(isNew).map((candle) => row(index, interval, symbol.exp, candle));
}

/** @param {number} index @param {string} interval @param {number} exp @param {MockCandle} candle */
function row(index, interval, exp, { time, open, high, low, close, volume, trades, final }) {
  return [index, interval, time, exp, open, high, low, close, VOLUME_EXP, volume, trades, final ? 1 : 0];
}

/**
 * The average price by volume of each, of the ticks before `at`.
 * @param {MockSymbol} symbol @param {string} interval @param {MockCandle[]} candles @param {number} at
 */
export function averageColumn({ ticks, exp }, interval, candles, at) {
  const length = intervalMicros(interval);
  const averages = candles.map(({ time }) => {
    let [value, volume] = [0n, 0n];
    for (let i = firstAt(ticks, time); i < firstAt(ticks, Math.min(at, time + length)); i++) {
      const tick = ticks[i];
      if (tick?.last == null || tick.volume == null) continue;
      value += BigInt(tick.last) * BigInt(tick.volume);
      volume += BigInt(tick.volume);
    }
    const scaled = value * 10n ** BigInt(AVERAGE_EXP - exp);
    return volume === 0n ? null : Number((2n * scaled + volume) / (2n * volume));
  });
  return { vwap: decimalColumn(averages, AVERAGE_EXP) };
}

/** @param {MockCandle[]} candles @param {number} exp */
export function candleColumns(candles, exp) {
  const prices = (/** @type {"open" | "high" | "low" | "close"} */ field) => decimalColumn(candles.map((candle) => candle[field]), exp);
  return {
    n: candles.length,
    time: timeColumn(candles.map(({ time }) => time)),
    open: prices("open"),
    high: prices("high"),
    low: prices("low"),
    close: prices("close"),
    volume: decimalColumn(candles.map(({ volume }) => volume), VOLUME_EXP),
    trades: decimalColumn(candles.map(({ trades }) => trades), 0),
    final: decimalColumn(candles.map(({ final }) => (final ? 1 : 0)), 0),
  };
}
