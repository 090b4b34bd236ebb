/** The picture of one symbol at the playhead: candles, newest ticks, newest values. No React in here. */
import { micros, type LastValues, type Micros, type Ticks } from "../../src/core/index.js";
import { CandleFold, type FoldSource } from "./candle-fold.js";
import { INTERVALS, intervalLength, type IntervalName } from "./choices.js";
import { TickMemory, type Kind } from "./tick-memory.js";

export class Market {
  readonly symbol: string;
  readonly memory: TickMemory;
  readonly #folds = new Map<IntervalName, CandleFold>(
    INTERVALS.map((name) => [name, new CandleFold(intervalLength(name))]),
  );
  /** The first price since the playhead was put here: what changes are measured from. */
  basis = NaN;
  /** Decimals needed so far to print prices and volumes. */
  priceDecimals = 0;
  volumeDecimals = 0;
  /** Grows with every change: painters compare it with what they painted. */
  version = 0;
  /** Candles are of trades; of mid prices until (unless) a trade is seen. */
  #trades = false;
  #at = micros(NaN);

  constructor(symbol: string, memory = new TickMemory()) {
    this.symbol = symbol;
    this.memory = memory;
  }

  fold(interval: IntervalName): CandleFold {
    return this.#folds.get(interval) as CandleFold;
  }

  get bid(): number {
    return this.memory.value("bid");
  }

  get ask(): number {
    return this.memory.value("ask");
  }

  get last(): number {
    return this.memory.value("last");
  }

  /** The newest price: of a trade or, where there are none, between bid and ask. */
  get price(): number {
    return this.#trades ? this.last : (this.bid + this.ask) / 2;
  }

  /** Ticks that were played forwards. */
  add(ticks: Ticks): void {
    this.#noteDecimals(ticks);
    this.memory.add(ticks);
    if (!this.#trades && hasTrade(ticks)) this.#sawTrade();
    this.#foldNewest(ticks.count);
    this.#changed();
  }

  /** The playhead is at `at`, having gone backwards to it: later ticks are taken back. */
  rewind(at: Micros): void {
    this.#at = at;
    if (!this.memory.rewind(at)) return;
    this.#rewindFolds(at);
    this.#changed();
  }

  /** The playhead is elsewhere. What is remembered serves as far as it is a part of that. */
  move(at: Micros): void {
    const isBehind = at <= this.#at;
    if (at !== this.#at) this.basis = NaN;
    this.#at = at;
    if (!isBehind) for (const fold of this.#folds.values()) fold.clear();
    if (isBehind && at >= this.memory.from) this.memory.rewind(at);
    else this.memory.clear(at);
    this.#rewindFolds(at);
    this.#changed();
  }

  /** The playhead went forward to `at`. */
  advance(at: Micros): void {
    this.#at = at;
  }

  /** Ticks from before those that are known, newest first; `settle` when all of them are here. */
  putBefore(ticks: Ticks | undefined, span: readonly [Micros, Micros]): void {
    if (ticks) this.#noteDecimals(ticks);
    this.memory.putBefore(ticks, span);
    if (ticks && !this.#trades && hasTrade(ticks)) this.#sawTrade();
  }

  settle(): void {
    const source = this.#source;
    for (const fold of this.#folds.values()) fold.refold(source);
    this.#changed();
  }

  /** The newest values before the playhead, where no tick tells them. */
  recall(values: LastValues): void {
    const recall = (kind: Kind): void => this.memory.recall(kind, values[kind] ?? NaN);
    (["bid", "ask", "last"] as const).forEach(recall);
    if (values.last !== null && !this.#trades) this.#sawTrade();
    this.#changed();
  }

  get #source(): FoldSource {
    const { memory } = this;
    if (this.#trades) return { memory, prices: memory.last, volumes: memory.volume };
    return { memory, prices: memory.mid, volumes: undefined };
  }

  #rewindFolds(at: Micros): void {
    const source = this.#source;
    for (const fold of this.#folds.values()) fold.rewind(at, source);
  }

  /** From the memory, because prices between quotes are worked out there. */
  #foldNewest(count: number): void {
    const { memory, prices, volumes } = this.#source;
    const folds = [...this.#folds.values()];
    // A frame holds fewer ticks than the memory.
    for (let age = Math.min(count, memory.length) - 1; age >= 0; age--) {
      const slot = memory.slot(age);
      const price = prices[slot] as number;
      if (Number.isNaN(price)) continue;
      const volume = (volumes?.[slot] as number) || 0;
      for (const fold of folds) fold.add(memory.time[slot] as number, price, volume);
    }
  }

  #noteDecimals(ticks: Ticks): void {
    this.priceDecimals = Math.max(this.priceDecimals, ticks.priceDecimals);
    this.volumeDecimals = Math.max(this.volumeDecimals, ticks.volumeDecimals);
  }

  #changed(): void {
    this.version += 1;
    if (Number.isNaN(this.basis)) this.basis = this.price;
  }

  #sawTrade(): void {
    this.#trades = true;
    for (const fold of this.#folds.values()) fold.clear();
  }
}

function hasTrade(ticks: Ticks): boolean {
  return ticks.last.some((last) => !Number.isNaN(last));
}
