/** One replay of the mock server: the forward half of the protocol's section 4. */
import { decimalColumn, timeColumn } from "./mock-columns.mjs";

const MAX_UNACKED_BYTES = 4 * 1024 * 1024;
const TICKS_PER_FRAME_AT_MAX = 1500;

/** @typedef {Record<string, unknown>} Message */

export class MockReplay {
  epoch = 0;
  seq = 0;
  /** Where the epoch began, and how far it has been sent. */
  start = 0;
  edge = 0;
  clockUs = 0;
  pumpedAt = 0;
  sentDue = 0;
  ackedDue = 0;
  /** @type {{seq: number, due: number, bytes: number}[]} */
  unacked = [];
  /** @type {number[]} */
  next = [];
  /** @type {number[]} */
  sent = [];

  /**
   * @param {import("./mock-data.mjs").MockSymbol[]} symbols
   * @param {Message} request
   * @param {(message: Message) => number} push sends, and gives the size of what it sent
   */
  constructor(symbols, request, push) {
    this.symbols = symbols;
    this.push = push;
    this.id = Number(request["id"]);
    this.from = Number(request["from"]);
    this.to = Number(request["to"] ?? Math.max(...symbols.map(endOf)));
    this.fps = Number(request["fps"] ?? 60);
    this.leadUs = Number(request["lead_ms"] ?? 500) * 1000;
    this.windowUs = Number(request["window_ms"] ?? 2000) * 1000;
    /** @type {unknown} */
    this.speed = request["speed"] ?? 1;
    this.state = String(request["state"] ?? "paused");
    this.begin(Number(request["at"] ?? this.from));
    this.timer = setInterval(() => this.pump(), 4);
  }

  close() {
    clearInterval(this.timer);
  }

  /** @param {number} at */
  begin(at) {
    this.epoch += 1;
    this.seq = 0;
    this.start = at;
    this.edge = at;
    this.clockUs = 0;
    this.pumpedAt = performance.now();
    this.sentDue = 0;
    this.ackedDue = 0;
    this.unacked = [];
    this.next = this.symbols.map(({ ticks }) => firstAt(ticks, at));
    this.sent = this.symbols.map(() => 0);
    if (this.state === "ended") this.state = "paused";
  }

  standing() {
    return { id: this.id, epoch: this.epoch, state: this.state, at: this.edge, speed: this.speed };
  }

  /** @param {number} to */
  seek(to) {
    this.begin(to);
  }

  /** @param {unknown} speed @param {unknown} at */
  changeSpeed(speed, at) {
    if (speed === this.speed) return;
    this.speed = speed;
    this.begin(Number(at ?? this.edge));
  }

  /** @param {boolean} playing */
  play(playing) {
    this.pumpedAt = performance.now();
    this.state = playing ? "playing" : "paused";
  }

  /** @param {Message} message */
  ack(message) {
    if (message["epoch"] !== this.epoch) return;
    while (this.unacked[0] && this.unacked[0].seq <= Number(message["seq"])) {
      this.ackedDue = this.unacked.shift()?.due ?? this.ackedDue;
    }
  }

  /** @param {string} state @param {Message} [more] */
  enter(state, more = {}) {
    if (this.state === state) return;
    this.state = state;
    this.push({ ev: "replay.state", ...this.standing(), ...more });
  }

  pump() {
    const now = performance.now();
    const elapsed = now - this.pumpedAt;
    this.pumpedAt = now;
    if (this.state !== "playing" && this.state !== "buffering") return;
    if (this.state === "playing") this.clockUs += elapsed * 1000;
    while (this.sendNext());
  }

  /** @returns {boolean} whether there may be more to send now */
  sendNext() {
    if (this.edge >= this.to) {
      this.enter("ended", { totals: { ticks: this.sent } });
      return false;
    }
    const max = this.speed === "max";
    const due = max ? 0 : this.sentDue + 1e6 / this.fps;
    if (due > this.clockUs + this.leadUs) return false;
    const unackedBytes = this.unacked.reduce((sum, frame) => sum + frame.bytes, 0);
    if (due - this.ackedDue > this.windowUs || unackedBytes > MAX_UNACKED_BYTES) {
      this.enter("buffering", { reason: "flow" });
      return false;
    }
    this.enter("playing");
    this.sendFrame(due, Math.min(max ? this.edgeAtMax() : this.start + Math.round(due * Number(this.speed)), this.to));
    return true;
  }

  edgeAtMax() {
    const { ticks } = this.symbols[0] ?? { ticks: [] };
    const tick = ticks[(this.next[0] ?? 0) + TICKS_PER_FRAME_AT_MAX];
    return tick ? tick.time : this.to;
  }

  /** @param {number} due @param {number} edge */
  sendFrame(due, edge) {
    const rows = this.symbols.flatMap((symbol, index) => this.takeTicks(symbol, index, edge));
    const lastDue = this.unacked[this.unacked.length - 1]?.due ?? this.ackedDue;
    this.sentDue = due;
    if (rows.length === 0 && edge < this.to && due - lastDue < 1e6) return;
    const frame = {
      ev: "replay.frame", id: this.id, epoch: this.epoch, seq: this.seq,
      due: Math.round(due), span: [this.edge, edge], dir: 1, ticks: rows,
    };
    this.edge = edge;
    this.unacked.push({ seq: this.seq, due, bytes: this.push(frame) });
    this.seq += 1;
  }

  /** @param {import("./mock-data.mjs").MockSymbol} symbol @param {number} index @param {number} edge */
  takeTicks({ ticks, exp }, index, edge) {
    const first = this.next[index] ?? 0;
    const end = firstAt(ticks, edge);
    if (end === first) return [];
    const rows = ticks.slice(first, end);
    this.next[index] = end;
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

/** @param {import("./mock-data.mjs").MockSymbol} symbol */
export function endOf({ ticks }) {
  return (ticks[ticks.length - 1]?.time ?? 0) + 1;
}

/** Index of the first tick at or after `time`. @param {{time: number}[]} ticks @param {number} time */
function firstAt(ticks, time) {
  let low = 0;
  let high = ticks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ticks[middle]?.time ?? 0) < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
