import { describe, expect, it } from "vitest";
import { bucketStart, formatTime, micros, parseInterval, parseTime, type DurationMicros } from "../src/core/index.js";

function interval(text: string): DurationMicros {
  const length = parseInterval(text);
  if (length === undefined) throw new Error(`${text} is no interval`);
  return length;
}

describe("an interval", () => {
  it.each([["1s", 1e6], ["5m", 300e6], ["1h", 3_600e6], ["2d", 172_800e6], ["1w", 604_800e6]])("%s is read", (text, length) => {
    expect(parseInterval(text)).toBe(length);
  });

  it.each(["", "m", "0m", "-1m", "1.5m", "1M", "1 m", "1m "])("'%s' is refused", (text) => {
    expect(parseInterval(text)).toBeUndefined();
  });

  it("has buckets that begin on whole minutes", () => {
    const time = micros(Date.UTC(2024, 7, 8, 12, 34, 56) * 1000 + 789);
    expect(formatTime(bucketStart(time, interval("5m")))).toBe("2024-08-08 12:30:00.000");
    expect(bucketStart(bucketStart(time, interval("5m")), interval("5m"))).toBe(bucketStart(time, interval("5m")));
  });

  it("has weeks that begin on Mondays, before the epoch too", () => {
    for (const day of [Date.UTC(2024, 7, 8), Date.UTC(1969, 0, 5)]) {
      const start = bucketStart(micros(day * 1000), interval("1w"));
      expect(new Date(start / 1000).getUTCDay()).toBe(1);
    }
  });
});

describe("a time", () => {
  it("is written with its microseconds", () => {
    const time = parseTime("2024-08-08T12:34:56.000789Z");
    expect(time).toBeDefined();
    expect(formatTime(micros(time ?? 0), 6)).toBe("2024-08-08 12:34:56.000789");
    expect(formatTime(micros(time ?? 0), 0)).toBe("2024-08-08 12:34:56");
  });

  it("before the epoch is written right", () => {
    expect(formatTime(micros(-1), 6)).toBe("1969-12-31 23:59:59.999999");
  });

  it.each([
    ["2024-08-08", "2024-08-08 00:00:00.000"],
    ["2024-08-08 12:34", "2024-08-08 12:34:00.000"],
    [" 2024-08-08 12:34:56.5 ", "2024-08-08 12:34:56.500"],
  ])("'%s' is read", (text, expected) => {
    expect(formatTime(parseTime(text) ?? micros(0))).toBe(expected);
  });

  it.each(["", "yesterday", "2024-13-01", "2024-08-08 25:00", "2024-08-08 12", "08.08.2024"])("'%s' is refused", (text) => {
    expect(parseTime(text)).toBeUndefined();
  });
});
