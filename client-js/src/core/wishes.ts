/** What a caller wants of a replay, and the one request that brings the server nearer to it. */
import type { CandleRequest } from "./candles.js";
import type { Message, Speed, Standing, Step } from "./messages.js";
import type { Micros } from "./time.js";

export interface Wishes {
  readonly playing: boolean;
  readonly speed: Speed;
  readonly seekTo: Micros | undefined;
  /** Not sent yet; steps of one unit add up while they wait. */
  readonly step: Step | undefined;
  readonly fps: number;
  readonly ticks: boolean;
  /** Compared by identity: the same ones wished again bring a new snapshot. */
  readonly candles: readonly CandleRequest[];
}

/** What the server has been told by `replay.open` and `replay.set`, and agreed to. */
export type Settings = Pick<Wishes, "fps" | "ticks" | "candles">;

export type Control = "open" | "seek" | "speed" | "step" | "set" | "play" | "pause";

export interface Request {
  readonly control: Control;
  readonly fields: Message;
}

/**
 * `at` is the edge of the last frame used: a changed speed and a step start their epoch exactly
 * there. Steps come before play, because that is the order in which they were wished: a step
 * takes the wish to play back.
 */
export function nextRequest(
  want: Wishes, known: Standing, set: Settings, at: Micros | undefined,
): Request | undefined {
  const serverPlays = known.state === "playing" || known.state === "buffering";
  const settings = changedSettings(want, set);
  if (want.seekTo !== undefined) return { control: "seek", fields: { to: want.seekTo } };
  if (settings) return { control: "set", fields: settings };
  if (want.speed !== known.speed) return { control: "speed", fields: { speed: want.speed, at } };
  if (want.step) return { control: "step", fields: { ...want.step, at } };
  if (want.playing && known.state === "paused") return { control: "play", fields: {} };
  if (!want.playing && serverPlays) return { control: "pause", fields: {} };
  return undefined;
}

function changedSettings(want: Settings, set: Settings): Message | undefined {
  const changed = <F extends keyof Settings>(field: F): Settings[F] | undefined =>
    want[field] === set[field] ? undefined : want[field];
  const changes = { fps: changed("fps"), ticks: changed("ticks"), candles: changed("candles") };
  return Object.values(changes).every((value) => value === undefined) ? undefined : changes;
}

/** The step to wait for when `more` is wished while `waiting` has not been sent. */
export function addSteps(waiting: Step | undefined, more: Step): Step | undefined {
  if (waiting?.unit !== more.unit) return more;
  const count = waiting.count + more.count;
  return count === 0 ? undefined : { unit: more.unit, count };
}

/**
 * The wishes after an answer: what the server made of a wish replaces it, lest we ask for the
 * same thing for ever.
 */
export function afterGrant(control: Control, standing: Standing): Partial<Wishes> {
  if (control === "speed") return { speed: standing.speed };
  if (control === "play") return { playing: standing.state !== "paused" };
  return control === "seek" || control === "open" ? { seekTo: undefined } : {};
}

export function afterRefusal(
  control: Control, known: Standing | undefined, set: Settings,
): Partial<Wishes> {
  if (control === "speed") return known ? { speed: known.speed } : {};
  if (control === "set") return set;
  if (control === "play") return { playing: false };
  return control === "seek" ? { seekTo: undefined } : {};
}

/** Applies `changes`, except where the caller has changed his mind since `asked`. */
export function amend(want: Wishes, asked: Wishes, changes: Partial<Wishes>): Wishes {
  const fields = Object.keys(changes) as (keyof Wishes)[];
  const standing = fields.filter((field) => want[field] === asked[field]);
  return standing.length === fields.length ? { ...want, ...changes } : want;
}
