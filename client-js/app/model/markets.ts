/** The markets of the chosen symbols, fed by one replay at a time. */
import {
  micros, TapedeckError,
  type Candle, type Frame, type Micros, type Replay, type Snapshot, type Unsubscribe,
} from "../../src/core/index.js";
import { LookBack, type LookBackOptions } from "./look-back.js";
import { Market } from "./market.js";
import { Rate } from "./rate.js";
import { MEMORY_TICKS, TickMemory } from "./tick-memory.js";

/** Ticks behind the playhead, of all symbols together. */
export interface TickLimits {
  /** Too few to show: more are looked up. */
  readonly few: number;
  /** What is looked up then. */
  readonly enough: number;
  /** Remembered per symbol. */
  readonly remembered: number;
}

export const TICK_LIMITS: TickLimits = {
  few: 8_192,
  enough: 24_576,
  remembered: MEMORY_TICKS,
};

export class Markets {
  readonly #bySymbol = new Map<string, Market>();
  readonly #rate = new Rate();
  readonly #limits: TickLimits;
  #symbols: readonly string[] = [];
  #replay: Replay | undefined;
  #unfollow: Unsubscribe | undefined;
  #lookBack: LookBack | undefined;
  /** Ticks and frames used since the replay was opened. */
  ticks = 0;
  frames = 0;

  constructor(limits: TickLimits = TICK_LIMITS) {
    this.#limits = limits;
  }

  get ticksPerSecond(): number {
    return this.#rate.perSecond(performance.now());
  }

  get(symbol: string | undefined): Market | undefined {
    return symbol === undefined ? undefined : this.#bySymbol.get(symbol);
  }

  /** Takes what `replay` plays from now on. Symbols that stay keep their picture. */
  follow(replay: Replay, lookBack?: LookBackOptions): void {
    this.#unfollow?.();
    this.#lookBack?.destroy();
    this.#replay = replay;
    this.#symbols = replay.status.symbols;
    this.ticks = 0;
    this.frames = 0;
    for (const symbol of this.#bySymbol.keys()) {
      if (!this.#symbols.includes(symbol)) this.#bySymbol.delete(symbol);
    }
    for (const symbol of this.#symbols) {
      if (this.#bySymbol.has(symbol)) continue;
      this.#bySymbol.set(symbol, new Market(symbol, new TickMemory(this.#limits.remembered)));
    }
    this.#lookBack = lookBack && new LookBack(lookBack, this);
    const unfollow = replay.follow({
      frames: (frames) => this.#use(frames),
      moved: (at) => this.#move(at),
      snapshot: (snapshot) => this.#recall(snapshot),
    });
    // At full speed backwards nothing is looked up until it stops.
    const unsubscribe = replay.subscribe(() => this.#lookBack?.check());
    this.#unfollow = () => {
      unfollow();
      unsubscribe();
    };
  }

  destroy(): void {
    this.#unfollow?.();
    this.#lookBack?.destroy();
  }

  /** From where on the ticks of all symbols are known. */
  get from(): Micros | undefined {
    const from = [...this.#bySymbol.values()].map(({ memory }) => memory.from);
    return from.length > 0 ? micros(Math.max(...from)) : undefined;
  }

  get isShort(): boolean {
    const { speed, state } = this.#replay?.status ?? {};
    // At full speed it would never be in time.
    const isHopeless = speed === "-max" && (state === "playing" || state === "buffering");
    return !isHopeless && this.#count < this.#limits.few;
  }

  get isFilled(): boolean {
    return this.#count >= this.#limits.enough;
  }

  get #count(): number {
    return [...this.#bySymbol.values()].reduce((sum, { memory }) => sum + memory.length, 0);
  }

  /** Loads older candles of a symbol, unless that is under way or there are none. */
  pageBack(name: string): Promise<void> | undefined {
    const replay = this.#replay;
    const symbol = this.#symbols.indexOf(name);
    return this.get(name)?.pageBack((interval, before, count) => {
      if (!replay || symbol < 0) return Promise.reject(new TapedeckError("Nothing is played."));
      return replay.history({ symbol, interval, before, count });
    });
  }

  lookUpAverage(name: string, candle: Candle): Promise<void> | undefined {
    const replay = this.#replay;
    const symbol = this.#symbols.indexOf(name);
    return this.get(name)?.lookUpAverage(candle, (interval, before) => {
      if (!replay || symbol < 0) return Promise.reject(new TapedeckError("Nothing is played."));
      return replay.history({ symbol, interval, before, count: 1, vwap: true });
    });
  }

  #use(frames: readonly Frame[]): void {
    const newest = frames[frames.length - 1];
    if (!newest) return;
    for (const { ticks, candles, forward } of frames) {
      for (const each of ticks) {
        this.ticks += each.count;
        this.#rate.add(each.count, performance.now());
        if (forward) this.#market(each)?.add(each);
      }
      for (const change of candles) this.#market(change)?.changeCandle(change, forward);
    }
    this.frames += frames.length;
    for (const market of this.#bySymbol.values()) {
      if (newest.forward) market.advance(newest.edge);
      else market.rewind(newest.edge);
    }
    this.#lookBack?.check();
  }

  /** What was looked up, newest first. */
  putBefore(frames: readonly Frame[]): void {
    for (const { ticks, span } of frames) {
      this.#symbols.forEach((symbol, index) => {
        this.get(symbol)?.putBefore(ticks.find((each) => each.symbol === index), span);
      });
    }
    for (const market of this.#bySymbol.values()) market.settle();
  }

  #move(at: Micros): void {
    // Opened again where the picture stands, after its symbols were chosen anew, perhaps.
    for (const market of this.#bySymbol.values()) market.move(at);
    this.#lookBack?.restart();
  }

  #recall(snapshot: Snapshot): void {
    for (const values of snapshot.last) this.#market(values)?.recall(values);
    for (const page of snapshot.candles) this.#market(page)?.showCandles(page);
  }

  #market({ symbol }: { readonly symbol: number }): Market | undefined {
    return this.get(this.#symbols[symbol]);
  }
}
