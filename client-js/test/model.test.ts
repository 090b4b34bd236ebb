import { describe, expect, it } from "vitest";
import { readLink, writeLink } from "../app/model/hash.js";
import { Market } from "../app/model/market.js";
import { Rate } from "../app/model/rate.js";
import { TickMemory } from "../app/model/tick-memory.js";
import { keptPosition } from "../app/views/scroll.js";
import { micros, type Candle, type Micros, type Ticks } from "../src/core/index.js";
import { MOCK_START } from "./mock-data.mjs";

type Row = readonly [time: number, bid: number, ask: number, last: number, volume: number];

function ticksOf(rows: readonly Row[]): Ticks {
  const column = (i: number): Float64Array => Float64Array.from(rows, (row) => row[i] as number);
  return {
    symbol: 0, count: rows.length, time: column(0), bid: column(1), ask: column(2), last: column(3),
    volume: column(4), priceDecimals: 2, volumeDecimals: 1,
  };
}

const SECOND = 1_000_000;

describe("the average price of a candle", () => {
  const bar: Candle = { time: micros(60e6), open: 1, high: 1, low: 1, close: 1, volume: 1, trades: 1, final: true };
  const page = (candles: readonly Candle[]) => ({ interval: "1m", candles, priceDecimals: 1, volumeDecimals: 1 });

  function marketWith(candle: Candle): Market {
    const market = new Market("A");
    market.showCandles(page([candle]));
    return market;
  }

  it("is looked up once, of the bucket itself", async () => {
    const market = marketWith(bar);
    const asked: unknown[] = [];
    const ask = (interval: string, before: Micros) => {
      asked.push([interval, before]);
      return Promise.resolve(page([{ ...bar, vwap: 1.25 }]));
    };
    const { version } = market;
    await market.lookUpAverage(bar, ask);
    await market.lookUpAverage(bar, ask);
    expect([asked, market.averageOf(bar), market.version]).toEqual([[["1m", 60e6 + 1]], 1.25, version + 1]);
  });

  it("is not looked up while the candle is forming", async () => {
    const forming = { ...bar, final: false };
    const market = marketWith(forming);
    await market.lookUpAverage(forming, () => Promise.reject(new Error("asked")));
    expect(market.averageOf(forming)).toBeUndefined();
  });

  it.each([
    ["the server refuses", () => Promise.reject(new Error("limit"))],
    ["another bucket is there", () => Promise.resolve(page([{ ...bar, time: micros(0), vwap: 9 }]))],
    ["nothing is there", () => Promise.resolve(page([]))],
  ])("is left out where %s", async (_, ask) => {
    const market = marketWith(bar);
    await market.lookUpAverage(bar, ask);
    expect(market.averageOf(bar)).toBeNaN();
  });
});

