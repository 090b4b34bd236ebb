import type { Candle } from "../../src/core/index.js";

/**
 * Where a chart that loads `bars` after `shown` has to be scrolled to, so that the bar at its right
 * edge stays there; undefined if that bar is gone. Positions count bars from the last one to the right
 * edge: negative ones are scrolled back.
 */
export function keptPosition(
  shown: readonly Candle[], bars: readonly Candle[], position: number,
): number | undefined {
  const edge = shown.length - 1 + position;
  const index = Math.min(Math.max(Math.floor(edge), 0), shown.length - 1);
  const now = bars.findIndex(({ time }) => time === shown[index]?.time);
  return now < 0 ? undefined : edge + (now - index) - (bars.length - 1);
}
