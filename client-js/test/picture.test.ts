/**
 * The picture that the client keeps, whatever is done with the transport, over a slow and
 * breaking line: it equals one worked out anew from all ticks before the playhead.
 */
import { describe, expect, it } from "vitest";
import type { TickLimits } from "../app/model/markets.js";
import { Connection, micros } from "../src/core/index.js";
import { FakeClock } from "./fakes.js";
import { makeSymbol, mulberry32 } from "./mock-data.mjs";
import { MockLink } from "./mock-link.js";
import { Oracle, ticksOf } from "./oracle.js";
import { Walk } from "./walk.js";

const SYMBOLS = [
  makeSymbol({ symbol: "A", price: 5_710_045, exp: 2, perSecond: 25, seconds: 150, seed: 1 }),
  makeSymbol({ symbol: "B", price: 146_852, exp: 3, perSecond: 8, seconds: 150, seed: 2, quotesOnly: true }),
  makeSymbol({ symbol: "C", price: 99, exp: 0, perSecond: 0.3, seconds: 150, seed: 3 }),
];
const ORACLES = SYMBOLS.map((symbol) => new Oracle(ticksOf(symbol)));
const EARLIEST = micros(Math.min(...SYMBOLS.map(({ ticks }) => ticks[0]?.time ?? Infinity)));

interface Small {
  readonly limits: TickLimits;
  readonly batch: number;
}

async function run(seed: number, actions: number, small?: Small): Promise<Walk> {
  const clock = new FakeClock();
  const random = mulberry32(seed);
  const link = new MockLink(clock, SYMBOLS, () => Math.floor(random() ** 4 * 120));
  const connection = new Connection({ url: "ws://mock/ws", openSocket: link.openSocket, clock, random });
  const walk = new Walk({
    connection, clock, seed, ...small,
    symbols: SYMBOLS.map(({ symbol }) => symbol),
    oracles: ORACLES,
    // The range leaves something out at both ends.
    from: micros(EARLIEST + 20e6),
    to: micros(EARLIEST + 140e6),
    earliest: EARLIEST,
    span: 30e6,
    lose: () => link.close(walk.pick([1001, 1006, 1013])),
  });
  for (let i = 0; i < actions; i++) {
    clock.advance(Math.floor(walk.random() ** 2 * 700));
    // What was asked for a promise is looked at in between.
    await turn();
    walk.expectNothingWrong();
    walk.act();
  }
  walk.replay.pause();
  clock.advance(4_000);
  expect(walk.replay.status).toMatchObject({ error: undefined, seekingTo: undefined });
  walk.expectNothingWrong();
  for (let page = 0; page < PAGES; page++) {
    for (const { symbol } of SYMBOLS) void walk.markets.pageBack(symbol);
    clock.advance(300);
    await turn();
  }
  return walk;
}

/** Enough for all that there is; the last one is empty. */
const PAGES = 3;

function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** More of them: SEEDS=500 npx vitest run test/picture.test.ts */
const COUNT = Number(process.env["SEEDS"] ?? 12);
const SEEDS = Array.from({ length: COUNT }, (_, seed) => seed + 1);

describe("the picture", () => {
  it.each(SEEDS)("is that of all ticks before the playhead, whatever was done (seed %i)", async (seed) => {
    const walk = await run(seed, 30);
    expect(walk.rests).toBe(true);
    walk.expectAllThere();
    walk.expectAllCandles();
  });

  it.each(SEEDS)("is never wrong where only some ticks are remembered (seed %i)", async (seed) => {
    const limits = { few: 200, enough: 500, remembered: 1_000 };
    const walk = await run(seed, 40, { limits, batch: 50 });
    walk.expectAllCandles();
  });
});
