/** Candles: decoded, kept in a window, told by replays and subscriptions. */
import { beforeEach, describe, expect, it } from "vitest";
import {
  bucketStart, CandleFeed, CandleSeries, Connection, fetchCandles, micros, parseInterval, Replay,
  type Candle, type DurationMicros, type Message, type Snapshot,
} from "../src/core/index.js";
import { decodeCandleRow, decodeCandles } from "../src/core/candles.js";
import { FakeClock, FakeServer } from "./fakes.js";
import { makeSymbol, mulberry32, type MockSymbol } from "./mock-data.mjs";
import { MockLink } from "./mock-link.js";
import { Oracle, ticksOf } from "./oracle.js";

const MINUTE = 60_000_000;

/** The candle of minute `index`. */
function candle(index: number, changes: Partial<Candle> = {}): Candle {
  const time = micros(index * MINUTE);
  return { time, open: 1, high: 1, low: 1, close: index, volume: 1, trades: 1, final: true, ...changes };
}

function candles(first: number, end: number): Candle[] {
  return Array.from({ length: end - first }, (_, i) => candle(first + i));
}

function minutes(series: CandleSeries): number[] {
  return series.candles.map(({ time }) => time / MINUTE);
}

describe("a row", () => {
  it("has mantissas, and a text where a double would round them", () => {
    const row = [3, "1m", 60_000_000, 2, 101, "92233720368.54775807", 99, 100, 8, "276701161105.64327421", 7, 0];
    expect(decodeCandleRow(row)).toEqual({
      symbol: 3, interval: "1m", priceDecimals: 2, volumeDecimals: 8,
      candle: {
        time: 60_000_000, open: 1.01, high: 92233720368.54775807, low: 0.99, close: 1,
        volume: 276701161105.64327421, trades: 7, final: false,
      },
    });
  });

  it("may tell that no candle is left", () => {
    expect(decodeCandleRow([0, "5m", null])).toMatchObject({ symbol: 0, interval: "5m", candle: undefined });
  });

  it("is refused where it cannot be read", () => {
    expect(() => decodeCandleRow([0, "1m"])).toThrow("integer");
    expect(() => decodeCandleRow(["A", "1m", null])).toThrow("whose");
    expect(() => decodeCandleRow([0, "1m", 1, 2, null, 1, 1, 1, 0, 1, 1, 1])).toThrow("integer");
  });
});

describe("columns", () => {
  const constant = ["const", 1, 0];
  const message = (volume: unknown): Message => ({
    interval: "1m", n: 2, time: ["const", 0, 0], open: constant, high: constant, low: constant,
    close: ["const", 15, 1], volume, trades: constant, final: constant,
  });

  it("may have volumes as texts, where they pass 64 bits", () => {
    const page = decodeCandles(message(["text", ["276701161105.64327421", null]]));
    expect(page.candles.map(({ volume }) => volume)).toEqual([276701161105.64327421, NaN]);
    expect([page.priceDecimals, page.volumeDecimals]).toEqual([1, 8]);
  });

  it("have an average price where it was asked for", () => {
    const asked = decodeCandles({ ...message(["const", 1, 0]), vwap: ["i16", 15, 1, [0, null]] });
    expect(asked.candles.map(({ vwap }) => vwap)).toEqual([1.5, NaN]);
    const texts = decodeCandles({ ...message(["const", 1, 0]), vwap: ["text", ["-1014570924054.02533877", null]] });
    expect(texts.candles.map(({ vwap }) => vwap)).toEqual([-1014570924054.02533877, NaN]);
    for (const each of decodeCandles(message(["const", 1, 0])).candles) expect(each).not.toHaveProperty("vwap");
  });

  it.each([[["1"]], [["1", "x"]], [["1", 2]], ["1"]])("with the texts %j are refused", (texts) => {
    expect(() => decodeCandles(message(["text", texts]))).toThrow("A column");
  });
});

