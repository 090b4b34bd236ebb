/**
 * One replay of the mock server: section 4 of the protocol, in both directions.
 * Time is told to it: `pump` says and sends what is due.
 */
import { averageColumn, candleColumns, changedRows, newestCandles, pictureOf } from "./mock-candles.mjs";
import { decimalColumn, timeColumn } from "./mock-columns.mjs";
import { endOf, firstAt, stepTarget } from "./mock-steps.mjs";

const MAX_UNACKED_BYTES = 4 * 1024 * 1024;
/** Of the busiest symbol; stands for the limit in bytes. */
const TICKS_PER_FRAME = 1500;
/** A lag beyond this stops the play clock. */
const MAX_LAG_US = 250_000;

/** @typedef {Record<string, unknown>} Message */

export class MockReplay {
  epoch = 0;
  seq = 0;
  /** Where the epoch began, and how far it has been sent. */
  start = 0;
  edge = 0;
  clockUs = 0;
  sentDue = 0;
  ackedDue = 0;
  /** @type {{seq: number, due: number, bytes: number}[]} */
  unacked = [];
  /** @type {number[]} */
  sent = [];
  /** @type {string | undefined} */
  reason;
  /** Where the step that is under way ends. @type {number | undefined} */
  stepTo;
  /** The epoch is that of a step. */
  stepped = false;
  owesSnapshot = true;
  /** The state that was told last. */
  told;

  /**
   * @param {import("./mock-data.mjs").MockSymbol[]} symbols
   * @param {Message} request
   * @param {(message: Message) => number} push sends, and gives the size of what it sent
   * @param {number} nowMs
   */
  constructor(symbols, request, push, nowMs) {
    this.symbols = symbols;
    this.push = push;
    this.id = Number(request["id"]);
    this.from = Number(request["from"]);
    this.to = Number(request["to"] ?? Math.max(...symbols.map(endOf)));
    this.fps = Number(request["fps"] ?? 60);
    this.ticks = request["ticks"] !== false;
    this.candles = intervalsOf(request["candles"]);
    this.leadUs = Number(request["lead_ms"] ?? 500) * 1000;
    this.windowUs = Number(request["window_ms"] ?? 2000) * 1000;
    /** @type {unknown} */
    this.speed = request["speed"] ?? 1;
    this.state = String(request["state"] ?? "paused");
    this.told = this.state;
    this.pumpedAt = nowMs;
    this.begin(Number(request["at"] ?? (this.direction > 0 ? this.from : this.to)));
  }

  /** Of the replay's own speed; a step has one of its own. */
  get direction() {
    return this.speed === "-max" || Number(this.speed) < 0 ? -1 : 1;
  }

  get atFullSpeed() {
    return this.speed === "max" || this.speed === "-max";
  }

  get running() {
    return this.state === "playing" || this.state === "buffering";
  }

  /** @param {number} at */
  begin(at) {
    this.epoch += 1;
    this.seq = 0;
    this.start = at;
    this.edge = at;
    this.clockUs = 0;
    this.sentDue = 0;
    this.ackedDue = 0;
    this.unacked = [];
    this.sent = this.symbols.map(() => 0);
    this.stepTo = undefined;
    this.stepped = false;
    if (this.state === "ended") this.state = "paused";
    if (this.state === "buffering") this.state = "playing";
  }

  standing() {
    return { id: this.id, epoch: this.epoch, state: this.state, at: this.edge, speed: this.speed };
  }

  /** @param {unknown} instant @returns {string | undefined} what is wrong with it */
  wrongInstant(instant) {
    const at = Number(instant ?? this.edge);
    return at >= this.from && at <= this.to ? undefined : `${at} is not within the range.`;
  }

  /** @param {number} to */
  seek(to) {
    this.begin(to);
    this.owesSnapshot = true;
  }

  /** @param {unknown} speed @param {unknown} at */
  changeSpeed(speed, at) {
    if (speed === this.speed) return;
    this.speed = speed;
    this.begin(Number(at ?? this.edge));
  }

