import { describe, expect, it } from "vitest";
import { CandleFold } from "../app/model/candle-fold.js";
import { intervalLength, INTERVALS } from "../app/model/choices.js";
import { readLink, writeLink } from "../app/model/hash.js";
import { Market } from "../app/model/market.js";
import { Rate } from "../app/model/rate.js";
import { bucketStart, micros, type Ticks } from "../src/core/index.js";
import { makeSymbol, MOCK_START } from "./mock-data.mjs";

type Row = readonly [time: number, bid: number, ask: number, last: number, volume: number];

function ticksOf(rows: readonly Row[]): Ticks {
  const column = (i: number): Float64Array => Float64Array.from(rows, (row) => row[i] as number);
  return {
    symbol: 0, count: rows.length, time: column(0), bid: column(1), ask: column(2), last: column(3),
    volume: column(4), priceDecimals: 2, volumeDecimals: 1,
  };
}

const SECOND = 1_000_000;

describe("folded candles", () => {
  const rows = makeSymbol({ symbol: "A", price: 10_000, exp: 0, perSecond: 5, seconds: 700 }).ticks.map(
    ({ time, bid, ask, last, volume }): Row => [time, bid, ask, last ?? NaN, volume ?? NaN],
  );
  const trades = rows.filter(([, , , last]) => !Number.isNaN(last));

  it.each(INTERVALS)("of %s equal those computed bucket by bucket", (interval) => {
    const market = new Market("A");
    // In uneven batches, as frames bring them.
    for (let i = 0, size = 1; i < rows.length; i += size, size = (size * 7) % 31) market.add(ticksOf(rows.slice(i, i + size)));
    const length = intervalLength(interval);
    const grouped = new Map<number, Row[]>();
    for (const row of trades) {
      const start = bucketStart(micros(row[0]), length);
      grouped.set(start, [...(grouped.get(start) ?? []), row]);
    }
    const expected = [...grouped].map(([time, inside]) => {
      const prices = inside.map(([, , , last]) => last);
      return {
        time, open: prices[0], high: Math.max(...prices), low: Math.min(...prices),
        close: prices[prices.length - 1], volume: inside.reduce((sum, row) => sum + row[4], 0),
      };
    });
    expect(market.fold(interval).bars).toEqual(expected);
  });

  it("are of mid prices where there are only quotes", () => {
    const market = new Market("A");
    market.add(ticksOf([[0, 10, 12, NaN, NaN], [1, 12, 14, NaN, NaN]]));
    expect(market.fold("1s").bars).toEqual([{ time: 0, open: 11, high: 13, low: 11, close: 13, volume: 0 }]);
    expect(market.price).toBe(13);
  });

  it("are of trades alone from the first trade on", () => {
    const market = new Market("A");
    market.add(ticksOf([[0, 10, 12, NaN, NaN], [1, 10, 12, 12, 3], [2, 20, 22, NaN, NaN]]));
    expect(market.fold("1s").bars).toEqual([{ time: 0, open: 12, high: 12, low: 12, close: 12, volume: 3 }]);
    expect(market.price).toBe(12);
  });

  it("keep the ones that were complete where the playhead is put, and no other", () => {
    const fold = new CandleFold(intervalLength("1s"));
    for (let second = 0; second < 5; second++) fold.add(second * SECOND, second, 1);
    const before = fold.generation;
    fold.cut(micros(2.5 * SECOND));
    expect(fold.bars.map(({ time }) => time)).toEqual([0, SECOND]);
    expect(fold.generation).toBeGreaterThan(before);
    fold.add(2 * SECOND, 9, 1);
    expect(fold.bars[2]).toMatchObject({ time: 2 * SECOND, open: 9 });
  });

  it("never are more than five thousand", () => {
    const fold = new CandleFold(intervalLength("1s"));
    for (let second = 0; second < 12_000; second++) fold.add(second * SECOND, 1, 1);
    expect(fold.bars.length).toBeLessThanOrEqual(5_000);
    expect(fold.bars[fold.bars.length - 1]?.time).toBe(11_999 * SECOND);
  });
});

describe("a market", () => {
  it("holds the newest ticks, newest first", () => {
    const market = new Market("A");
    const rows = Array.from({ length: 5_000 }, (_, i): Row => [i, 1, 2, NaN, NaN]);
    market.add(ticksOf(rows));
    const { ring } = market;
    expect(ring.length).toBe(2_048);
    expect([0, 1, 2_047].map((age) => ring.time[ring.slot(age)])).toEqual([4_999, 4_998, 2_952]);
  });

  it("forgets what lies ahead when the playhead moves", () => {
    const market = new Market("A");
    market.add(ticksOf([[MOCK_START, 1, 2, 1.5, 1]]));
    market.cut(micros(MOCK_START));
    expect([market.ring.length, market.fold("1s").bars.length]).toEqual([0, 0]);
    expect(market.price).toBeNaN();
  });

  it("recalls the newest values that the server tells", () => {
    const market = new Market("A");
    market.recall({ symbol: 0, time: micros(1), bid: 1, ask: 2, last: null });
    expect(market.price).toBe(1.5);
    market.recall({ symbol: 0, time: micros(1), bid: 1, ask: 2, last: 1.2 });
    expect(market.price).toBe(1.2);
  });
});

describe("a link", () => {
  it("carries symbols, interval, speed, range and play", () => {
    const hash = "#symbol=BTCUSDT&symbol=TRUEFX%3AUSDJPY&interval=1m&speed=max&from=2024-08-08T00%3A00%3A00.000001Z&play=1";
    const link = readLink(hash);
    expect(link).toEqual({
      symbols: ["BTCUSDT", "TRUEFX:USDJPY"], interval: "1m", speed: "max", play: true,
      from: Date.UTC(2024, 7, 8) * 1000 + 1, to: undefined,
    });
    expect(writeLink(link)).toBe(hash);
  });

  it("leaves out what it cannot read", () => {
    expect(readLink("#speed=fast&interval=2s&play=yes&from=now")).toEqual({
      symbols: [], interval: undefined, speed: undefined, play: false, from: undefined, to: undefined,
    });
  });

  it.each(["0", "-1", "100001", "NaN", "", "-max"])("has no speed '%s'", (speed) => {
    expect(readLink(`#speed=${speed}`).speed).toBeUndefined();
  });
});

describe("a rate", () => {
  it("counts the last second", () => {
    const rate = new Rate();
    for (let now = 0; now < 3_000; now += 50) rate.add(10, now);
    expect(rate.perSecond(2_999)).toBe(200);
    expect(rate.perSecond(3_499)).toBe(100);
    expect(rate.perSecond(60_000)).toBe(0);
  });
});
