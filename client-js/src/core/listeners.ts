export type Unsubscribe = () => void;

/** A set of listeners; one that throws does not keep the others from hearing. */
export class Listeners<L> {
  readonly #listeners = new Set<L>();

  add(listener: L): Unsubscribe {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  each(tell: (listener: L) => void): void {
    for (const listener of [...this.#listeners]) {
      try {
        tell(listener);
      } catch (error) {
        throwLater(error);
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}

/** Shows a listener's mistake where uncaught errors are shown, without stopping the replay. */
function throwLater(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
