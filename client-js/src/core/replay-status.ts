import type { TapedeckError } from "./errors.js";
import type { Opened, Speed, Standing } from "./messages.js";
import type { Micros } from "./time.js";

/** Told from the client's side: `playing` until the last frame that is here has been used. */
export type ReplayState =
  | "connecting"
  | "paused"
  | "playing"
  | "buffering"
  | "ended"
  | "failed";

/** Why a replay is buffering. `network` is our own finding; the others are the server's. */
export type BufferingReason = "data" | "client" | "flow" | "network";

export interface ReplayStatus {
  readonly state: ReplayState;
  /** Set while buffering. */
  readonly reason: BufferingReason | undefined;
  readonly symbols: readonly string[];
  /** Known once the server has opened the replay. */
  readonly range: Opened | undefined;
  readonly speed: Speed;
  readonly seekingTo: Micros | undefined;
  readonly fps: number;
  /** Whether frames carry ticks. */
  readonly ticks: boolean;
  /** Once ended: the ticks of the epoch, per symbol. All of them have arrived. */
  readonly totals: readonly number[] | undefined;
  /** Why it failed, or why the last wish was refused. */
  readonly error: TapedeckError | undefined;
}

export interface Circumstances {
  readonly failed: boolean;
  /** The caller wants it to play. */
  readonly playing: boolean;
  /** What the caller wants leads away from where the server last told it to be. */
  readonly leaving: boolean;
  /** Nothing is left to be used. */
  readonly empty: boolean;
  /** Since the server was last heard of. */
  readonly silentMs: number;
  readonly known: Standing | undefined;
}

/** While playing, the server sends a frame a second at least. */
const SILENCE_MS = 2_000;

const REASONS: ReadonlySet<unknown> = new Set<BufferingReason>(["data", "client", "flow"]);

export function shownState(
  { failed, playing, leaving, empty, silentMs, known }: Circumstances,
): Pick<ReplayStatus, "state" | "reason"> {
  if (failed) return just("failed");
  if (!known) return just("connecting");
  if (known.state === "ended" && empty && !leaving) return just("ended");
  if (!playing) return just("paused");
  if (!empty) return just("playing");
  if (known.state === "buffering") return { state: "buffering", reason: readReason(known.reason) };
  if (known.state === "playing" && silentMs > SILENCE_MS) {
    return { state: "buffering", reason: "network" };
  }
  return just("playing");
}

function just(state: ReplayState): Pick<ReplayStatus, "state" | "reason"> {
  return { state, reason: undefined };
}

function readReason(reason: string | undefined): BufferingReason {
  return REASONS.has(reason) ? (reason as BufferingReason) : "data";
}

export function sameStatus(a: ReplayStatus, b: ReplayStatus): boolean {
  return (Object.keys(a) as (keyof ReplayStatus)[]).every((field) => a[field] === b[field]);
}
