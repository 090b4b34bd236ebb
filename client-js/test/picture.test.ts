/**
 * The picture that the client keeps, whatever is done with the transport, over a slow and
 * breaking line: it equals one worked out anew from all ticks before the playhead.
 */
import { describe, expect, it } from "vitest";
import { INTERVALS, type IntervalName } from "../app/model/choices.js";
import type { Market } from "../app/model/market.js";
import { Markets, TICK_LIMITS, type TickLimits } from "../app/model/markets.js";
import { Connection, micros, Replay, type Micros, type Speed } from "../src/core/index.js";
import { FakeClock } from "./fakes.js";
import { makeSymbol, mulberry32 } from "./mock-data.mjs";
import { MockLink } from "./mock-link.js";
import { Oracle } from "./oracle.js";

const SYMBOLS = [
  makeSymbol({ symbol: "A", price: 5_710_045, exp: 2, perSecond: 25, seconds: 150, seed: 1 }),
  makeSymbol({ symbol: "B", price: 146_852, exp: 3, perSecond: 8, seconds: 150, seed: 2, quotesOnly: true }),
  makeSymbol({ symbol: "C", price: 99, exp: 0, perSecond: 0.3, seconds: 150, seed: 3 }),
];
const ORACLES = SYMBOLS.map((symbol) => new Oracle(symbol));
const EARLIEST = micros(Math.min(...SYMBOLS.map(({ ticks }) => ticks[0]?.time ?? Infinity)));
/** The range leaves something out at both ends. */
const FROM = micros(EARLIEST + 20e6);
const TO = micros(EARLIEST + 140e6);

const SPEEDS: readonly Speed[] = [0.5, 1, 5, 40, 300, "max", -0.5, -1, -5, -40, -300, "-max"];
const UNITS = ["tick", "tick", "frame", "1s", "5s", "1m"];

class Deck {
  readonly clock = new FakeClock();
  readonly random: () => number;
  readonly markets: Markets;
  readonly link: MockLink;
  readonly replay: Replay;

  constructor(seed: number, limits: TickLimits) {
    this.random = mulberry32(seed);
    this.link = new MockLink(this.clock, SYMBOLS, () => Math.floor(this.random() ** 4 * 120));
    const connection = new Connection({
      url: "ws://mock/ws", openSocket: this.link.openSocket, clock: this.clock, random: this.random,
    });
    const symbols = SYMBOLS.map(({ symbol }) => symbol);
    this.replay = new Replay(connection, { symbols, from: FROM, to: TO, speed: this.pick(SPEEDS) }, this.clock);
    this.markets = new Markets(limits);
    this.markets.follow(this.replay, {
      open: (from, to) => new Replay(connection, { symbols, from, to, speed: "-max", playing: true }, this.clock),
      earliest: EARLIEST,
      span: 30e6,
    });
  }

  pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.random() * choices.length)] as T;
  }

  get at(): Micros {
    return this.replay.at ?? FROM;
  }

  market(index: number): Market {
    return this.markets.get(SYMBOLS[index]?.symbol) as Market;
  }

  /** One thing that a user, or bad luck, may do. */
  act(): string {
    const { replay, random } = this;
    const actions: readonly (() => string)[] = [
      () => (replay.play(), "play"),
      () => (replay.play(), "play"),
      () => (replay.pause(), "pause"),
      () => {
        const to = micros(FROM + Math.floor(random() * (TO - FROM)));
        replay.seek(to);
        return `seek ${to}`;
      },
      () => {
        const speed = this.pick(SPEEDS);
        replay.setSpeed(speed);
        return `speed ${speed}`;
      },
      () => {
        // At full speed there is no length of a frame.
        const unit = typeof replay.status.speed === "number" ? this.pick(UNITS) : "tick";
        const count = this.pick([-3, -1, -1, 1, 1, 3]);
        replay.step(unit, count);
        return `step ${unit} ${count}`;
      },
      () => (replay.setFps(this.pick([10, 60, 240])), "fps"),
      () => {
        if (random() < 0.5) return "nothing";
        this.link.close(this.pick([1001, 1006, 1013]));
        return "loss";
      },
    ];
    return this.pick(actions)();
  }

  /** Until nothing is wished, on its way or looked up any more. */
  rest(): void {
    this.replay.pause();
    this.clock.advance(4_000);
  }
}

