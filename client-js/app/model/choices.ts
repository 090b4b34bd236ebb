/** What the app lets one choose from. */
import { parseInterval, type DurationMicros, type Speed } from "../../src/core/index.js";

export const INTERVALS = ["1s", "5s", "1m", "5m"] as const;
export type IntervalName = (typeof INTERVALS)[number];

export const SPEEDS: readonly Speed[] = [
  0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, "max",
];

/** Symbols played side by side. */
export const MAX_CHOSEN = 6;

export function intervalLength(name: IntervalName): DurationMicros {
  return parseInterval(name) as DurationMicros;
}

export function isInterval(text: string): text is IntervalName {
  return (INTERVALS as readonly string[]).includes(text);
}

/** A speed as written in a link; undefined when it is none that plays forward. */
export function parseSpeed(text: string): Speed | undefined {
  if (text === "max") return "max";
  const speed = Number(text);
  return speed >= 0.01 && speed <= 100_000 ? speed : undefined;
}

export function speedLabel(speed: Speed): string {
  return typeof speed === "number" ? `${speed}×` : speed;
}
