/** One animation frame for the whole page: painters run once each, and frames are counted. */
import { Listeners, type Unsubscribe } from "../../src/core/index.js";

const SAMPLE_MS = 500;

export class PaintLoop {
  readonly #painters = new Listeners<() => void>();
  #request = 0;
  #paints = 0;
  #sampledAt = performance.now();
  #fps = 0;

  constructor() {
    this.#next();
  }

  /** Animation frames a second, as of the last half second. */
  get fps(): number {
    return this.#fps;
  }

  add(painter: () => void): Unsubscribe {
    return this.#painters.add(painter);
  }

  destroy(): void {
    cancelAnimationFrame(this.#request);
    this.#painters.clear();
  }

  #next(): void {
    this.#request = requestAnimationFrame((now) => {
      this.#next();
      this.#count(now);
      this.#painters.each((painter) => painter());
    });
  }

  #count(now: number): void {
    this.#paints += 1;
    const elapsed = now - this.#sampledAt;
    if (elapsed < SAMPLE_MS) return;
    this.#fps = Math.round((this.#paints * 1000) / elapsed);
    this.#paints = 0;
    this.#sampledAt = now;
  }
}
