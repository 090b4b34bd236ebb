/** The picture at an instant, worked out slowly and obviously from all ticks before it. */
import { bucketStart, micros, type Micros } from "../src/core/index.js";
import type { Bar } from "../app/model/candle-fold.js";
import { intervalLength, type IntervalName } from "../app/model/choices.js";
import type { MockSymbol } from "./mock-data.mjs";

export interface OracleTick {
  readonly time: number;
  readonly bid: number;
  readonly ask: number;
  readonly last: number;
  readonly volume: number;
}

/** What a client makes of the ticks of the mock server. */
export function ticksOf({ ticks, exp }: MockSymbol): readonly OracleTick[] {
  const value = (mantissa: number | null, decimals: number): number => (mantissa === null ? NaN : mantissa / 10 ** decimals);
  return ticks.map(({ time, bid, ask, last, volume }) => ({
    time, bid: value(bid, exp), ask: value(ask, exp), last: value(last, exp), volume: value(volume, 4),
  }));
}

export class Oracle {
  readonly ticks: readonly OracleTick[];
  readonly #trades: boolean;

  constructor(ticks: readonly OracleTick[]) {
    this.ticks = ticks;
    this.#trades = ticks.some(({ last }) => !Number.isNaN(last));
  }

  /** From `from` to before `at`. */
  between(from: Micros, at: Micros): readonly OracleTick[] {
    return this.ticks.filter(({ time }) => time >= from && time < at);
  }

  newest(kind: "bid" | "ask" | "last", at: Micros): number {
    const known = this.ticks.filter((tick) => tick.time < at && !Number.isNaN(tick[kind]));
    return known[known.length - 1]?.[kind] ?? NaN;
  }

  bars(interval: IntervalName, at: Micros): readonly Bar[] {
    const length = intervalLength(interval);
    const bars = new Map<number, Bar>();
    let [bid, ask] = [NaN, NaN];
    for (const tick of this.ticks) {
      if (tick.time >= at) break;
      [bid, ask] = [Number.isNaN(tick.bid) ? bid : tick.bid, Number.isNaN(tick.ask) ? ask : tick.ask];
      const price = this.#trades ? tick.last : (bid + ask) / 2;
      if (Number.isNaN(price)) continue;
      const time = bucketStart(micros(tick.time), length);
      const bar = bars.get(time) ?? { time, open: price, high: price, low: price, close: price, volume: 0 };
      bar.high = Math.max(bar.high, price);
      bar.low = Math.min(bar.low, price);
      bar.close = price;
      bar.volume += this.#trades ? tick.volume || 0 : 0;
      bars.set(time, bar);
    }
    return [...bars.values()];
  }
}
