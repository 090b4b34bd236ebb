/**
 * A window on the candles of one interval, oldest first: what a chart has loaded.
 *
 *   older pages ──▶ [ oldest … newest ] ◀── rows of frames, updates
 *
 * It holds a bounded number. Forwards, the oldest go. Where older pages are put before a full
 * window, the newest go: it is `detached` then, and rows beyond its end are not for it, until it
 * is reset or time has run back into it.
 */
import type { Candle } from "./candles.js";
import { parseInterval, type Micros } from "./time.js";

export const MAX_CANDLES = 5_000;
/** Old candles go in blocks, because a chart is loaded anew whenever its first one changes. */
const DROPPED_AT_ONCE = 1_000;

export class CandleSeries {
  readonly interval: string;
  readonly #length: number;
  readonly #most: number;
  #candles: Candle[] = [];
  #generation = 0;
  #detached = false;

  constructor(interval: string, most: number = MAX_CANDLES) {
    this.interval = interval;
    this.#length = parseInterval(interval) ?? 0;
    this.#most = most;
  }

  get candles(): readonly Candle[] {
    return this.#candles;
  }

  /** Grows whenever something else than the end changes. */
  get generation(): number {
    return this.#generation;
  }

  /** The newest candles are not in the window. */
  get detached(): boolean {
    return this.#detached;
  }

  /** The newest candles there are. Older ones stay if there is no gap to them. */
  reset(candles: readonly Candle[]): void {
    const first = candles[0];
    const older = first ? this.#search(first.time) : 0;
    const joins = first !== undefined && this.#candles[older]?.time === first.time;
    this.#candles = [...(joins ? this.#candles.slice(0, older) : []), ...candles].slice(-this.#most);
    this.#detached = false;
    this.#generation += 1;
  }

  /** A row that was told forwards: replaces the one of its time, or follows the newest. */
  put(candle: Candle): void {
    const last = this.#candles[this.#candles.length - 1];
    if (!last || candle.time > last.time) this.#append(candle);
    else if (candle.time === last.time) this.#candles[this.#candles.length - 1] = candle;
    else this.#putWithin(candle);
  }

  /** A row that was told backwards: what is newer goes. Undefined: everything does. */
  takeBack(candle: Candle | undefined): void {
    this.#dropWhile(({ time }) => candle === undefined || time > candle.time);
    if (candle && candle.time === this.#candles[this.#candles.length - 1]?.time) this.#detached = false;
    if (candle) this.put(candle);
  }

  /** The playhead was put to `at`: only what is complete there is right. */
  rewind(at: Micros): void {
    this.#dropWhile(({ time, final }) => !final || time + this.#length > at);
  }

  /** What comes before the oldest, oldest first; what is no older is left out. */
  putBefore(candles: readonly Candle[]): void {
    const first = this.#candles[0];
    const older = first ? candles.filter(({ time }) => time < first.time) : [];
    if (older.length === 0) return;
    const all = [...older, ...this.#candles];
    this.#candles = all.slice(0, this.#most);
    this.#detached ||= all.length > this.#most;
    this.#generation += 1;
  }

  #append(candle: Candle): void {
    if (this.#detached) return;
    if (this.#candles.length >= this.#most) {
      this.#candles = this.#candles.slice(Math.min(DROPPED_AT_ONCE, this.#most));
      this.#generation += 1;
    }
    this.#candles.push(candle);
  }

  /** Something older changed, or came in late. */
  #putWithin(candle: Candle): void {
    const index = this.#search(candle.time);
    const replaced = this.#candles[index]?.time === candle.time ? 1 : 0;
    // Before the oldest, it would pretend that there is nothing between the two.
    if (index === 0 && replaced === 0) return;
    this.#candles.splice(index, replaced, candle);
    this.#generation += 1;
    if (this.#candles.length > this.#most) this.#candles.shift();
  }

  /** Time ran back into the window, so its end is the newest that there is. */
  #dropWhile(isGone: (candle: Candle) => boolean): void {
    let count = this.#candles.length;
    while (count > 0 && isGone(this.#candles[count - 1] as Candle)) count -= 1;
    if (count === this.#candles.length) return;
    this.#candles.length = count;
    this.#detached = false;
  }

  /** Index of the first candle at or after `time`. */
  #search(time: Micros): number {
    let [low, high] = [0, this.#candles.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#candles[middle] as Candle).time < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
