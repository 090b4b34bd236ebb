/** The markets of the chosen symbols, fed by one replay at a time. */
import type { Frame, Micros, Replay, Snapshot, Unsubscribe } from "../../src/core/index.js";
import { Market } from "./market.js";
import { Rate } from "./rate.js";

export class Markets {
  readonly #bySymbol = new Map<string, Market>();
  readonly #rate = new Rate();
  #symbols: readonly string[] = [];
  #edge: Micros | undefined;
  #unfollow: Unsubscribe | undefined;
  /** Ticks and frames used since the replay was opened. */
  ticks = 0;
  frames = 0;

  get ticksPerSecond(): number {
    return this.#rate.perSecond(performance.now());
  }

  get(symbol: string | undefined): Market | undefined {
    return symbol === undefined ? undefined : this.#bySymbol.get(symbol);
  }

  /** Takes what `replay` plays from now on. Symbols that stay keep their picture. */
  follow(replay: Replay): void {
    this.#unfollow?.();
    this.#symbols = replay.status.symbols;
    this.ticks = 0;
    this.frames = 0;
    for (const symbol of this.#bySymbol.keys()) {
      if (!this.#symbols.includes(symbol)) this.#bySymbol.delete(symbol);
    }
    for (const symbol of this.#symbols) {
      if (!this.#bySymbol.has(symbol)) this.#bySymbol.set(symbol, new Market(symbol));
    }
    this.#unfollow = replay.follow({
      frames: (frames) => this.#use(frames),
      moved: (at) => this.#move(at),
      snapshot: (snapshot) => this.#recall(snapshot),
    });
  }

  #use(frames: readonly Frame[]): void {
    let count = 0;
    for (const frame of frames) {
      this.#edge = frame.edge;
      for (const ticks of frame.ticks) {
        this.get(this.#symbols[ticks.symbol])?.add(ticks);
        count += ticks.count;
      }
    }
    this.ticks += count;
    this.frames += frames.length;
    this.#rate.add(count, performance.now());
  }

  /** Backwards, what lies ahead goes; forwards, the candle that was forming stays incomplete. */
  #move(at: Micros): void {
    const edge = this.#edge ?? at;
    if (edge !== at) {
      for (const market of this.#bySymbol.values()) market.cut(at < edge ? at : edge);
    }
    this.#edge = at;
  }

  #recall(snapshot: Snapshot): void {
    for (const values of snapshot.last) this.get(this.#symbols[values.symbol])?.recall(values);
  }
}
