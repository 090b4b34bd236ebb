/** What has been played of one symbol: candles, newest ticks, newest values. No React in here. */
import type { LastValues, Micros, Ticks } from "../../src/core/index.js";
import { CandleFold } from "./candle-fold.js";
import { INTERVALS, intervalLength, type IntervalName } from "./choices.js";
import { TickRing } from "./tick-ring.js";

export class Market {
  readonly symbol: string;
  readonly ring = new TickRing();
  readonly #folds = new Map<IntervalName, CandleFold>(
    INTERVALS.map((name) => [name, new CandleFold(intervalLength(name))]),
  );
  bid = NaN;
  ask = NaN;
  last = NaN;
  /** The first price since the playhead was put here: what changes are measured from. */
  basis = NaN;
  /** Decimals needed so far to print prices and volumes. */
  priceDecimals = 0;
  volumeDecimals = 0;
  /** Grows with every change: painters compare it with what they painted. */
  version = 0;
  /** Candles are of trades; of mid prices until (unless) a trade is seen. */
  #trades = false;

  constructor(symbol: string) {
    this.symbol = symbol;
  }

  fold(interval: IntervalName): CandleFold {
    return this.#folds.get(interval) as CandleFold;
  }

  /** The newest price: of a trade or, where there are none, between bid and ask. */
  get price(): number {
    return this.#trades ? this.last : (this.bid + this.ask) / 2;
  }

  add(ticks: Ticks): void {
    this.version += 1;
    this.priceDecimals = Math.max(this.priceDecimals, ticks.priceDecimals);
    this.volumeDecimals = Math.max(this.volumeDecimals, ticks.volumeDecimals);
    this.ring.add(ticks);
    const folds = [...this.#folds.values()];
    for (let i = 0; i < ticks.count; i++) {
      const price = this.#take(ticks, i);
      if (Number.isNaN(price)) continue;
      const volume = this.#trades ? (ticks.volume[i] as number) || 0 : 0;
      for (const fold of folds) fold.add(ticks.time[i] as number, price, volume);
    }
    if (Number.isNaN(this.basis)) this.basis = this.price;
  }

  /** The playhead is elsewhere: forget all that is not complete before `at`. */
  cut(at: Micros): void {
    this.version += 1;
    for (const fold of this.#folds.values()) fold.cut(at);
    this.ring.clear();
    this.bid = this.ask = this.last = this.basis = NaN;
  }

  /** The newest values before the playhead, where the server tells them. */
  recall(values: LastValues): void {
    this.version += 1;
    this.bid = values.bid ?? NaN;
    this.ask = values.ask ?? NaN;
    this.last = values.last ?? NaN;
    if (values.last !== null) this.#sawTrade();
    this.basis = this.price;
  }

  /** Takes one tick in; gives the price that counts for candles, or NaN. */
  #take(ticks: Ticks, i: number): number {
    const bid = ticks.bid[i] as number;
    const ask = ticks.ask[i] as number;
    const last = ticks.last[i] as number;
    if (!Number.isNaN(bid)) this.bid = bid;
    if (!Number.isNaN(ask)) this.ask = ask;
    if (Number.isNaN(last)) return this.#trades ? NaN : (this.bid + this.ask) / 2;
    this.#sawTrade();
    this.last = last;
    return last;
  }

  #sawTrade(): void {
    if (this.#trades) return;
    this.#trades = true;
    for (const fold of this.#folds.values()) fold.clear();
  }
}
