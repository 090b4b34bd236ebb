/** Where ticks lie in time, and how far a step goes. */

const BUCKET_ORIGIN = Date.UTC(2000, 0, 3) * 1000;
const UNIT_SECONDS = /** @type {Record<string, number>} */ ({ s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 });

/** @typedef {import("./mock-data.mjs").MockSymbol} MockSymbol */

/** Index of the first tick at or after `time`. @param {{time: number}[]} ticks @param {number} time */
export function firstAt(ticks, time) {
  let low = 0;
  let high = ticks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ticks[middle]?.time ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** NaN for what is no interval. @param {string} interval */
export function intervalMicros(interval) {
  const match = /^(\d+)([smhdw])$/.exec(interval);
  return Number(match?.[1]) * (UNIT_SECONDS[match?.[2] ?? ""] ?? NaN) * 1e6;
}

/** @param {number} time @param {number} length */
export function bucketStart(time, length) {
  return Math.floor((time - BUCKET_ORIGIN) / length) * length + BUCKET_ORIGIN;
}

/** @param {MockSymbol} symbol */
export function endOf({ ticks }) {
  return (ticks[ticks.length - 1]?.time ?? 0) + 1;
}

/**
 * The instant that `count` units of a step lead to, without regard to the end of the range;
 * undefined for what is no unit.
 * @param {{unit: string, count: number, at: number, symbols: MockSymbol[], frameMicros: number | undefined}} step
 */
export function stepTarget({ unit, count, at, symbols, frameMicros }) {
  if (unit === "tick") return tickTarget(symbols, at, count);
  if (unit === "frame") return frameMicros === undefined ? undefined : at + Math.round(count * frameMicros);
  const length = intervalMicros(unit);
  if (!(length > 0)) return undefined;
  const multiples = (at - BUCKET_ORIGIN) / length;
  return (count > 0 ? Math.floor(multiples) + count : Math.ceil(multiples) + count) * length + BUCKET_ORIGIN;
}

/** @param {MockSymbol[]} symbols @param {number} at @param {number} count */
function tickTarget(symbols, at, count) {
  let edge = at;
  for (let left = Math.abs(count); left > 0 && Number.isFinite(edge); left--) {
    edge = count > 0
      ? Math.min(...symbols.map(({ ticks }) => ticks[firstAt(ticks, edge)]?.time ?? Infinity)) + 1
      : Math.max(...symbols.map(({ ticks }) => ticks[firstAt(ticks, edge) - 1]?.time ?? -Infinity));
  }
  return edge;
}
