/**
 * `window.__tapedeck`: a read-only look at what the page is doing, for browser tests and the
 * curious. Nothing in the app reads it.
 *
 *   state    `connecting paused playing buffering ended failed`, or `empty` without a replay
 *   ticks    used since the replay was opened (seeks included)
 *   frames   used since then
 *   fps      animation frames a second
 *   at       the playhead in microseconds, null before there is one
 */
import type { Session } from "./session.js";

export interface Stats {
  readonly state: string;
  readonly ticks: number;
  readonly frames: number;
  readonly fps: number;
  readonly at: number | null;
}

declare global {
  interface Window {
    readonly __tapedeck?: Stats;
  }
}

export function exposeStats(session: Session): void {
  Object.defineProperty(window, "__tapedeck", {
    configurable: true,
    get: (): Stats =>
      Object.freeze({
        state: session.state.replay?.state ?? "empty",
        ticks: session.markets.ticks,
        frames: session.markets.frames,
        fps: session.paint.fps,
        at: session.at ?? null,
      }),
  });
}
