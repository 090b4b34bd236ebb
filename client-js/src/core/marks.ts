/** What is to be told between two frames of an epoch: snapshots, and where the past breaks off. */
import type { WireFrame } from "./messages.js";

interface Mark {
  /** Of the frame that it comes before. */
  readonly seq: number;
  readonly tell: () => void;
}

/** A server that sends marks but no frames would fill the memory. */
const MOST_MARKS = 1_000;

export class Marks {
  #marks: Mark[] = [];
  #nextUsed = 0;

  /** Tells it at once if all frames before it have been used, else when they have. */
  add(seq: number, tell: () => void): void {
    if (seq <= this.#nextUsed) tell();
    else if (this.#marks.length < MOST_MARKS) this.#marks.push({ seq, tell });
  }

  /** Uses `frames`, in runs, with the marks told where they belong. */
  weave(frames: readonly WireFrame[], use: (frames: readonly WireFrame[]) => void): void {
    let rest = frames;
    while (rest.length > 0) {
      const mark = this.#marks[0];
      const count = mark ? rest.findIndex(({ seq }) => seq >= mark.seq) : -1;
      const run = count < 0 ? rest : rest.slice(0, count);
      if (run.length > 0) use(run);
      rest = rest.slice(run.length);
      this.#nextUsed = (run[run.length - 1]?.seq ?? this.#nextUsed - 1) + 1;
      this.#tellUpTo(rest[0]?.seq ?? this.#nextUsed);
    }
  }

  /** A new epoch begins; tells whether something had not been told yet. */
  clear(): boolean {
    const isLost = this.#marks.length > 0;
    this.#marks = [];
    this.#nextUsed = 0;
    return isLost;
  }

  #tellUpTo(seq: number): void {
    while (this.#marks[0] && this.#marks[0].seq <= seq) this.#marks.shift()?.tell();
  }
}
