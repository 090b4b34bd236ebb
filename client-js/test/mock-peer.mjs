/** One client's side of the mock server, without sockets: requests in, answers and pushes out. */
import { decode, encode } from "@msgpack/msgpack";
import { averageColumn, candleColumns, newestCandles } from "./mock-candles.mjs";
import { MockOperations } from "./mock-operations.mjs";
import { MockReplay } from "./mock-replay.mjs";
import { bucketStart, endOf, intervalMicros } from "./mock-steps.mjs";

/** @typedef {Record<string, unknown>} Message */

export class MockPeer {
  /** @type {Map<number, MockReplay>} */
  replays = new Map();
  /** Live candles. @type {Map<number, {symbol: import("./mock-data.mjs").MockSymbol, interval: string, vwap: boolean}>} */
  feeds = new Map();

  /**
   * @param {import("./mock-data.mjs").MockSymbol[]} symbols
   * @param {(bytes: Uint8Array) => void} send
   * @param {() => number} nowMs
   * @param {{role?: string, token?: string | undefined}} [auth] what a client is, and the token that it must have
   */
  constructor(symbols, send, nowMs, { role = "operator", token } = {}) {
    this.symbols = symbols;
    this.role = role;
    this.token = token;
    this.isProven = token === undefined;
    this.nowMs = nowMs;
    this.push = (/** @type {Message} */ message) => {
      const bytes = encode(message);
      send(bytes);
      return bytes.length;
    };
    this.operations = new MockOperations(role, this.push, nowMs);
    this.push({
      ev: "welcome", protocol: 1, server: "mock", engine: "postgresql", engine_version: "0",
      auth: { required: !this.isProven, role: this.isProven ? role : null }, limits: { frame_bytes: 61440 }, ops: [], now: Date.now() * 1000,
    });
  }

  /** Every few milliseconds. */
  pump() {
    for (const replay of this.replays.values()) replay.pump(this.nowMs());
    this.operations.pump();
  }

  /** @param {Uint8Array} bytes */
  receive(bytes) {
    const request = /** @type {Message} */ (decode(bytes));
    const answer = this.answerTo(request);
    if (answer) this.push(request["req"] === undefined ? answer : { ...answer, re: request["req"] });
  }

  /** @param {Message} request @returns {Message | undefined} */
  answerTo(request) {
    if (request["op"] === "auth") return this.prove(request);
    if (!this.isProven) return error("unauthorized", "Say who you are first.");
    if (request["op"] === "symbols") return { ev: "symbols", symbols: this.symbols.map(describe) };
    if (request["op"] === "ping") return { ...request, ev: "pong", now: Date.now() * 1000 };
    if (request["op"] === "replay.open") return this.open(request);
    if (request["op"] === "candles.subscribe") return this.subscribe(request);
    if (request["op"] === "candles.unsubscribe") {
      return this.feeds.delete(Number(request["id"])) ? { ev: "ok", id: request["id"] } : error("not_found", "There is no such subscription.");
    }
    const operations = this.operations.answerTo(request);
    if (operations) return operations;
    const replay = this.replays.get(Number(request["id"]));
    if (!replay) return error("not_found", `There is no replay ${String(request["id"])}.`);
    if (request["op"] === "replay.ack") return void replay.ack(request);
    if (request["op"] === "replay.history") return { ev: "replay.history", ...replay.history(request) };
    return this.control(replay, request) ?? { ev: "ok", ...replay.standing() };
  }

  /** @param {Message} request */
  prove(request) {
    if (this.token !== undefined && request["token"] !== this.token) return error("unauthorized", "This token is wrong.");
    this.isProven = true;
    return { ev: "ok", role: this.role };
  }

