/**
 * The newest ticks of one symbol before the playhead, in columns: what a picture is undone from
 * when the tape runs backwards. Ticks come and go at the new end as it plays, and older ones are
 * put before them when they are looked up; when it is full, the oldest go.
 *
 *   from ──▶ [ oldest … newest ] ──▶ playhead      every tick of [from, playhead) is here
 */
import { micros, shift, type Micros, type Ticks } from "../../src/core/index.js";

/** A power of two, so that a slot is found with a mask. 40 bytes each. */
export const MEMORY_TICKS = 2 ** 16;
const FIRST_SLOTS = 2 ** 12;

export type Kind = "bid" | "ask" | "last";
const KINDS: readonly Kind[] = ["bid", "ask", "last"];

const COLUMNS = ["time", "bid", "ask", "last", "volume"] as const;
type Columns = Record<(typeof COLUMNS)[number], Float64Array>;

export class TickMemory {
  readonly #capacity: number;
  #columns = makeColumns(FIRST_SLOTS);
  #mask = FIRST_SLOTS - 1;
  /** Ticks are numbered; these are the numbers of the oldest, and of the one after the newest. */
  #first = 0;
  #end = 0;
  #from = micros(NaN);
  /** No tick after these has such a value; they themselves have, or are before the oldest. */
  readonly #newest: Record<Kind, number> = { bid: -1, ask: -1, last: -1 };
  /** The values before the oldest tick, where they are known. */
  readonly #before: Record<Kind, number> = { bid: NaN, ask: NaN, last: NaN };

  constructor(capacity: number = MEMORY_TICKS) {
    this.#capacity = capacity;
  }

  get time(): Float64Array {
    return this.#columns.time;
  }

  get bid(): Float64Array {
    return this.#columns.bid;
  }

  get ask(): Float64Array {
    return this.#columns.ask;
  }

  get last(): Float64Array {
    return this.#columns.last;
  }

  get volume(): Float64Array {
    return this.#columns.volume;
  }

  /** Ticks that are here. */
  get length(): number {
    return this.#end - this.#first;
  }

  /** Every tick from here to the playhead is known. */
  get from(): Micros {
    return this.#from;
  }

  /** Where the tick of age `age` lies in the columns; 0 is the newest. */
  slot(age: number): number {
    return (this.#end - 1 - age) & this.#mask;
  }

  /** Ticks at or after `time`: the age of the newest tick before it. */
  countFrom(time: number): number {
    let [low, high] = [0, this.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.time[this.slot(middle)] as number) >= time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The newest such value before the playhead; NaN where there is none, or none is known. */
  value(kind: Kind): number {
    return this.#valueBefore(kind, this.#end);
  }

  /** Nothing is known but the playhead. */
  clear(at: Micros): void {
    this.#first = this.#end = 0;
    this.#from = at;
    for (const kind of KINDS) {
      this.#newest[kind] = -1;
      this.#before[kind] = NaN;
    }
  }

  /** What the server tells of the values before the playhead counts where no tick tells more. */
  recall(kind: Kind, value: number): void {
    if (Number.isNaN(this.value(kind))) this.#before[kind] = value;
  }

  /** Ticks that follow those that are here. */
  add(ticks: Ticks): void {
    const skipped = Math.max(0, ticks.count - this.#capacity);
    this.#makeRoom(ticks.count - skipped);
    for (let i = 0; i < ticks.count; i++) {
      if (this.length === this.#capacity) this.#forgetOldest();
      const slot = this.#end & this.#mask;
      this.#put(slot, ticks, i);
      for (const kind of KINDS) {
        if (!Number.isNaN(this.#columns[kind][slot] as number)) this.#newest[kind] = this.#end;
      }
      this.#end += 1;
    }
  }

  /** Takes back what is at or after `at`, the new playhead; tells whether anything changed. */
  rewind(at: Micros): boolean {
    const count = this.countFrom(at);
    const beyond = !(this.#from <= at);
    this.#end -= count;
    if (beyond) this.clear(at);
    return count > 0 || beyond;
  }

  /**
   * The ticks of the time span `[from, to)`, newest first. Those that are known already are
   * skipped; a span that does not reach up to what is known is, too: a gap would be a lie.
   */
  putBefore(ticks: Ticks | undefined, [from, to]: readonly [Micros, Micros]): void {
    if (from >= this.#from || to < this.#from) return;
    let i = 0;
    while (ticks && i < ticks.count && (ticks.time[i] as number) >= this.#from) i += 1;
    const count = (ticks?.count ?? 0) - i;
    if (this.length + count > this.#capacity) return;
    this.#from = from;
    if (!ticks || count === 0) return;
    this.#makeRoom(count);
    for (; i < ticks.count; i++) {
      this.#first -= 1;
      const slot = this.#first & this.#mask;
      this.#put(slot, ticks, i);
      for (const kind of KINDS) this.#putKind(kind, this.#columns[kind][slot] as number);
    }
  }

  /** A value put before the others is also the newest, if none of them has one. */
  #putKind(kind: Kind, value: number): void {
    if (Number.isNaN(value)) return;
    if (this.#newest[kind] <= this.#first) this.#newest[kind] = this.#first;
    // What was before it, only older ticks can tell.
    this.#before[kind] = NaN;
  }

  #put(slot: number, ticks: Ticks, i: number): void {
    const columns = this.#columns;
    columns.time[slot] = ticks.time[i] as number;
    columns.bid[slot] = ticks.bid[i] as number;
    columns.ask[slot] = ticks.ask[i] as number;
    columns.last[slot] = ticks.last[i] as number;
    columns.volume[slot] = ticks.volume[i] as number;
  }

  #valueBefore(kind: Kind, end: number): number {
    const column = this.#columns[kind];
    let newest = Math.min(this.#newest[kind], end - 1);
    while (newest >= this.#first && Number.isNaN(column[newest & this.#mask] as number)) newest -= 1;
    this.#newest[kind] = newest;
    return newest < this.#first ? this.#before[kind] : (column[newest & this.#mask] as number);
  }

  /** An instant goes as a whole, lest some of its ticks be looked up a second time. */
  #forgetOldest(): void {
    const oldest = this.time[this.#first & this.#mask] as number;
    while (this.#first < this.#end && this.time[this.#first & this.#mask] === oldest) {
      this.#noteBefore(this.#first & this.#mask);
      this.#first += 1;
    }
    this.#from = shift(micros(oldest), 1);
  }

  #noteBefore(slot: number): void {
    for (const kind of KINDS) {
      const value = this.#columns[kind][slot] as number;
      if (!Number.isNaN(value)) this.#before[kind] = value;
    }
  }

  /** Grows by doubling; never beyond the capacity. */
  #makeRoom(count: number): void {
    const needed = Math.min(this.length + count, this.#capacity);
    let slots = this.#mask + 1;
    if (needed <= slots) return;
    while (slots < needed) slots *= 2;
    const [old, oldMask] = [this.#columns, this.#mask];
    this.#columns = makeColumns(slots);
    this.#mask = slots - 1;
    for (let number = this.#first; number < this.#end; number++) {
      for (const name of COLUMNS) {
        this.#columns[name][number & this.#mask] = old[name][number & oldMask] as number;
      }
    }
  }
}

function makeColumns(slots: number): Columns {
  const make = (): Float64Array => new Float64Array(slots);
  return { time: make(), bid: make(), ask: make(), last: make(), volume: make() };
}
