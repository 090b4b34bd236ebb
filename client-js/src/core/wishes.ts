/** What a caller wants of a replay, and the one request that brings the server nearer to it. */
import type { Message, Speed, Standing } from "./messages.js";
import type { Micros } from "./time.js";

export interface Wishes {
  readonly playing: boolean;
  readonly speed: Speed;
  readonly seekTo: Micros | undefined;
}

export type Control = "open" | "seek" | "speed" | "play" | "pause";

export interface Step {
  readonly control: Control;
  readonly fields: Message;
}

/** `at` is the edge of the last frame used: a changed speed starts its epoch exactly there. */
export function nextStep(want: Wishes, known: Standing, at: Micros | undefined): Step | undefined {
  const serverPlays = known.state === "playing" || known.state === "buffering";
  if (want.seekTo !== undefined) return { control: "seek", fields: { to: want.seekTo } };
  if (want.speed !== known.speed) return { control: "speed", fields: { speed: want.speed, at } };
  if (want.playing && known.state === "paused") return { control: "play", fields: {} };
  if (!want.playing && serverPlays) return { control: "pause", fields: {} };
  return undefined;
}

/**
 * The wishes after an answer: what the server made of a wish replaces it, lest we ask for the
 * same thing for ever.
 */
export function afterGrant(control: Control, standing: Standing): Partial<Wishes> {
  if (control === "speed") return { speed: standing.speed };
  if (control === "play") return { playing: standing.state !== "paused" };
  return control === "pause" ? {} : { seekTo: undefined };
}

export function afterRefusal(control: Control, known: Standing | undefined): Partial<Wishes> {
  if (control === "speed") return known ? { speed: known.speed } : {};
  if (control === "play") return { playing: false };
  return control === "pause" ? {} : { seekTo: undefined };
}

/** Applies `changes`, except where the caller has changed his mind since `asked`. */
export function amend(want: Wishes, asked: Wishes, changes: Partial<Wishes>): Wishes {
  const fields = Object.keys(changes) as (keyof Wishes)[];
  const standing = fields.filter((field) => want[field] === asked[field]);
  return standing.length === fields.length ? { ...want, ...changes } : want;
}