describe("a market", () => {
  it("holds the newest ticks, newest first, and no more than it may", () => {
    const market = new Market("A", new TickMemory(4_096));
    const rows = Array.from({ length: 5_000 }, (_, i): Row => [i, 1, 2, NaN, NaN]);
    market.add(ticksOf(rows));
    const { memory } = market;
    expect(memory.length).toBe(4_096);
    expect([0, 1, 4_095].map((age) => memory.time[memory.slot(age)])).toEqual([4_999, 4_998, 904]);
    expect(memory.from).toBe(904);
  });

  it("forgets an instant as a whole, and so never has a tick of it twice", () => {
    const market = new Market("A", new TickMemory(4));
    market.move(micros(0));
    market.add(ticksOf([0, 0, 0, 1, 2].map((time): Row => [time, 1, 2, NaN, NaN])));
    expect([market.memory.length, market.memory.from]).toEqual([2, 1]);
    expect(market.bid).toBe(1);
  });

  it("forgets what lies ahead when the playhead moves back", () => {
    const market = new Market("A");
    market.move(micros(MOCK_START));
    market.add(ticksOf([[MOCK_START, 1, 2, 1.5, 1]]));
    market.move(micros(MOCK_START));
    expect(market.memory.length).toBe(0);
    expect(market.price).toBeNaN();
  });

  it("forgets everything when the playhead moves ahead, for there is a gap", () => {
    const market = new Market("A");
    market.move(micros(MOCK_START));
    market.add(ticksOf([[MOCK_START, 1, 2, 1.5, 1]]));
    market.advance(micros(MOCK_START + 1));
    market.move(micros(MOCK_START + 10 * SECOND));
    expect([market.memory.length, market.memory.from]).toEqual([0, MOCK_START + 10 * SECOND]);
  });

  it("takes back to the values before, and to none where none are known", () => {
    const market = new Market("A");
    market.move(micros(0));
    market.add(ticksOf([[0, 1, 2, 5, 1], [1, NaN, 4, NaN, NaN], [2, 3, NaN, 6, 1]]));
    const values = (): number[] => [market.bid, market.ask, market.last];
    expect(values()).toEqual([3, 4, 6]);
    market.rewind(micros(2));
    expect(values()).toEqual([1, 4, 5]);
    market.rewind(micros(1));
    expect(values()).toEqual([1, 2, 5]);
    market.rewind(micros(0));
    expect(values()).toEqual([NaN, NaN, NaN]);
  });

  it("takes no ticks before its own across a gap, and none that it has", () => {
    const market = new Market("A");
    market.move(micros(100));
    market.add(ticksOf([[100, 1, 2, NaN, NaN]]));
    market.putBefore(ticksOf([[50, 1, 2, NaN, NaN]]), [micros(40), micros(60)]);
    expect(market.memory.length).toBe(1);
    market.putBefore(ticksOf([[100, 1, 2, NaN, NaN], [99, 7, 8, NaN, NaN]]), [micros(90), micros(101)]);
    expect([market.memory.length, market.memory.from]).toEqual([2, 90]);
  });

  it("recalls the newest values that the server tells", () => {
    const market = new Market("A");
    market.recall({ symbol: 0, time: micros(1), bid: 1, ask: 2, last: null });
    expect(market.price).toBe(1.5);
    market.recall({ symbol: 0, time: micros(1), bid: 1, ask: 2, last: 1.2 });
    expect(market.price).toBe(1.2);
  });

  it("recalls nothing that its own ticks tell better", () => {
    const market = new Market("A");
    market.move(micros(0));
    market.add(ticksOf([[0, 3, 4, NaN, NaN]]));
    market.recall({ symbol: 0, time: micros(1), bid: 1, ask: 2, last: null });
    expect(market.price).toBe(3.5);
  });
});

describe("a chart that is scrolled back", () => {
  const bars = (first: number, last: number): readonly Candle[] =>
    Array.from({ length: last - first + 1 }, (_, i) => ({
      time: micros((first + i) * SECOND), open: 1, high: 1, low: 1, close: 1, volume: 1, trades: 1, final: true,
    }));

  it.each([
    ["older ones are put before it", bars(0, 199), -50, -50],
    ["older ones take the place of the newest", bars(50, 180), -50, -31],
    ["newer ones follow", bars(100, 209), -50, -60],
    ["it is between two of them", bars(50, 180), -50.25, -31.25],
    ["nothing newer is left", bars(0, 101), -98, 0],
  ])("stays where it is when %s", (_, loaded, position, kept) => {
    expect(keptPosition(bars(100, 199), loaded, position)).toBe(kept);
  });

  it.each([["gone", bars(0, 148)], ["nowhere", []]])("cannot stay at a bar that is %s", (_, loaded) => {
    expect(keptPosition(bars(100, 199), loaded, -50)).toBeUndefined();
    expect(keptPosition([], loaded, -50)).toBeUndefined();
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

  it.each(["-1", "-0.01", "-100000", "0.5", "max", "-max"])("may have the speed %s", (speed) => {
    expect(String(readLink(`#speed=${speed}`).speed)).toBe(speed);
  });

  it.each(["0", "-0", "0.001", "100001", "-100001", "NaN", "", "--1"])("has no speed '%s'", (speed) => {
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