  /** @param {Message} request @returns {string | undefined} why it cannot be done */
  step(request) {
    const at = Number(request["at"] ?? this.edge);
    const count = Number(request["count"]);
    const frameMicros = this.atFullSpeed ? undefined : (Math.abs(Number(this.speed)) * 1e6) / this.fps;
    const target = stepTarget({ unit: String(request["unit"]), count, at, symbols: this.symbols, frameMicros });
    if (target === undefined || count === 0) return "That is no step.";
    this.begin(at);
    this.state = "paused";
    this.stepped = true;
    this.stepTo = Math.min(Math.max(target, this.from), this.to);
    return undefined;
  }

  /** @param {Message} request */
  set(request) {
    this.fps = Number(request["fps"] ?? this.fps);
    this.ticks = Boolean(request["ticks"] ?? this.ticks);
    if (request["candles"]) this.candles = intervalsOf(request["candles"]);
    this.owesSnapshot = true;
  }

  /** @param {Message} request */
  history(request) {
    const symbol = this.symbols[Number(request["symbol"])];
    const interval = String(request["interval"]);
    if (!symbol) return { n: 0 };
    const at = Number(request["at"] ?? this.edge);
    const candles = newestCandles(symbol, interval, { at, before: Number(request["before"]), count: Number(request["count"]) });
    const vwap = request["vwap"] ? averageColumn(symbol, interval, candles, at) : {};
    return { id: this.id, symbol: request["symbol"], interval, at, ...candleColumns(candles, symbol.exp), ...vwap };
  }

  /** @param {boolean} playing */
  play(playing) {
    if (playing && this.stepped) this.begin(this.edge);
    if (playing !== this.running) this.state = playing ? "playing" : "paused";
  }

  /** @param {Message} message */
  ack(message) {
    if (message["epoch"] !== this.epoch) return;
    while (this.unacked[0] && this.unacked[0].seq <= Number(message["seq"])) {
      this.ackedDue = this.unacked.shift()?.due ?? this.ackedDue;
    }
  }

  /** @param {string} state @param {string} [reason] */
  enter(state, reason) {
    this.state = state;
    this.reason = reason;
    this.tell();
  }

  tell() {
    if (this.state === this.told) return;
    this.told = this.state;
    const more = this.state === "ended" ? { totals: { ticks: this.sent } } : this.state === "buffering" ? { reason: this.reason } : {};
    this.push({ ev: "replay.state", ...this.standing(), ...more });
  }

  /** @param {number} nowMs */
  pump(nowMs) {
    const elapsed = nowMs - this.pumpedAt;
    this.pumpedAt = nowMs;
    this.tell();
    if (this.owesSnapshot) this.sendSnapshot();
    while (this.stepTo !== undefined) this.sendStep(this.stepTo);
    if (!this.running) return;
    if (this.state === "playing") this.clockUs += Math.min(elapsed * 1000, MAX_LAG_US);
    while (this.sendNext());
  }

  sendSnapshot() {
    this.owesSnapshot = false;
    const last = this.symbols.map((symbol, index) => lastValues(symbol, index, this.edge));
    const candles = this.symbols.flatMap((symbol, index) => this.candles.map(({ interval, history }) => ({
      symbol: index, interval, ...candleColumns(pictureOf(symbol, interval, history, this.edge), symbol.exp),
    })));
    this.push({ ev: "replay.snapshot", id: this.id, epoch: this.epoch, seq: this.seq, at: this.edge, candles, last });
  }

  /** @param {number} target */
  sendStep(target) {
    const direction = target < this.edge ? -1 : 1;
    const edge = this.bounded(direction, target);
    this.sendFrame(0, edge, direction);
    if (edge === target) this.stepTo = undefined;
  }

  /** @returns {boolean} whether there may be more to send now */
  sendNext() {
    const { direction } = this;
    const end = direction > 0 ? this.to : this.from;
    if (this.edge === end) {
      this.enter("ended");
      return false;
    }
    const due = this.atFullSpeed ? 0 : this.sentDue + 1e6 / this.fps;
    if (due > this.clockUs + this.leadUs) return false;
    const unackedBytes = this.unacked.reduce((sum, frame) => sum + frame.bytes, 0);
    if (due - this.ackedDue > this.windowUs || unackedBytes > MAX_UNACKED_BYTES) {
      this.enter("buffering", "flow");
      return false;
    }
    this.enter("playing");
    const wanted = this.atFullSpeed ? end : this.start + Math.round(due * Number(this.speed));
    const edge = this.bounded(direction, direction > 0 ? Math.min(wanted, end) : Math.max(wanted, end));
    this.sentDue = due;
    const silent = due - (this.unacked[this.unacked.length - 1]?.due ?? this.ackedDue);
    if (this.has(edge) || edge === end || silent >= 1e6) this.sendFrame(due, edge, direction);
    return true;
  }

