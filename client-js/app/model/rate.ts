/** Events a second over the last second, for a meter. */
const BINS = 10;
const BIN_MS = 100;

export class Rate {
  readonly #counts = new Float64Array(BINS);
  #bin = 0;

  add(count: number, nowMs: number): void {
    this.#turn(nowMs);
    const slot = this.#bin % BINS;
    this.#counts[slot] = (this.#counts[slot] as number) + count;
  }

  perSecond(nowMs: number): number {
    this.#turn(nowMs);
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  /** Empties the bins between the last event and now. */
  #turn(nowMs: number): void {
    const bin = Math.floor(nowMs / BIN_MS);
    const first = Math.max(this.#bin + 1, bin - BINS + 1);
    for (let old = first; old <= bin; old++) this.#counts[old % BINS] = 0;
    this.#bin = bin;
  }
}