  /** @param {Message} request */
  open(request) {
    const names = /** @type {string[]} */ (request["symbols"]);
    const chosen = names.map((name) => this.symbols.find(({ symbol }) => symbol === name));
    const missing = names.find((_, index) => !chosen[index]);
    if (missing !== undefined) return error("not_found", `There is no symbol ${missing}.`);
    const replay = new MockReplay(chosen.flatMap((symbol) => symbol ?? []), request, this.push, this.nowMs());
    const wrong = replay.wrongInstant(request["at"]) ?? (replay.from < replay.to ? undefined : "The range is empty.");
    if (wrong !== undefined) return error("bad_argument", wrong);
    this.replays.set(replay.id, replay);
    return { ...replay.standing(), ev: "replay.opened", symbols: names, from: replay.from, to: replay.to };
  }

  /** @param {Message} request */
  subscribe(request) {
    const symbol = this.symbols.find((each) => each.symbol === request["symbol"]);
    if (!symbol) return error("not_found", `There is no symbol ${String(request["symbol"])}.`);
    const interval = String(request["interval"]);
    const id = Number(request["id"]);
    const vwap = request["vwap"] === true;
    if (request["live"]) this.feeds.set(id, { symbol, interval, vwap });
    const before = request["to"] === undefined ? {} : { before: Number(request["to"]) };
    const candles = newestCandles(symbol, interval, { at: Infinity, count: Number(request["limit"] ?? 500), ...before })
      .filter(({ time }) => time >= Number(request["from"] ?? -Infinity));
    return { ev: "candles.snapshot", id, symbol: symbol.symbol, interval, ...columnsOf(symbol, interval, candles, vwap) };
  }

  /** Tells of ticks that were written from `from` on. @param {string} name @param {number} from */
  announce(name, from) {
    for (const [id, { symbol, interval, vwap }] of this.feeds) {
      if (symbol.symbol !== name) continue;
      const since = bucketStart(from, intervalMicros(interval));
      const candles = newestCandles(symbol, interval, { at: Infinity, count: 5_000 }).filter(({ time }) => time >= since);
      this.push({ ev: "candles.update", id, symbol: name, interval, ...columnsOf(symbol, interval, candles, vwap) });
    }
  }

  /** @param {MockReplay} replay @param {Message} request @returns {Message | undefined} an error */
  control(replay, request) {
    const wrong = replay.wrongInstant(request["op"] === "replay.seek" ? request["to"] : request["at"]);
    if (wrong !== undefined) return error("bad_argument", wrong);
    switch (request["op"]) {
      case "replay.play":
        if (replay.state === "ended") return error("conflict", "The replay has ended.");
        replay.play(true);
        return undefined;
      case "replay.pause":
        if (replay.running) replay.play(false);
        return undefined;
      case "replay.seek":
        replay.seek(Number(request["to"]));
        return undefined;
      case "replay.speed":
        replay.changeSpeed(request["speed"], request["at"]);
        return undefined;
      case "replay.step": {
        const refusal = replay.step(request);
        return refusal === undefined ? undefined : error("bad_argument", refusal);
      }
      case "replay.set":
        replay.set(request);
        return undefined;
      case "replay.close":
        this.replays.delete(replay.id);
        return undefined;
      default:
        return error("unknown_op", `There is no ${String(request["op"])}.`);
    }
  }
}

/**
 * @param {import("./mock-data.mjs").MockSymbol} symbol @param {string} interval
 * @param {import("./mock-candles.mjs").MockCandle[]} candles @param {boolean} vwap
 */
function columnsOf(symbol, interval, candles, vwap) {
  const columns = candleColumns(candles, symbol.exp);
  return vwap ? { ...columns, ...averageColumn(symbol, interval, candles, Infinity) } : columns;
}

/** @param {import("./mock-data.mjs").MockSymbol} symbol */
function describe(symbol) {
  const { ticks } = symbol;
  return { symbol: symbol.symbol, from: ticks[0]?.time ?? 0, to: endOf(symbol), ticks: ticks.length, exact: true };
}

/** @param {string} code @param {string} message */
function error(code, message) {
  return { ev: "error", code, message };
}
