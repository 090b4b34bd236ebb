/** When to connect again, and when not to. */

const FIRST_DELAY_MS = 250;
const LONGEST_DELAY_MS = 15_000;

/** Close codes that say "what you send is wrong" or "you may not": trying again cannot help. */
const FINAL_CLOSE_CODES: ReadonlySet<number> = new Set([1002, 1007, 1009, 4401]);

export function mayReconnect(closeCode: number): boolean {
  return !FINAL_CLOSE_CODES.has(closeCode);
}

/**
 * Doubling delays with jitter: half of each delay is random, so that the clients of a server that
 * was restarted do not all come back in the same instant.
 */
export class Backoff {
  readonly #random: () => number;
  #attempt = 0;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  /** Milliseconds to wait before the next attempt. */
  next(): number {
    const full = Math.min(FIRST_DELAY_MS * 2 ** this.#attempt, LONGEST_DELAY_MS);
    this.#attempt += 1;
    return full / 2 + (full / 2) * this.#random();
  }

  reset(): void {
    this.#attempt = 0;
  }
}
