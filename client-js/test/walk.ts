/** A random walk over the transport, and what has to be true of the picture at any time in it. */
import { expect } from "vitest";
import { CANDLES_AT_ONCE, INTERVALS } from "../app/model/choices.js";
import type { Market } from "../app/model/market.js";
import { Markets, TICK_LIMITS, type TickLimits } from "../app/model/markets.js";
import {
  micros, Replay, type Candle, type CandleRequest, type Clock, type Connection, type Micros, type Speed,
} from "../src/core/index.js";
import { mulberry32 } from "./mock-data.mjs";
import type { Oracle } from "./oracle.js";

const SPEEDS: readonly Speed[] = [
  0.5, 1, 5, 40, 300, 3_000, "max", -0.5, -1, -5, -40, -300, -3_000, "-max",
];
const HISTORIES = [0, 5, CANDLES_AT_ONCE];
const UNITS = ["tick", "tick", "frame", "1s", "5s", "1m"];

export interface WalkOptions {
  readonly connection: Connection;
  readonly clock: Clock;
  readonly seed: number;
  readonly symbols: readonly string[];
  /** The picture of each of them. */
  readonly oracles: readonly Oracle[];
  readonly from: Micros;
  readonly to: Micros;
  /** There are no ticks before this. */
  readonly earliest: Micros;
  /** Market time that one look-back covers. */
  readonly span: number;
  readonly limits?: TickLimits;
  readonly batch?: number;
  /** Breaks the connection. */
  readonly lose: () => void;
}

export class Walk {
  readonly random: () => number;
  readonly markets: Markets;
  readonly replay: Replay;
  /** What was done so far, for the message of a failure. */
  readonly said: string[];
  #candles: CandleRequest;
  readonly #options: WalkOptions;

  constructor(options: WalkOptions) {
    const { connection, clock, seed, symbols, from, to, earliest, span, batch, limits = TICK_LIMITS } = options;
    this.#options = options;
    this.said = [`seed ${seed}`];
    this.random = mulberry32(seed);
    this.#candles = this.#pickCandles();
    this.replay = new Replay(
      connection, { symbols, from, to, speed: this.pick(SPEEDS), candles: [this.#candles] }, clock,
    );
    this.markets = new Markets(limits);
    this.markets.follow(this.replay, {
      open: (start, end) =>
        new Replay(connection, { symbols, from: start, to: end, speed: "-max", playing: true }, clock),
      earliest,
      span,
      ...(batch === undefined ? {} : { batch }),
    });
  }

  pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.random() * choices.length)] as T;
  }

  get at(): Micros {
    return this.replay.at ?? this.#options.from;
  }

  get #story(): string {
    return this.said.join(", ");
  }

  /** One thing that a user, or bad luck, may do. */
  act(): void {
    const { replay } = this;
    const actions: readonly (() => string)[] = [
      () => (replay.play(), "play"),
      () => (replay.play(), "play"),
      () => (replay.pause(), "pause"),
      () => this.#seek(),
      () => this.#changeSpeed(),
      () => this.#step(),
      () => (replay.setFps(this.pick([10, 60, 240])), "fps"),
      () => this.#changeCandles(),
      () => this.#pageBack(),
      () => this.#lose(),
    ];
    this.said.push(this.pick(actions)());
    expect(replay.status.error, this.#story).toBeUndefined();
  }

  #seek(): string {
    const { from, to } = this.#options;
    const at = micros(from + Math.floor(this.random() * (to - from)));
    this.replay.seek(at);
    return `seek ${at}`;
  }

  #changeSpeed(): string {
    const speed = this.pick(SPEEDS);
    this.replay.setSpeed(speed);
    return `speed ${speed}`;
  }

  #step(): string {
    // At full speed there is no length of a frame.
    const unit = typeof this.replay.status.speed === "number" ? this.pick(UNITS) : "tick";
    const count = this.pick([-3, -1, -1, 1, 1, 3]);
    this.replay.step(unit, count);
    return `step ${unit} ${count}`;
  }

  #pickCandles(): CandleRequest {
    return { interval: this.pick(INTERVALS), history: this.pick(HISTORIES) };
  }

  #changeCandles(): string {
    this.#candles = this.#pickCandles();
    this.replay.setCandles([this.#candles]);
    return `candles ${this.#candles.interval} ${this.#candles.history}`;
  }

  #pageBack(): string {
    for (const symbol of this.#options.symbols) void this.markets.pageBack(symbol);
    return "page back";
  }

  #lose(): string {
    if (this.random() < 0.5) return "nothing";
    this.#options.lose();
    return "loss";
  }

  /** Nothing is wished or looked up any more, once it is paused. */
  get rests(): boolean {
    const { state, seekingTo } = this.replay.status;
    const settled = (state === "paused" || state === "ended") && seekingTo === undefined;
    return settled && (this.markets.from ?? Infinity) <= this.#options.earliest;
  }

  /** What is shown while it moves may lack something, but is never wrong. */
  expectNothingWrong(): void {
    this.#each((market, oracle) => {
      this.#expectTicks(market, oracle);
      for (const kind of ["bid", "ask", "last"] as const) {
        const value = market.memory.value(kind);
        if (!Number.isNaN(value)) expect(value, `${this.#story}: ${kind}`).toBe(oracle.newest(kind, this.at));
      }
      const shown = market.candles?.candles ?? [];
      const wanted = this.#wanted(market, oracle);
      const first = wanted.findIndex(({ time }) => time === shown[0]?.time);
      expect(shown, `${this.#story}: candles`).toEqual(wanted.slice(first, first + shown.length));
    });
  }

  #expectTicks({ memory }: Market, oracle: Oracle): void {
    const known = oracle.between(memory.from, this.at).map(({ time }) => time);
    expect(memory.length, `${this.#story}: ticks`).toBe(known.length);
    const times = known.map((_, i) => memory.time[memory.slot(known.length - 1 - i)]);
    expect(times, `${this.#story}: times`).toEqual(known);
  }

  #wanted({ candles }: Market, oracle: Oracle): readonly Candle[] {
    return candles ? oracle.candles(candles.interval, this.at) : [];
  }

  /** After all pages were asked for. */
  expectAllCandles(): void {
    this.#each((market, oracle) => {
      expect(market.candles?.candles, `${this.#story}: all candles`).toEqual(this.#wanted(market, oracle));
    });
  }

  /** At rest, where everything before the playhead fits into the memory. */
  expectAllThere(): void {
    this.#each((market, oracle) => {
      expect(market.memory.length, this.#story).toBe(oracle.between(this.#options.earliest, this.at).length);
      expect([market.bid, market.ask, market.last], `${this.#story}: values`).toEqual(
        (["bid", "ask", "last"] as const).map((kind) => oracle.newest(kind, this.at)),
      );
      const shown = market.candles?.candles ?? [];
      const wanted = this.#wanted(market, oracle);
      expect(market.candles?.interval, this.#story).toBe(this.#candles.interval);
      expect(shown.length, this.#story).toBeGreaterThanOrEqual(Math.min(wanted.length, this.#candles.history ?? 0));
      expect(shown, `${this.#story}: candles`).toEqual(wanted.slice(wanted.length - shown.length));
    });
  }

  #each(look: (market: Market, oracle: Oracle) => void): void {
    const { symbols, oracles } = this.#options;
    symbols.forEach((symbol, index) => {
      look(this.markets.get(symbol) as Market, oracles[index] as Oracle);
    });
  }
}
