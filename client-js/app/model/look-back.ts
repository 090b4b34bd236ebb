/**
 * Looks up the ticks before those that are known, with a replay of its own that runs backwards as
 * fast as it can: after a seek, so that line and table show what led up to it; and when the tape runs
 * backwards, so that there is always something left to take back from.
 */
import {
  clampTime, shift, type Frame, type Micros, type Replay, type SymbolInfo,
} from "../../src/core/index.js";

export interface LookBackOptions {
  /** Opens a replay of `[from, to)` that plays from `to` at `"-max"`. */
  readonly open: (from: Micros, to: Micros) => Replay;
  /** There are no ticks before this. */
  readonly earliest: Micros;
  /** Market time that holds about as many ticks as are wanted. */
  readonly span: number;
  /**
   * Ticks handed over at once, 20 000 by default, for everything is painted anew each time. The
   * first frames go at once, so that there is something to see.
   */
  readonly batch?: number;
}

export interface LookBackTarget {
  /** From where on all ticks are known. */
  readonly from: Micros | undefined;
  /** Whether more of them should be known, and whether it is enough once we are at it. */
  readonly isShort: boolean;
  readonly isFilled: boolean;
  putBefore(frames: readonly Frame[]): void;
}

const BATCH_TICKS = 20_000;

/** A range without ticks is left by ever larger steps. */
const LONGER = 4;
const LONGEST_SPAN = 30 * 86_400e6;

export class LookBack {
  readonly #options: LookBackOptions;
  readonly #target: LookBackTarget;
  #replay: Replay | undefined;
  /** Where the one under way began. */
  #to: Micros | undefined;
  #span: number;
  #failed = false;
  #waiting: Frame[] = [];
  #waitingTicks = 0;
  #begun = false;

  constructor(options: LookBackOptions, target: LookBackTarget) {
    this.#options = options;
    this.#target = target;
    this.#span = options.span;
  }

  /** Begins, if it is time. */
  check(): void {
    const to = this.#target.from;
    const { earliest } = this.#options;
    if (this.#replay || this.#failed || to === undefined) return;
    if (to <= earliest || !this.#target.isShort) return;
    const from = clampTime(shift(to, -Math.ceil(this.#span)), earliest, to);
    const replay = this.#options.open(from, to);
    this.#replay = replay;
    this.#to = to;
    replay.follow({ frames: (frames) => this.#use(frames) });
    replay.subscribe(() => this.#onStatus(replay));
  }

  /** The playhead is elsewhere: what is under way is of no use. */
  restart(): void {
    this.#stop();
    this.#failed = false;
    this.#span = this.#options.span;
    this.check();
  }

  destroy(): void {
    this.#failed = true;
    this.#stop();
  }

  #use(frames: readonly Frame[]): void {
    this.#waiting.push(...frames);
    for (const { ticks } of frames) {
      for (const { count } of ticks) this.#waitingTicks += count;
    }
    const isFirst = !this.#begun;
    this.#begun = true;
    if (isFirst || this.#waitingTicks >= (this.#options.batch ?? BATCH_TICKS)) this.#handOver();
  }

  #handOver(): void {
    const frames = this.#waiting;
    this.#waiting = [];
    this.#waitingTicks = 0;
    if (frames.length > 0) this.#target.putBefore(frames);
    if (this.#target.isFilled) this.#stop();
  }

  #onStatus(replay: Replay): void {
    if (replay !== this.#replay) return;
    const { state } = replay.status;
    if (state !== "ended" && state !== "failed") return;
    this.#handOver();
    // Without it the ticks begin at the playhead: no reason to trouble anyone, nor to ask again.
    if (state === "failed" || this.#target.from === this.#to) this.#failed = true;
    this.#stop();
    this.#span *= LONGER;
    this.check();
  }

  #stop(): void {
    this.#replay?.destroy();
    this.#replay = undefined;
    this.#waiting = [];
    this.#waitingTicks = 0;
    this.#begun = false;
  }
}

/** Twice the market time that holds so many ticks on average: there are quiet hours. */
export function lookBackSpan(infos: readonly SymbolInfo[], ticks: number): number {
  const density = (info: SymbolInfo): number => info.ticks / Math.max(1, info.to - info.from);
  const perMicro = infos.reduce((sum, info) => sum + density(info), 0);
  return Math.min((2 * ticks) / perMicro, LONGEST_SPAN);
}
