/**
 * A step under way. Steps and speeds start at the edge of the last frame used, so the next one
 * has to wait until the frames of this one are here and used: else it would start before them,
 * and they would be void.
 */
import type { Step, WireFrame } from "./messages.js";
import { edgeOf } from "./frames.js";
import { bucketStart, clampTime, micros, parseInterval, type Micros } from "./time.js";

export class Stepping {
  readonly step: Step;
  /** Where it ends, where that can be told: steps by an interval may take several frames. */
  readonly #target: Micros | undefined;
  #begun = false;
  #done = false;

  constructor(step: Step, at: Micros, range: { readonly from: Micros; readonly to: Micros }) {
    const target = targetOf(step, at);
    this.step = step;
    this.#target = target === undefined ? undefined : clampTime(target, range.from, range.to);
  }

  get done(): boolean {
    return this.#done;
  }

  /** What is left of it if the connection is lost now: a multiple begun can be aimed at again. */
  get rest(): Step | undefined {
    if (this.#done || (this.#begun && Math.abs(this.step.count) > 1)) return undefined;
    return this.step;
  }

  used(frame: WireFrame): void {
    this.#begun = true;
    this.#done ||= this.#target === undefined || edgeOf(frame) === this.#target;
  }
}

/** `count` multiples of the interval on; undefined for units that depend on the ticks. */
function targetOf({ unit, count }: Step, at: Micros): Micros | undefined {
  const length = parseInterval(unit);
  if (length === undefined) return undefined;
  const start = bucketStart(at, length);
  // Back from within a bucket goes to its start first.
  const from = count < 0 && start < at ? start + length : start;
  return micros(from + count * length);
}
