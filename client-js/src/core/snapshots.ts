/** Snapshots of a replay: the picture at its playhead. */
import { decodeReplayCandles, type ReplayCandles } from "./candles.js";
import { decimal, list, map, number, time, type Message } from "./messages.js";
import type { Micros } from "./time.js";

/** The newest tick's time and the newest values of one symbol before the playhead, if any. */
export interface LastValues {
  readonly symbol: number;
  readonly time: Micros | null;
  readonly bid: number | null;
  readonly ask: number | null;
  readonly last: number | null;
}

export interface Snapshot {
  readonly epoch: number;
  /** Of the next frame: the snapshot is the picture after all frames before that. */
  readonly seq: number;
  readonly at: Micros;
  /** Per symbol and interval: what was complete, as far as asked for, and the forming one. */
  readonly candles: readonly ReplayCandles[];
  readonly last: readonly LastValues[];
}

export function readSnapshot(message: Message): Snapshot {
  const maps = (field: string): readonly Message[] =>
    message[field] === undefined ? [] : list(message, field).map((entry) => map(message, entry));
  return {
    epoch: number(message, "epoch"),
    seq: number(message, "seq"),
    at: time(message, "at"),
    candles: maps("candles").map(decodeReplayCandles),
    last: maps("last").map(readLast),
  };
}

function readLast(row: Message): LastValues {
  return {
    symbol: number(row, "symbol"),
    time: row["time"] === null ? null : time(row, "time"),
    bid: decimal(row, "bid"),
    ask: decimal(row, "ask"),
    last: decimal(row, "last"),
  };
}
