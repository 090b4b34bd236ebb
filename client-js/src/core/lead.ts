/**
 * The lead: frames that came ahead of their time, and the play clock that lets them go.
 *
 *   push ──▶ [ f12 f13 f14 … ] ──due ≤ clock──▶ release
 *
 * The clock counts wall microseconds of play since the epoch began, as `due` does. It stands
 * still while nobody paints (a hidden page), and falls back to a frame that comes late: after
 * that the client runs a little further behind the server, so the next hiccup finds more lead.
 */
import type { WireFrame } from "./messages.js";

/** More than this between two paints was no play: the page was hidden, or busy elsewhere. */
const LONGEST_STEP_MS = 250;

export class Lead {
  #frames: WireFrame[] = [];
  #clock = 0;

  get length(): number {
    return this.#frames.length;
  }

  push(frame: WireFrame): void {
    if (this.#frames.length === 0) this.#clock = Math.min(this.#clock, frame.due);
    this.#frames.push(frame);
  }

  /** Moves the clock by `elapsedMs` of wall time; gives the frames that are due, in their order. */
  release(elapsedMs: number): readonly WireFrame[] {
    this.#clock += Math.min(elapsedMs, LONGEST_STEP_MS) * 1000;
    let count = 0;
    while (count < this.#frames.length && (this.#frames[count] as WireFrame).due <= this.#clock) {
      count += 1;
    }
    return this.#frames.splice(0, count);
  }

  /** Forgets everything: a new epoch begins. */
  clear(): void {
    this.#frames = [];
    this.#clock = 0;
  }
}
