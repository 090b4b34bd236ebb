/** The picture at an instant, worked out slowly and obviously from all ticks before it. */
import { bucketStart, micros, parseInterval, type Candle, type DurationMicros, type Micros } from "../src/core/index.js";
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

const VOLUME_SCALE = 1e8;

export class Oracle {
  readonly ticks: readonly OracleTick[];

  constructor(ticks: readonly OracleTick[]) {
    this.ticks = ticks;
  }

  /** From `from` to before `at`. */
  between(from: Micros, at: Micros): readonly OracleTick[] {
    return this.ticks.filter(({ time }) => time >= from && time < at);
  }

  newest(kind: "bid" | "ask" | "last", at: Micros): number {
    const known = this.ticks.filter((tick) => tick.time < at && !Number.isNaN(tick[kind]));
    return known[known.length - 1]?.[kind] ?? NaN;
  }

  /** Of all ticks before `at`. Volumes are added as whole numbers, so that the sum is exact. */
  candles(interval: string, at: Micros): readonly Candle[] {
    const length = parseInterval(interval) as DurationMicros;
    const buckets = new Map<Micros, OracleTick[]>();
    for (const tick of this.ticks) {
      if (tick.time >= at) break;
      if (Number.isNaN(tick.last)) continue;
      const time = bucketStart(micros(tick.time), length);
      const bucket = buckets.get(time);
      if (bucket) bucket.push(tick);
      else buckets.set(time, [tick]);
    }
    return [...buckets].map(([time, ticks]) => ({ time, ...aggregate(ticks), final: time + length <= at }));
  }
}

function aggregate(ticks: readonly OracleTick[]): Omit<Candle, "time" | "final"> {
  const prices = ticks.map(({ last }) => last);
  const volumes = ticks.map(({ volume }) => volume).filter((volume) => !Number.isNaN(volume));
  const sum = volumes.reduce((total, volume) => total + Math.round(volume * VOLUME_SCALE), 0);
  return {
    open: prices[0] as number,
    high: Math.max(...prices),
    low: Math.min(...prices),
    close: prices[prices.length - 1] as number,
    volume: volumes.length > 0 ? sum / VOLUME_SCALE : NaN,
    trades: prices.length,
  };
}