/** What is shown while it moves may lack something, but is never wrong. */
function expectNothingWrong(deck: Deck, intervals: readonly IntervalName[], said: string): void {
  const { at } = deck;
  ORACLES.forEach((oracle, index) => {
    const market = deck.market(index);
    const { memory } = market;
    const known = oracle.between(memory.from, at);
    const times = known.map((_, i) => memory.time[memory.slot(known.length - 1 - i)]);
    expect(memory.length, `${said}: ticks`).toBe(known.length);
    expect(times, `${said}: times`).toEqual(known.map(({ time }) => time));
    for (const kind of ["bid", "ask", "last"] as const) {
      const value = memory.value(kind);
      if (!Number.isNaN(value)) expect(value, `${said}: ${kind}`).toBe(oracle.newest(kind, at));
    }
    for (const interval of intervals) {
      const wanted = new Map(oracle.bars(interval, at).map((bar) => [bar.time, bar]));
      const { length, bars } = market.fold(interval);
      for (const bar of bars) {
        const whole = bar.time >= memory.from;
        if (whole) expect(bar, `${said}: ${interval}`).toEqual(wanted.get(bar.time));
        else expect(wanted.has(bar.time) && bar.time < at, `${said}: a bar ${bar.time} of ${length}`).toBe(true);
      }
    }
  });
}

function expectAllThere(deck: Deck, said: string): void {
  const { at } = deck;
  ORACLES.forEach((oracle, index) => {
    const market = deck.market(index);
    expect(market.memory.from, `${said}: looked back`).toBeLessThanOrEqual(EARLIEST);
    expect(market.memory.length, said).toBe(oracle.between(EARLIEST, at).length);
    expect([market.bid, market.ask, market.last], `${said}: values`).toEqual(
      (["bid", "ask", "last"] as const).map((kind) => oracle.newest(kind, at)),
    );
    for (const interval of INTERVALS) {
      expect(market.fold(interval).bars, `${said}: ${interval}`).toEqual(oracle.bars(interval, at));
    }
  });
}

function run(seed: number, actions: number, limits: TickLimits, intervals: readonly IntervalName[]): Deck {
  const deck = new Deck(seed, limits);
  const said = [`seed ${seed}`];
  for (let i = 0; i < actions; i++) {
    deck.clock.advance(Math.floor(deck.random() ** 2 * 700));
    expectNothingWrong(deck, intervals, said.join(", "));
    said.push(deck.act());
    expect(deck.replay.status.error, said.join(", ")).toBeUndefined();
  }
  deck.rest();
  expect(deck.replay.status, said.join(", ")).toMatchObject({ error: undefined, seekingTo: undefined });
  expectNothingWrong(deck, intervals, said.join(", "));
  return deck;
}

/** More of them: SEEDS=500 npx vitest run test/picture.test.ts */
const COUNT = Number(process.env["SEEDS"] ?? 16);
const SEEDS = Array.from({ length: COUNT }, (_, seed) => seed + 1);

describe("the picture", () => {
  it.each(SEEDS)("is that of all ticks before the playhead, whatever was done (seed %i)", (seed) => {
    const deck = run(seed, 30, TICK_LIMITS, INTERVALS);
    expectAllThere(deck, `seed ${seed}`);
  });

  it.each(SEEDS)("is never wrong where only some ticks are remembered (seed %i)", (seed) => {
    run(seed, 40, { few: 300, enough: 900, most: 1_500, remembered: 1_000 }, ["1s", "5s"]);
  });
});