  /** `target`, or as far towards it as one frame reaches. @param {number} direction @param {number} target */
  bounded(direction, target) {
    let edge = target;
    for (const { ticks } of this.symbols) {
      const next = firstAt(ticks, this.edge);
      const tick = direction > 0 ? ticks[next + TICKS_PER_FRAME] : ticks[next - TICKS_PER_FRAME];
      if (!tick) continue;
      if (direction > 0) edge = Math.min(edge, Math.max(tick.time, this.edge + 1));
      else edge = Math.max(edge, tick.time);
    }
    return edge;
  }

  /** Whether there are ticks between here and `edge`. @param {number} edge */
  has(edge) {
    const ticks = this.symbols.some((symbol) => firstAt(symbol.ticks, edge) !== firstAt(symbol.ticks, this.edge));
    return ticks || this.changes(edge).length > 0;
  }

  /** The candles that change between here and `edge`. @param {number} edge */
  changes(edge) {
    return this.symbols.flatMap((symbol, index) =>
      this.candles.flatMap(({ interval }) => changedRows(symbol, index, interval, this.edge, edge)));
  }

  /** @param {number} due @param {number} edge @param {number} direction */
  sendFrame(due, edge, direction) {
    const span = direction > 0 ? [this.edge, edge] : [edge, this.edge];
    const rows = this.ticks ? this.symbols.flatMap((symbol, index) => this.takeTicks(symbol, index, span, direction)) : [];
    const candles = this.changes(edge);
    const frame = {
      ev: "replay.frame", id: this.id, epoch: this.epoch, seq: this.seq,
      due: Math.round(due), span, dir: direction, ...(rows.length > 0 ? { ticks: rows } : {}),
      ...(candles.length > 0 ? { candles } : {}),
    };
    this.edge = edge;
    this.unacked.push({ seq: this.seq, due, bytes: this.push(frame) });
    this.seq += 1;
  }

  /** @param {import("./mock-data.mjs").MockSymbol} symbol @param {number} index @param {number[]} span @param {number} direction */
  takeTicks({ ticks, exp }, index, [low = 0, high = 0], direction) {
    const rows = ticks.slice(firstAt(ticks, low), firstAt(ticks, high));
    if (rows.length === 0) return [];
    if (direction < 0) rows.reverse();
    this.sent[index] = (this.sent[index] ?? 0) + rows.length;
    return [{
      symbol: index,
      n: rows.length,
      time: timeColumn(rows.map((tick) => tick.time)),
      bid: decimalColumn(rows.map((tick) => tick.bid), exp),
      ask: decimalColumn(rows.map((tick) => tick.ask), exp),
      last: decimalColumn(rows.map((tick) => tick.last), exp),
      volume: decimalColumn(rows.map((tick) => tick.volume), 4),
    }];
  }
}

/** @param {unknown} candles */
function intervalsOf(candles) {
  const asked = /** @type {{interval: string, history?: number}[]} */ (candles ?? []);
  return asked.map(({ interval, history = 0 }) => ({ interval, history }));
}

/** @param {import("./mock-data.mjs").MockSymbol} symbol @param {number} index @param {number} at */
function lastValues({ ticks, exp }, index, at) {
  const before = ticks.slice(0, firstAt(ticks, at));
  const newest = (/** @type {"bid" | "ask" | "last"} */ field) => {
    let i = before.length - 1;
    while (i >= 0 && before[i]?.[field] === null) i -= 1;
    return i < 0 ? null : [before[i]?.[field], exp];
  };
  return { symbol: index, time: before[before.length - 1]?.time ?? null, bid: newest("bid"), ask: newest("ask"), last: newest("last") };
}