describe("a series", () => {
  it("replaces rows by time, and is extended by newer ones", () => {
    const series = new CandleSeries("1m");
    series.reset(candles(0, 3));
    const { generation } = series;
    series.put(candle(2, { close: 9 }));
    series.put(candle(4));
    expect([minutes(series), series.candles[2]?.close, series.generation]).toEqual([[0, 1, 2, 4], 9, generation]);
  });

  it("takes an older row in its place, as updates bring them, but not before the oldest", () => {
    const series = new CandleSeries("1m");
    series.reset([candle(1), candle(2), candle(4)]);
    const { generation } = series;
    series.put(candle(3));
    series.put(candle(1, { close: 8 }));
    series.put(candle(0));
    expect([minutes(series), series.candles[0]?.close]).toEqual([[1, 2, 3, 4], 8]);
    expect(series.generation).toBeGreaterThan(generation);
  });

  it("backwards loses all that is newer than the row, or everything", () => {
    const series = new CandleSeries("1m");
    series.reset(candles(0, 5));
    series.takeBack(candle(2, { final: false }));
    expect([minutes(series), series.candles[2]?.final]).toEqual([[0, 1, 2], false]);
    series.takeBack(undefined);
    expect(minutes(series)).toEqual([]);
    series.takeBack(candle(1));
    expect(minutes(series)).toEqual([1]);
  });

  it("keeps what is complete where the playhead is put, and no more", () => {
    const series = new CandleSeries("1m");
    series.reset([...candles(0, 4), candle(4, { final: false })]);
    series.rewind(micros(10 * MINUTE));
    expect(minutes(series)).toEqual([0, 1, 2, 3]);
    series.rewind(micros(3 * MINUTE));
    expect(minutes(series)).toEqual([0, 1, 2]);
    series.rewind(micros(3 * MINUTE - 1));
    expect(minutes(series)).toEqual([0, 1]);
  });

  it("keeps older candles through a snapshot that joins them, and no others", () => {
    const series = new CandleSeries("1m");
    series.reset(candles(0, 5));
    series.reset(candles(3, 8));
    expect(minutes(series)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    series.reset(candles(9, 11));
    expect(minutes(series)).toEqual([9, 10]);
    series.reset([]);
    expect(minutes(series)).toEqual([]);
  });

  it("never holds more than it may: forwards the oldest go", () => {
    const series = new CandleSeries("1m");
    for (let i = 0; i < 12_000; i++) series.put(candle(i));
    expect(series.candles.length).toBeLessThanOrEqual(5_000);
    expect(minutes(series).pop()).toBe(11_999);
  });

  it("slides back with older pages: the newest go, and newer rows are not for it", () => {
    const series = new CandleSeries("1m", 10);
    series.reset(candles(20, 28));
    series.putBefore(candles(15, 21));
    expect([minutes(series)[0], minutes(series).pop(), series.detached]).toEqual([15, 24, true]);
    series.put(candle(28));
    series.takeBack(candle(26));
    expect([minutes(series).pop(), series.detached]).toEqual([24, true]);
    series.takeBack(candle(24));
    expect(series.detached).toBe(false);
    series.put(candle(25));
    expect(minutes(series).pop()).toBe(25);
  });

  it.each([1, 2, 3, 4, 5])("is always a run of the candles there are (seed %i)", (seed) => {
    const random = mulberry32(seed);
    const pick = (n: number): number => Math.floor(random() * n);
    const series = new CandleSeries("1m", 20);
    let head = 100;
    series.reset(candles(90, head));
    for (let i = 0; i < 2_000; i++) {
      const first = series.candles[0]?.time;
      const act = pick(8);
      if (act < 3) series.put(candle((head += 1) - 1));
      else if (act < 6 && head > 30) series.takeBack(candle((head -= 1 + pick(3)) - 1));
      else if (act === 6 && first !== undefined) series.putBefore(candles(Math.max(0, first / MINUTE - pick(9)), first / MINUTE));
      else if (random() < 0.1) series.reset(candles(Math.max(0, head - 1 - pick(15)), head));
      const shown = minutes(series);
      expect(shown.length).toBeLessThanOrEqual(20);
      expect(shown).toEqual(shown.map((_, k) => (shown[0] as number) + k));
      if (series.detached) expect(shown[shown.length - 1]).toBeLessThan(head - 1);
      else expect(shown[shown.length - 1]).toBe(head - 1);
    }
  });
});

describe("over the mock's line", () => {
  let clock: FakeClock;
  let link: MockLink;
  let connection: Connection;
  let symbol: MockSymbol;

  beforeEach(() => {
    clock = new FakeClock();
    symbol = makeSymbol({ symbol: "A", price: 5_000, exp: 2, perSecond: 5, seconds: 600, seed: 4 });
    link = new MockLink(clock, [symbol]);
    connection = new Connection({ url: "ws://mock/ws", openSocket: link.openSocket, clock, random: () => 0 });
    clock.advance(20);
  });

  const END = micros(8e15);
  const wanted = (interval: string): readonly Candle[] => new Oracle(ticksOf(symbol)).candles(interval, END);

  /** Ticks are written: those that were held back. */
  function write(held: MockSymbol["ticks"]): void {
    symbol.ticks.push(...held);
    link.peer?.announce("A", held[0]?.time ?? 0);
    clock.advance(10);
  }

  it("a feed shows what is stored, and what is written", () => {
    const held = symbol.ticks.splice(2_000);
    const feed = new CandleFeed(connection, { symbol: "A", interval: "1m" });
    let told = 0;
    feed.subscribe(() => (told += 1));
    clock.advance(10);
    expect([feed.status.state, feed.series.candles, told]).toEqual(["live", wanted("1m"), 1]);
    write(held);
    expect([feed.series.candles, told]).toEqual([wanted("1m"), 2]);
  });

  it("a feed with average prices has those of its ticks, and follows them", () => {
    const average = (time: number): number => {
      const held = symbol.ticks.filter((tick) => tick.time >= time && tick.time < time + MINUTE && tick.last !== null);
      const sum = (of: (tick: (typeof held)[0]) => number): number => held.reduce((all, tick) => all + of(tick), 0);
      const volume = sum((tick) => tick.volume ?? 0);
      return sum((tick) => (tick.last ?? 0) * (tick.volume ?? 0)) / volume / 10 ** symbol.exp;
    };
    const held = symbol.ticks.splice(2_000);
    const feed = new CandleFeed(connection, { symbol: "A", interval: "1m", vwap: true });
    clock.advance(10);
    const check = (): void => {
      expect(feed.series.candles.length).toBeGreaterThan(1);
      for (const { time, vwap } of feed.series.candles) expect(vwap).toBeCloseTo(average(time), 7);
    };
    check();
    const before = feed.series.candles.length;
    write(held);
    expect(feed.series.candles.length).toBeGreaterThan(before);
    check();
  });

  it("a feed goes on after the connection was lost, with what was written meanwhile", () => {
    const held = symbol.ticks.splice(2_000);
    const feed = new CandleFeed(connection, { symbol: "A", interval: "5s", limit: 20 });
    clock.advance(10);
    link.close(1006);
    expect(feed.status.state).toBe("connecting");
    symbol.ticks.push(...held);
    clock.advance(1_000);
    expect(link.asked("candles.subscribe")).toHaveLength(2);
    expect([feed.status.state, feed.series.candles]).toEqual(["live", wanted("5s").slice(-20)]);
  });

  it("a feed that is destroyed unsubscribes, and hears no more", () => {
    const feed = new CandleFeed(connection, { symbol: "A", interval: "1m" });
    clock.advance(10);
    let told = 0;
    feed.subscribe(() => (told += 1));
    feed.destroy();
    clock.advance(10);
    write([]);
    const { id } = link.asked("candles.subscribe")[0] ?? {};
    expect([link.asked("candles.unsubscribe").map((each) => each["id"]), told]).toEqual([[id], 0]);
  });

  it("a feed of what is not there fails, and does not ask again", () => {
    const feed = new CandleFeed(connection, { symbol: "Z", interval: "1m" });
    clock.advance(10);
    expect(feed.status).toMatchObject({ state: "failed", error: { code: "not_found" } });
    link.close(1006);
    clock.advance(1_000);
    expect(link.asked("candles.subscribe")).toHaveLength(1);
  });

  it("candles can be fetched once", async () => {
    const fetched = fetchCandles(connection, { symbol: "A", interval: "1m", limit: 3 });
    await Promise.resolve();
    await Promise.resolve();
    clock.advance(10);
    expect((await fetched).candles).toEqual(wanted("1m").slice(-3));
  });

  it("a replay pages back, as of its last frame", async () => {
    const from = micros(symbol.ticks[1_500]?.time ?? 0);
    const replay = new Replay(connection, { symbols: ["A"], from, candles: [{ interval: "5s", history: 2 }] }, clock);
    const snapshots: Snapshot[] = [];
    replay.follow({ frames: () => undefined, snapshot: (snapshot) => snapshots.push(snapshot) });
    clock.advance(10);
    const asOf = new Oracle(ticksOf(symbol)).candles("5s", from);
    expect(snapshots[0]?.candles[0]?.candles).toEqual(asOf.slice(-3));
    const before = micros(bucketStart(from, parseInterval("5s") as DurationMicros));
    const page = replay.history({ symbol: 0, interval: "5s", before, count: 4 });
    clock.advance(10);
    expect((await page).candles).toEqual(asOf.filter(({ time }) => time < before).slice(-4));
    expect(link.asked("replay.history")[0]).toMatchObject({ at: from });
  });

  it("a replay that is not open has no history to give", async () => {
    const replay = new Replay(connection, { symbols: ["A"], from: micros(0) }, clock);
    const page = replay.history({ symbol: 0, interval: "1m", before: micros(1), count: 1 });
    await expect(page).rejects.toThrow("not open");
  });

  it.each([1, 60, -60])("other candles are shown at once, whatever is on its way (speed %d)", (speed) => {
    const from = micros(symbol.ticks[0]?.time ?? 0);
    const at = micros(from + 200e6);
    const replay = new Replay(connection, { symbols: ["A"], from, at, speed, playing: true }, clock);
    const shown: Snapshot[] = [];
    replay.follow({ frames: () => undefined, snapshot: (snapshot) => shown.push(snapshot) });
    clock.advance(400);
    replay.pause();
    clock.advance(20);
    replay.setCandles([{ interval: "1s", history: 500 }]);
    clock.advance(60);
    const newest = shown[shown.length - 1];
    expect(newest?.at).toBe(replay.at);
    expect(newest?.candles[0]?.candles).toEqual(new Oracle(ticksOf(symbol)).candles("1s", replay.at ?? from));
    expect(replay.status.state).toBe("paused");
  });
});

describe("a snapshot of candles that a new epoch overtakes", () => {
  it("is asked for again", () => {
    const clock = new FakeClock();
    const server = new FakeServer();
    const connection = new Connection({ url: "ws://test/ws", openSocket: server.openSocket, clock });
    const replay = new Replay(connection, { symbols: ["A"], from: micros(0), to: micros(9e9), playing: true }, clock);
    server.welcome();
    server.answer("replay.open", { ev: "replay.opened", epoch: 1, from: 0, to: 9e9, at: 0, speed: 1, state: "playing" });
    const { id } = server.newest("replay.open");
    replay.setSpeed(2);
    server.push({ ev: "replay.snapshot", id, epoch: 1, seq: 7, at: 700, candles: [], last: [] });
    server.answer("replay.speed", { epoch: 2, at: 0, speed: 2, state: "playing" });
    expect(server.asked("replay.set")).toHaveLength(1);
  });
});
