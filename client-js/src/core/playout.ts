/**
 * Playout: gives the frames of one epoch out as they fall due, on animation frames, and says
 * which of them to acknowledge.
 *
 *   push ──▶ lead ──due ≤ play clock──▶ use(frames) ──now and then──▶ ack(frame)
 *
 * A hidden page has no animation frames: nothing is used then, so nothing is acknowledged, the
 * server stops at the end of its window, and all goes on from there when the page is back.
 */
import { Acks } from "./acks.js";
import type { Cancel, Clock } from "./clock.js";
import { Lead } from "./lead.js";
import type { WireFrame } from "./messages.js";

export interface PlayoutEvents {
  /** Frames that fell due, in their order. */
  use(frames: readonly WireFrame[]): void;
  /** All frames of the epoch up to this one have been used. */
  ack(frame: WireFrame): void;
  /** After every paint, whether anything was due or not. */
  painted(): void;
}

export class Playout {
  readonly #clock: Clock;
  readonly #events: PlayoutEvents;
  readonly #lead = new Lead();
  readonly #acks: Acks;
  #cancelPaint: Cancel | undefined;
  #paintedAt = 0;

  constructor(clock: Clock, windowMs: number, events: PlayoutEvents) {
    this.#clock = clock;
    this.#events = events;
    this.#acks = new Acks(windowMs);
  }

  /** No frame is left to be used. */
  get empty(): boolean {
    return this.#lead.length === 0;
  }

  push(frame: WireFrame): void {
    this.#lead.push(frame);
  }

  /** A new epoch begins; what was here is void. */
  clear(): void {
    this.#lead.clear();
    this.#acks.reset();
  }

  /** Lets the play clock run, or stops it. */
  run(running: boolean): void {
    if (running && !this.#cancelPaint) {
      this.#paintedAt = this.#clock.now();
      this.#requestPaint();
    } else if (!running) {
      this.#cancelPaint?.();
      this.#cancelPaint = undefined;
    }
  }

  #requestPaint(): void {
    this.#cancelPaint = this.#clock.nextFrame(() => this.#paint());
  }

  #paint(): void {
    const now = this.#clock.now();
    const due = this.#lead.release(now - this.#paintedAt);
    this.#paintedAt = now;
    // First, so that whatever happens below can stop the clock.
    this.#requestPaint();
    if (due.length > 0) this.#events.use(due);
    for (const frame of due) this.#acks.used(frame);
    const ack = this.#acks.take(this.empty);
    if (ack) this.#events.ack(ack);
    this.#events.painted();
  }
}
