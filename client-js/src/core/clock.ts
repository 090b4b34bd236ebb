/** The wall clock and timers behind everything that waits; tests put a clock of their own here. */
export type Cancel = () => void;

export interface Clock {
  /** Milliseconds from an arbitrary start, never going back. */
  now(): number;
  /** Runs once after `ms`. */
  after(ms: number, run: () => void): Cancel;
  /** Runs once before the next paint; not at all while the page is hidden. */
  nextFrame(run: () => void): Cancel;
}

export const browserClock: Clock = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  nextFrame(run) {
    const request = requestAnimationFrame(() => run());
    return () => cancelAnimationFrame(request);
  },
};
