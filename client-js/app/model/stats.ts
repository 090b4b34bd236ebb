/**
 * `window.__tapedeck`: a read-only look at what the page is doing, for browser tests and the
 * curious. Nothing in the app reads it.
 *
 *   state    `connecting paused playing buffering ended failed`, or `empty` without a replay
 *   ticks    used since the replay was opened (seeks included)
 *   frames   used since then
 *   fps      animation frames a second
 *   at       the playhead in microseconds, null before there is one
 *   speed    market seconds per wall second; negative backwards
 *   newest   time of the newest tick of the symbol on the charts, null where none is known
 *   known    how many of its ticks are known, and
 *   candles  how many candles the chart has of it, and
 *   tail     the newest two of them; of which
 *   interval, and whether
 *   detached newer ones are left out, because it was scrolled far back
 */
import type { Candle, Speed } from "../../src/core/index.js";
import type { Session } from "./session.js";

export interface Stats {
  readonly state: string;
  readonly ticks: number;
  readonly frames: number;
  readonly fps: number;
  readonly at: number | null;
  readonly speed: Speed;
  readonly newest: number | null;
  readonly known: number;
  readonly candles: number;
  readonly tail: readonly Candle[];
  readonly interval: string | null;
  readonly detached: boolean;
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
        speed: session.state.speed,
        ...shownOf(session),
      }),
  });
}

type Shown = Pick<Stats, "newest" | "known" | "candles" | "tail" | "interval" | "detached">;

function shownOf({ market }: Session): Shown {
  const { memory, candles: series } = market ?? {};
  const known = memory?.length ?? 0;
  const candles = series?.candles ?? [];
  return {
    newest: memory && known > 0 ? (memory.time[memory.slot(0)] as number) : null,
    known,
    candles: candles.length,
    tail: candles.slice(-2),
    interval: series?.interval ?? null,
    detached: series?.detached ?? false,
  };
}
