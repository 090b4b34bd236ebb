/**
 * Whether the frames of an epoch arrive whole: numbered from 0, their spans side by side in one
 * direction, and at its end as many ticks as were sent. What the protocol promises is checked
 * here, so that a lost tick is an error and never a wrong picture.
 */
import { ProtocolError } from "./errors.js";
import { edgeOf, startOf } from "./frames.js";
import type { WireFrame } from "./messages.js";
import type { Micros } from "./time.js";

export class EpochCheck {
  #nextSeq = 0;
  #edge: Micros | undefined;
  #counts: number[] = [];

  /** The `seq` that the next frame has to have. */
  get nextSeq(): number {
    return this.#nextSeq;
  }

  begin(at: Micros, symbols: number): void {
    this.#nextSeq = 0;
    this.#edge = at;
    this.#counts = new Array<number>(symbols).fill(0);
  }

  arrived(frame: WireFrame): void {
    if (frame.seq !== this.#nextSeq) {
      throw new ProtocolError(`Frame ${frame.seq} came where ${this.#nextSeq} was due.`);
    }
    if (startOf(frame) !== this.#edge) {
      const start = startOf(frame);
      throw new ProtocolError(`Frame ${frame.seq} begins at ${start}, not at ${this.#edge}.`);
    }
    this.#nextSeq += 1;
    this.#edge = edgeOf(frame);
    for (const { symbol, n } of frame.ticks) {
      if (typeof symbol === "number" && typeof n === "number") {
        this.#counts[symbol] = (this.#counts[symbol] ?? 0) + n;
      }
    }
  }

  ended(totals: readonly number[]): void {
    const lost = totals.findIndex((total, symbol) => total !== this.#counts[symbol]);
    if (lost < 0) return;
    throw new ProtocolError(
      `${this.#counts[lost] ?? 0} ticks of symbol ${lost} came where ${totals[lost]} were sent.`,
    );
  }
}
