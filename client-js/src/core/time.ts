/**
 * Market time. The protocol counts microseconds since the Unix epoch, UTC; a double holds them
 * exactly from 1684 to 2255, so no BigInt is needed. Two nominal types keep instants and
 * lengths of time from being mixed up with other numbers.
 */

declare const unit: unique symbol;

/** An instant: microseconds since the Unix epoch, UTC. */
export type Micros = number & { readonly [unit]: "instant in µs" };

/** A length of time in microseconds. */
export type DurationMicros = number & { readonly [unit]: "duration in µs" };

/** Candle buckets are counted from here: a Monday, so that weeks begin on Mondays. */
const BUCKET_ORIGIN = Date.UTC(2000, 0, 3) * 1000;

const UNIT_SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3_600,
  d: 86_400,
  w: 604_800,
};

/** Names a plain number of microseconds as an instant. */
export function micros(value: number): Micros {
  return value as Micros;
}

export function fromMillis(value: number): Micros {
  return (value * 1000) as Micros;
}

/** The instant in seconds, as chart libraries want it. */
export function toSeconds(time: Micros): number {
  return time / 1_000_000;
}

export function shift(time: Micros, by: number): Micros {
  return (time + by) as Micros;
}

export function clampTime(time: Micros, low: Micros, high: Micros): Micros {
  return Math.min(Math.max(time, low), high) as Micros;
}

/** Reads `<n>s|m|h|d|w`; undefined when it is no interval. */
export function parseInterval(text: string): DurationMicros | undefined {
  const match = /^([1-9]\d{0,5})([smhdw])$/.exec(text);
  const seconds = UNIT_SECONDS[match?.[2] ?? ""];
  if (seconds === undefined) return undefined;
  return (Number(match?.[1]) * seconds * 1_000_000) as DurationMicros;
}

/** Start of the candle bucket that holds `time`. */
export function bucketStart(time: Micros, length: DurationMicros): Micros {
  return (Math.floor((time - BUCKET_ORIGIN) / length) * length + BUCKET_ORIGIN) as Micros;
}

/** `2024-08-08 12:34:56.789`, with 0 to 6 decimals (cut off, never rounded up), in UTC. */
export function formatTime(time: Micros, decimals = 3): string {
  const seconds = Math.floor(time / 1_000_000);
  const text = new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ");
  if (decimals === 0) return text;
  const fraction = String(time - seconds * 1_000_000).padStart(6, "0");
  return `${text}.${fraction.slice(0, decimals)}`;
}

/**
 * Reads `2024-08-08`, `2024-08-08 12:34[:56[.123456]]`, with a space or a T, and `Z` or nothing
 * at the end: always UTC. Undefined when it is no such time.
 */
export function parseTime(text: string): Micros | undefined {
  const match =
    /^(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?Z?$/.exec(text.trim());
  if (!match) return undefined;
  const [, day, minute = "00:00", second = "00", fraction = ""] = match;
  const millis = Date.parse(`${day}T${minute}:${second}Z`);
  if (Number.isNaN(millis)) return undefined;
  return micros(millis * 1000 + Number(fraction.padEnd(6, "0")));
}
