/**
 * Candles of one interval, folded from the ticks before the playhead. Forwards they grow tick by
 * tick; backwards, the candle at the playhead is folded again from the ticks that remain.
 */
import { bucketStart, micros, type DurationMicros, type Micros } from "../../src/core/index.js";
import type { TickMemory } from "./tick-memory.js";

/** Once gone from the end of the list, the same object never comes back: views rely on it. */
export interface Bar {
  /** Start of the bucket. */
  readonly time: Micros;
  readonly open: number;
  high: number;
  low: number;
  close: number;
  volume: number;
}

/** The ticks to fold again: their prices, and volumes where those count. */
export interface FoldSource {
  readonly memory: TickMemory;
  readonly prices: Float64Array;
  readonly volumes: Float64Array | undefined;
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
  /** The bucket in which knowledge begins, while its first ticks are missing. */
  #partial: Micros | undefined;

  constructor(length: DurationMicros) {
    this.length = length;
  }

  get bars(): readonly Readonly<Bar>[] {
    return this.#bars;
  }

  /** Grows when the first bar changes; otherwise bars come and go at the end only. */
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

  /** The playhead went back to `at`: what lies ahead goes, and the forming bar is folded anew. */
  rewind(at: Micros, source: FoldSource): void {
    this.#dropFrom(at);
    const start = bucketStart(at, this.length);
    if (this.#partial !== undefined && this.#partial >= at) this.#partial = undefined;
    if (start < at && start < source.memory.from) this.#beginKnowing(start);
    if (start < at) this.#fold(source, source.memory.countFrom(start));
  }

  /**
   * Folds everything anew from what is remembered, after older ticks were looked up. Whole bars
   * that began before those stay. The bucket in which the memory begins is left out, for it
   * would look whole and is not; only the forming bar may be less than whole.
   */
  refold(source: FoldSource): void {
    const { from } = source.memory;
    const known = bucketStart(micros(from + this.length - 1), this.length);
    if (this.#partial !== undefined && this.#partial >= from) this.#partial = undefined;
    this.#bars = this.#bars.filter(({ time }) => time < from && time !== this.#partial);
    this.#bucketEnd = this.#endOfLast();
    this.#generation += 1;
    this.#fold(source, source.memory.countFrom(this.#partial ?? known));
  }

  clear(): void {
    this.#bars = [];
    this.#partial = undefined;
    this.#bucketEnd = -Infinity;
    this.#generation += 1;
  }

  /** Drops every bar that ends after `at`. */
  #dropFrom(at: Micros): void {
    while (this.#endOfLast() > at) this.#bars.pop();
    this.#bucketEnd = this.#endOfLast();
  }

  /** An older bar that never became whole goes, and what is older still, lest there be a hole. */
  #beginKnowing(start: Micros): void {
    const old = this.#partial;
    this.#partial = start;
    if (old === undefined || old === start) return;
    this.#bars = this.#bars.filter(({ time }) => time > old);
    this.#generation += 1;
  }

  #endOfLast(): number {
    const bar = this.#bars[this.#bars.length - 1];
    return bar ? bar.time + this.length : -Infinity;
  }

  /** Adds the newest `count` ticks. */
  #fold({ memory, prices, volumes }: FoldSource, count: number): void {
    for (let age = count - 1; age >= 0; age--) {
      const slot = memory.slot(age);
      const price = prices[slot] as number;
      if (Number.isNaN(price)) continue;
      this.add(memory.time[slot] as number, price, (volumes?.[slot] as number) || 0);
    }
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
