/**
 * Candles of one interval, folded from the ticks as they are played. The server's own as-of
 * candles will take this place; until then a candle whose bucket began before the place where
 * playing started knows only the ticks since.
 */
import { bucketStart, micros, type DurationMicros, type Micros } from "../../src/core/index.js";

export interface Bar {
  /** Start of the bucket. */
  readonly time: Micros;
  readonly open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

/** The chart walks all bars at every update: more would cost frames. */
const MAX_BARS = 5_000;
/** Old bars go in blocks, because a chart has to be loaded anew whenever its first bar changes. */
const DROPPED_AT_ONCE = 1_000;

export class CandleFold {
  readonly length: DurationMicros;
  #bars: Bar[] = [];
  #bucketEnd = -Infinity;
  #generation = 0;

  constructor(length: DurationMicros) {
    this.length = length;
  }

  get bars(): readonly Readonly<Bar>[] {
    return this.#bars;
  }

  /** Grows when bars were removed; otherwise only the last bar changes, and new ones follow it. */
  get generation(): number {
    return this.#generation;
  }

  add(time: number, price: number, volume: number): void {
    const bar = this.#bars[this.#bars.length - 1];
    if (!bar || time >= this.#bucketEnd) {
      this.#begin(time, price, volume);
      return;
    }
    if (price > bar.high) bar.high = price;
    if (price < bar.low) bar.low = price;
    bar.close = price;
    bar.volume += volume;
  }

  /** Drops every bar that was not complete at `at`. */
  cut(at: Micros): void {
    const kept = this.#bars.filter((bar) => bar.time + this.length <= at);
    if (kept.length === this.#bars.length) return;
    this.#bars = kept;
    this.#bucketEnd = -Infinity;
    this.#generation += 1;
  }

  clear(): void {
    this.cut(micros(-Infinity));
  }

  #begin(time: number, price: number, volume: number): void {
    if (this.#bars.length >= MAX_BARS) {
      this.#bars = this.#bars.slice(DROPPED_AT_ONCE);
      this.#generation += 1;
    }
    const start = bucketStart(micros(time), this.length);
    this.#bucketEnd = start + this.length;
    this.#bars.push({ time: start, open: price, high: price, low: price, close: price, volume });
  }
}
