/** What the app lets one choose from. */
import {
  inDirection, isReverse, turnedRound, type CandleRequest, type Speed, type StepUnit,
} from "../../src/core/index.js";

export const INTERVALS = ["1s", "5s", "1m", "5m", "15m", "1h"] as const;
export type IntervalName = (typeof INTERVALS)[number];

/** Complete candles that come with a snapshot, and with a page of older ones. */
export const CANDLES_AT_ONCE = 500;

/** Forwards; each of them can be turned round. */
export const SPEEDS: readonly Speed[] = [
  0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, "max",
];

export const STEP_UNITS: readonly StepUnit[] = ["tick", "frame", "1s", "5s", "1m", "5m", "15m", "1h"];

/** Symbols played side by side. */
export const MAX_CHOSEN = 6;

/** What the replay is asked for where the charts show `interval`. */
export function candlesOf(interval: IntervalName): readonly CandleRequest[] {
  return [{ interval, history: CANDLES_AT_ONCE }];
}

export function isInterval(text: string): text is IntervalName {
  return (INTERVALS as readonly string[]).includes(text);
}

/** A speed as written in a link; undefined when it is none. */
export function parseSpeed(text: string): Speed | undefined {
  if (text === "max" || text === "-max") return text;
  const speed = Number(text);
  return Math.abs(speed) >= 0.01 && Math.abs(speed) <= 100_000 ? speed : undefined;
}

/** A unit of steps as written in a link. */
export function parseStepUnit(text: string): StepUnit | undefined {
  return STEP_UNITS.find((unit) => unit === text);
}

/** At full speed there is no length of a frame. */
export function canStep(unit: StepUnit, speed: Speed): boolean {
  return unit !== "frame" || typeof speed === "number";
}

/** The next faster speed of the list, or the next slower one, in the same direction. */
export function neighbourSpeed(speed: Speed, by: 1 | -1): Speed {
  const reverse = isReverse(speed);
  const ahead = inDirection(speed, false);
  const size = (each: Speed): number => (typeof each === "number" ? each : Infinity);
  const next = by > 0
    ? SPEEDS.find((each) => size(each) > size(ahead))
    : [...SPEEDS].reverse().find((each) => size(each) < size(ahead));
  return next === undefined ? speed : inDirection(next, reverse);
}

/** `10×`, `max`; backwards with a minus sign. */
export function speedLabel(speed: Speed): string {
  const size = isReverse(speed) ? turnedRound(speed) : speed;
  return `${isReverse(speed) ? "−" : ""}${typeof size === "number" ? `${size}×` : size}`;
}

/** As in "one tick back", "3 minutes ahead". */
export function unitWords(unit: StepUnit): string {
  const names: Readonly<Record<string, string>> = { s: "second", m: "minute", h: "hour" };
  const match = /^(\d+)([smh])$/.exec(unit);
  const [, count = "1", letter = ""] = match ?? [];
  const name = names[letter] ?? unit;
  return count === "1" ? `one ${name}` : `${count} ${name}s`;
}
