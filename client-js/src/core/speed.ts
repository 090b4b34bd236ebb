/** Speeds have a direction: negative ones, and `"-max"`, play backwards. */
import type { Speed } from "./messages.js";

export function isReverse(speed: Speed): boolean {
  return speed === "-max" || (typeof speed === "number" && speed < 0);
}

/** As fast, in the other direction. */
export function turnedRound(speed: Speed): Speed {
  if (typeof speed === "number") return -speed;
  return speed === "max" ? "-max" : "max";
}

/** As fast as `speed`, in the direction that is asked for. */
export function inDirection(speed: Speed, reverse: boolean): Speed {
  return isReverse(speed) === reverse ? speed : turnedRound(speed);
}
