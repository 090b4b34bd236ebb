/**
 * Which used frames to acknowledge. Browsers cannot push back on a WebSocket, so the server
 * stops after a window of unacknowledged frames; we acknowledge early enough that it never has
 * to while we keep up, and rarely enough that acks cost nothing.
 */
import type { WireFrame } from "./messages.js";

/** Acks per window of due time. */
const ACKS_PER_WINDOW = 8;
/** Bytes used without an ack; the server's limit is 4 MiB. */
const MAX_UNACKED_BYTES = 512 * 1024;

export class Acks {
  readonly #stepMicros: number;
  #ackedDue = 0;
  #bytes = 0;
  #newest: WireFrame | undefined;

  constructor(windowMs: number) {
    this.#stepMicros = (windowMs * 1000) / ACKS_PER_WINDOW;
  }

  used(frame: WireFrame): void {
    this.#newest = frame;
    this.#bytes += frame.bytes;
  }

  /** The frame to acknowledge now, if it is time; `starved`: nothing else is left to be used. */
  take(starved: boolean): WireFrame | undefined {
    const frame = this.#newest;
    if (!frame) return undefined;
    const due = frame.due - this.#ackedDue >= this.#stepMicros;
    if (!due && !starved && this.#bytes < MAX_UNACKED_BYTES) return undefined;
    this.#ackedDue = frame.due;
    this.#bytes = 0;
    this.#newest = undefined;
    return frame;
  }

  /** A new epoch begins: acks count from nothing again. */
  reset(): void {
    this.#ackedDue = 0;
    this.#bytes = 0;
    this.#newest = undefined;
  }
}
