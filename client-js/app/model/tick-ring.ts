/** The newest ticks of one symbol, in columns; older ones are overwritten. */
import type { Ticks } from "../../src/core/index.js";

/** A power of two, so that a slot is found with a mask. */
const CAPACITY = 2_048;
const MASK = CAPACITY - 1;

export class TickRing {
  readonly time = new Float64Array(CAPACITY);
  readonly bid = new Float64Array(CAPACITY);
  readonly ask = new Float64Array(CAPACITY);
  readonly last = new Float64Array(CAPACITY);
  readonly volume = new Float64Array(CAPACITY);
  #written = 0;

  /** Ticks that are here. */
  get length(): number {
    return Math.min(this.#written, CAPACITY);
  }

  /** Where the tick of age `age` lies in the columns; 0 is the newest. */
  slot(age: number): number {
    return (this.#written - 1 - age) & MASK;
  }

  add(ticks: Ticks): void {
    for (let i = Math.max(0, ticks.count - CAPACITY); i < ticks.count; i++) {
      const slot = this.#written & MASK;
      this.time[slot] = ticks.time[i] as number;
      this.bid[slot] = ticks.bid[i] as number;
      this.ask[slot] = ticks.ask[i] as number;
      this.last[slot] = ticks.last[i] as number;
      this.volume[slot] = ticks.volume[i] as number;
      this.#written += 1;
    }
  }

  clear(): void {
    this.#written = 0;
  }
}
