/** The wire vectors that the server's tests and these read alike. */
import { existsSync, readFileSync } from "node:fs";
import { decode } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import { decodeColumn, type Message } from "../src/core/index.js";
import { decodeCandles } from "../src/core/candles.js";
import { decodeFrame } from "../src/core/frames.js";
import {
  readFrame, readOpened, readStanding, readSymbols, readWelcome,
} from "../src/core/messages.js";
import { readSnapshot } from "../src/core/snapshots.js";

interface ColumnVector {
  readonly name: string;
  readonly n: number;
  readonly column_msgpack_hex: string;
  readonly column_json: unknown;
  readonly values: readonly (number | string | null)[];
  readonly kind: "time" | "decimal";
}

interface MessageVector {
  readonly name: string;
  readonly msgpack_hex: string;
  readonly json: Message;
}

const columns = load<ColumnVector>("../tests/golden/columns.json");
const messages = load<MessageVector>("../tests/golden/messages.json");
const operations = load<MessageVector>("../tests/golden/operations.json");

describe.skipIf(columns.length === 0)("golden columns", () => {
  it.each(columns)("$name: the same from msgpack", ({ n, column_msgpack_hex, values }) => {
    expectSame(decodeColumn(unpack(column_msgpack_hex), n).values, values);
  });

  it.each(columns)("$name: the same from JSON", ({ n, column_json, values }) => {
    expectSame(decodeColumn(column_json, n).values, values);
  });
});

const READERS: Readonly<Record<string, (message: Message) => unknown>> = {
  welcome: readWelcome,
  symbols: readSymbols,
  // Of what is no replay, it says no more than that.
  ok: (message) => (message["epoch"] === undefined ? message : readStanding(message)),
  "replay.opened": (message) => ({ ...readOpened(message), ...readStanding(message) }),
  "replay.state": readStanding,
  "replay.snapshot": readSnapshot,
  "replay.frame": (message) => decodeFrame(readFrame(message, 0)),
};
/** Other messages that are read the same way, where there are vectors of them. */
const MORE_READERS: typeof READERS = {
  "replay.history": decodeCandles,
  "candles.snapshot": decodeCandles,
  "candles.update": decodeCandles,
};
const readerOf = ({ json }: MessageVector) => READERS[String(json["ev"])] ?? MORE_READERS[String(json["ev"])];
const readable = messages.filter(readerOf);

describe.skipIf(messages.length === 0)("golden messages", () => {
  it("are there for every message that is read", () => {
    const events = readable.map(({ json }) => json["ev"]);
    expect(events).toEqual(expect.arrayContaining(Object.keys(READERS)));
  });

  it.each(readable)("$name: the same from msgpack and from JSON", (vector) => {
    const read = readerOf(vector) as (message: Message) => unknown;
    expect(read(unpack(vector.msgpack_hex) as Message)).toEqual(read(vector.json));
  });
});

describe.skipIf(operations.length === 0)("golden messages about the database", () => {
  it("are there of every kind", () => {
    const events = operations.map(({ json }) => json["ev"]);
    expect(events).toEqual(expect.arrayContaining([
      "storage.snapshot", "storage.history", "policies.snapshot", "policies.event", "ok",
    ]));
  });

  it.each(operations)("$name: the same from msgpack and from JSON", ({ msgpack_hex, json }) => {
    expect(unpack(msgpack_hex)).toEqual(json);
  });
});

/** Empty when the file is not there. */
function load<V>(path: string): readonly V[] {
  const file = new URL(`../${path}`, import.meta.url);
  if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8")) as V[];
  console.warn(`golden vectors skipped: there is no ${path}`);
  return [];
}

function unpack(hex: string): unknown {
  return decode(Buffer.from(hex, "hex"));
}

/**
 * Equal to the nearest double of each decimal. Mantissas beyond 2^53 may be off by the last bit:
 * in JSON, and as a const or a base, they have been rounded once before we see them.
 */
function expectSame(actual: Float64Array, expected: ColumnVector["values"]): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach((text, row) => {
    const got = actual[row] as number;
    const want = Number(text);
    if (text === null) expect(got, `row ${row}`).toBeNaN();
    else if (digitsOf(text) <= 15) expect(got, `row ${row}`).toBe(want);
    else expect(Math.abs(got - want), `row ${row}: ${got} is not ${text}`).toBeLessThanOrEqual(Math.abs(want) * 2 ** -52);
  });
}

function digitsOf(value: number | string): number {
  return String(value).replace(/[^0-9]/g, "").replace(/^0+/, "").length;
}
