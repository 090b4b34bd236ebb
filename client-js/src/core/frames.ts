/** Frames as the application gets them: columns decoded. */
import { decodeCandleRow, type CandleChange } from "./candles.js";
import { decodeColumn, type Column } from "./columns.js";
import { number, type Message, type WireFrame } from "./messages.js";
import type { Micros } from "./time.js";

/** Ticks of one symbol: columns of equal length, NaN where a tick has no such value. */
export interface Ticks {
  /** Index into the symbols that the replay was opened with. */
  readonly symbol: number;
  readonly count: number;
  /** Microseconds since the Unix epoch, ascending (descending when playing backwards). */
  readonly time: Float64Array;
  readonly bid: Float64Array;
  readonly ask: Float64Array;
  readonly last: Float64Array;
  readonly volume: Float64Array;
  /** Decimals that print every price, and every volume, of these ticks exactly. */
  readonly priceDecimals: number;
  readonly volumeDecimals: number;
}

export interface Frame {
  readonly epoch: number;
  readonly seq: number;
  /** Market time that the frame covers, `[earlier, later)`. */
  readonly span: readonly [Micros, Micros];
  /** False when playing backwards: then its ticks, newest first, are being taken back. */
  readonly forward: boolean;
  /** Where the playhead is once this frame is used. */
  readonly edge: Micros;
  readonly ticks: readonly Ticks[];
  /** The candles that changed, oldest first; to be put, or taken back to. */
  readonly candles: readonly CandleChange[];
}

export function edgeOf(frame: WireFrame): Micros {
  return frame.forward ? frame.span[1] : frame.span[0];
}

/** Where the playhead was before this frame. */
export function startOf(frame: WireFrame): Micros {
  return frame.forward ? frame.span[0] : frame.span[1];
}

export function decodeFrame(frame: WireFrame): Frame {
  return {
    epoch: frame.epoch,
    seq: frame.seq,
    span: frame.span,
    forward: frame.forward,
    edge: edgeOf(frame),
    ticks: frame.ticks.map(decodeTicks),
    candles: frame.candles.map(decodeCandleRow),
  };
}

function decodeTicks(row: Message): Ticks {
  const count = number(row, "n");
  const bid = price(row["bid"], count);
  const ask = price(row["ask"], count);
  const last = price(row["last"], count);
  const volume = price(row["volume"], count);
  return {
    symbol: number(row, "symbol"),
    count,
    time: decodeColumn(row["time"], count).values,
    bid: bid.values,
    ask: ask.values,
    last: last.values,
    volume: volume.values,
    priceDecimals: Math.max(bid.exp, ask.exp, last.exp),
    volumeDecimals: volume.exp,
  };
}

/** A column that is not there is one of nulls. */
function price(column: unknown, count: number): Column {
  return decodeColumn(column ?? ["const", null, 0], count);
}
