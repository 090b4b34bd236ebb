import type { CandleRequest } from "./candles.js";
import type { Frame } from "./frames.js";
import type { Speed } from "./messages.js";
import type { Snapshot } from "./snapshots.js";
import type { Micros } from "./time.js";

export interface ReplayOptions {
  /** 1 to 64 names; frames refer to them by index. */
  readonly symbols: readonly string[];
  readonly from: Micros;
  /** Where the range ends (the end itself is not part of it); default: the end of the data now. */
  readonly to?: Micros | undefined;
  /** Where to start; default: `from`, or `to` if the speed is negative. */
  readonly at?: Micros | undefined;
  readonly speed?: Speed;
  readonly playing?: boolean;
  /** Frames per wall second, 1 to 240; default 60. */
  readonly fps?: number;
  /** Whether frames carry ticks; default true. */
  readonly ticks?: boolean;
  /** As-of candles in snapshots and frames, of each symbol; default none. */
  readonly candles?: readonly CandleRequest[];
  /** How far ahead of its due time a frame may be sent, 0 to 5 000; default 500. */
  readonly leadMs?: number;
  /** Due time that may be on the way or waiting here, 100 to 60 000; default 2 000. */
  readonly windowMs?: number;
}

/** Older candles, as of the playhead. */
export interface HistoryQuery {
  /** Index into the replay's symbols. */
  readonly symbol: number;
  readonly interval: string;
  /** Of buckets that start before this, the newest */
  readonly before: Micros;
  /** so many, up to 5 000. */
  readonly count: number;
  /** With average prices by volume: of at most 4 000 000 ticks, else it fails with `limit`. */
  readonly vwap?: boolean | undefined;
}

export interface Follower {
  /**
   * The frames that fell due since the last paint, in order; once per animation frame at most,
   * but for a snapshot between them. All of one direction: backwards, their ticks are to be taken
   * back, and what remains is the picture at the frame's edge.
   */
  frames(frames: readonly Frame[]): void;
  /**
   * The playhead is somewhere else now (opened, sought), or ticks were not sent until here: what
   * comes does not continue the past.
   */
  moved?(at: Micros): void;
  /** The newest values before the playhead: after `moved`, and after settings were changed. */
  snapshot?(snapshot: Snapshot): void;
}
