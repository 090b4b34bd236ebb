/** The picture of one symbol at the playhead: candles, newest ticks, newest values. No React in here. */
import {
  CandleSeries, micros, shift,
  type Candle, type CandleChange, type CandlePage, type LastValues, type Micros, type Ticks,
} from "../../src/core/index.js";
import { CANDLES_AT_ONCE } from "./choices.js";
import { TickMemory, type Kind } from "./tick-memory.js";

/** Of buckets that start before `before`, the newest `count`. */
export type AskPage = (interval: string, before: Micros, count: number) => Promise<CandlePage>;
/** Of a candle that is complete and looked at. */
export type AskAverage = (interval: string, before: Micros) => Promise<CandlePage>;

export class Market {
  readonly symbol: string;
  readonly memory: TickMemory;
  /** The first price since the playhead was put here: what changes are measured from. */
  basis = NaN;
  /** Decimals needed so far to print prices and volumes. */
  priceDecimals = 0;
  volumeDecimals = 0;
  /** Grows with every change: painters compare it with what they painted. */
  version = 0;
  #candles: CandleSeries | undefined;
  readonly #averages = new WeakMap<Candle, number>();
  /** No older candles are to be asked for: that is under way, or there are none. */
  #hasAll = false;
  /** Prices are of trades; mid prices until (unless) a trade is seen. */
  #trades = false;
  #at = micros(NaN);

  constructor(symbol: string, memory = new TickMemory()) {
    this.symbol = symbol;
    this.memory = memory;
  }

  /** As of the playhead, of the interval that was asked for; undefined until they were told. */
  get candles(): CandleSeries | undefined {
    return this.#candles;
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
    this.#trades ||= hasTrade(ticks);
    this.#changed();
  }

  /** The playhead is at `at`, having gone backwards to it: later ticks are taken back. */
  rewind(at: Micros): void {
    this.#at = at;
    if (this.memory.rewind(at)) this.#changed();
  }

  /** The playhead is elsewhere. What is remembered serves as far as it is a part of that. */
  move(at: Micros): void {
    const isBehind = at <= this.#at;
    if (at !== this.#at) this.basis = NaN;
    this.#at = at;
    if (isBehind && at >= this.memory.from) this.memory.rewind(at);
    else this.memory.clear(at);
    this.#candles?.rewind(at);
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
    this.#trades ||= ticks !== undefined && hasTrade(ticks);
  }

  settle(): void {
    this.#changed();
  }

  /** The newest values before the playhead, where no tick tells them. */
  recall(values: LastValues): void {
    const recall = (kind: Kind): void => this.memory.recall(kind, values[kind] ?? NaN);
    (["bid", "ask", "last"] as const).forEach(recall);
    this.#trades ||= values.last !== null;
    this.#changed();
  }

  /** The candles at the playhead, of an interval that may be another one. */
  showCandles(page: CandlePage): void {
    this.#noteDecimals(page);
    if (this.#candles?.interval !== page.interval) this.#candles = new CandleSeries(page.interval);
    this.#candles.reset(page.candles);
    this.#hasAll = false;
    this.#changed();
  }

  changeCandle(change: CandleChange, forward: boolean): void {
    const series = this.#candles;
    if (series?.interval !== change.interval) return;
    this.#noteDecimals(change);
    if (forward && change.candle) series.put(change.candle);
    else series.takeBack(change.candle);
    this.#changed();
  }

  /** Puts a page of older candles before those that are here, if there is one. */
  async pageBack(ask: AskPage): Promise<void> {
    const series = this.#candles;
    const oldest = series?.candles[0]?.time;
    if (!series || oldest === undefined || this.#hasAll) return;
    this.#hasAll = true;
    // Where it fails, the next snapshot lets us try again.
    const page = await ask(series.interval, oldest, CANDLES_AT_ONCE).catch(() => undefined);
    // What came meanwhile may have no place for it.
    if (!page || series !== this.#candles) return;
    this.#hasAll = page.candles.length === 0;
    if (series.candles[0]?.time !== oldest) return;
    this.#noteDecimals(page);
    series.putBefore(page.candles);
    this.#changed();
  }

  /** Its average price by volume, once it has been looked up; NaN where there is none. */
  averageOf(candle: Candle): number | undefined {
    return this.#averages.get(candle);
  }

  /** It is made of all ticks of a candle, so it does not come with every one of them. */
  async lookUpAverage(candle: Candle, ask: AskAverage): Promise<void> {
    const series = this.#candles;
    if (!series || !candle.final || this.#averages.has(candle)) return;
    this.#averages.set(candle, NaN);
    // Where it fails, it is left out.
    const page = await ask(series.interval, shift(candle.time, 1)).catch(() => undefined);
    const found = page?.candles[0];
    if (found?.vwap === undefined || found.time !== candle.time) return;
    this.#averages.set(candle, found.vwap);
    this.#changed();
  }

  #noteDecimals(noted: { readonly priceDecimals: number; readonly volumeDecimals: number }): void {
    this.priceDecimals = Math.max(this.priceDecimals, noted.priceDecimals);
    this.volumeDecimals = Math.max(this.volumeDecimals, noted.volumeDecimals);
  }

  #changed(): void {
    this.version += 1;
    if (Number.isNaN(this.basis)) this.basis = this.price;
  }
}

function hasTrade(ticks: Ticks): boolean {
  return ticks.last.some((last) => !Number.isNaN(last));
}
