/** The newest ticks as rows: as many as fit, always the same elements. */
import { formatTime, micros } from "../../src/core/index.js";
import type { Market } from "../model/market.js";
import type { Session } from "../model/session.js";
import { formatNumber } from "../model/words.js";
import { Label, make, type View } from "./view.js";

const ROW_PX = 21;
const MAX_ROWS = 64;
/** Text that changes faster than this is a blur, and would cost more than the charts. */
const PAINT_EVERY_MS = 33;
const COLUMNS = ["time", "bid", "ask", "last", "size"] as const;

interface Row {
  readonly element: HTMLElement;
  readonly cells: readonly Label[];
}

export class TickTableView implements View {
  readonly #host: HTMLElement;
  readonly #body: HTMLElement;
  readonly #rows: Row[] = [];
  readonly #resizes: ResizeObserver;
  #market: Market | undefined;
  #version = -1;
  #paintedAt = 0;

  constructor(host: HTMLElement) {
    this.#host = host;
    const head = make("div", "tick-row tick-head", host);
    for (const name of COLUMNS) new Label(head).set(name);
    this.#body = make("div", "tick-body", host);
    this.#resizes = new ResizeObserver(() => this.#fit());
    this.#resizes.observe(this.#body);
  }

  paint({ market }: Session): void {
    if (market === this.#market && (!market || market.version === this.#version)) return;
    const now = performance.now();
    if (market === this.#market && now - this.#paintedAt < PAINT_EVERY_MS) return;
    this.#paintedAt = now;
    this.#market = market;
    this.#version = market?.version ?? -1;
    this.#rows.forEach((row, age) => paintRow(row, market, age));
  }

  destroy(): void {
    this.#resizes.disconnect();
    this.#host.replaceChildren();
  }

  #fit(): void {
    const count = Math.min(Math.floor(this.#body.clientHeight / ROW_PX), MAX_ROWS);
    while (this.#rows.length < count) {
      const element = make("div", "tick-row", this.#body);
      this.#rows.push({ element, cells: COLUMNS.map(() => new Label(element)) });
    }
    while (this.#rows.length > count) this.#rows.pop()?.element.remove();
    this.#version = -1;
  }
}

function paintRow({ element, cells }: Row, market: Market | undefined, age: number): void {
  const there = market && age < market.memory.length;
  const texts = there ? textsOf(market, market.memory.slot(age)) : [];
  cells.forEach((cell, i) => cell.set(texts[i] ?? ""));
  const side = there ? sideOf(market, market.memory.slot(age)) : "";
  if (element.dataset["side"] !== side) element.dataset["side"] = side;
}

function textsOf({ memory, priceDecimals, volumeDecimals }: Market, slot: number): string[] {
  const price = (column: Float64Array): string => {
    const value = column[slot] as number;
    return Number.isNaN(value) ? "" : formatNumber(value, priceDecimals);
  };
  const volume = memory.volume[slot] as number;
  return [
    formatTime(micros(memory.time[slot] as number), 3).slice(11),
    price(memory.bid),
    price(memory.ask),
    price(memory.last),
    Number.isNaN(volume) ? "" : formatNumber(volume, Math.min(volumeDecimals, 4)),
  ];
}

/** Whose trade it was: at the ask a buyer's, at the bid a seller's; a quote is nobody's. */
function sideOf({ memory }: Market, slot: number): string {
  const last = memory.last[slot] as number;
  if (Number.isNaN(last)) return "quote";
  if (last >= (memory.ask[slot] as number)) return "buy";
  return last <= (memory.bid[slot] as number) ? "sell" : "trade";
}
