/** The tick ribbon: the newest quotes as a band, trades as dots, over market time. */
import { formatTime, micros } from "../../src/core/index.js";
import type { Market } from "../model/market.js";
import type { Session } from "../model/session.js";
import type { TickMemory } from "../model/tick-memory.js";
import { formatNumber } from "../model/words.js";
import { color, make, type View } from "./view.js";

/** Wall time that it shows, as far as the ticks reach back. */
const SHOWN_SECONDS = 15;
/** More would cost more than a frame has, and lie on top of each other. */
const SHOWN_TICKS = 2_048;
const AXIS_PX = 76;
const FOOT_PX = 18;
const LABEL_EVERY_PX = 150;
/** Share of the way that the price scale shrinks towards its aim per paint; it grows at once. */
const EASE = 0.1;
const NICE_SECONDS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200];

interface Scale {
  readonly x: (time: number) => number;
  readonly y: (price: number) => number;
}

interface Window {
  readonly start: number;
  readonly end: number;
  /** Ticks of the memory that lie in it. */
  readonly count: number;
}

export class RibbonView implements View {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #resizes: ResizeObserver;
  readonly #colors = {
    up: color("up"),
    down: color("down"),
    band: color("band"),
    quote: color("quote"),
    text: color("muted"),
    grid: color("grid"),
    amber: color("amber"),
    ink: color("ink"),
  };
  readonly #font = `11px ${color("sans")}`;
  #width = 0;
  #height = 0;
  #low = NaN;
  #high = NaN;
  /** How far the price scale is from its aim. */
  #away = 0;
  /** What is on the canvas, in short. */
  #painted = "";

  constructor(host: HTMLElement) {
    this.#canvas = make("canvas", "", host);
    const context = this.#canvas.getContext("2d");
    if (!context) throw new Error("This browser has no 2D canvas.");
    this.#context = context;
    this.#resizes = new ResizeObserver(() => this.#resize(host));
    this.#resizes.observe(host);
  }

  paint(session: Session): void {
    const { market, at } = session;
    const { speed } = session.state;
    const picture = `${market?.symbol} ${market?.version} ${at} ${speed} ${this.#width} ${this.#height}`;
    if (picture === this.#painted && this.#isSettled(market)) return;
    this.#painted = picture;
    this.#context.clearRect(0, 0, this.#width, this.#height);
    if (!market || at === undefined || market.memory.length === 0) {
      this.#low = this.#high = NaN;
      return;
    }
    const seconds = typeof speed === "number" ? SHOWN_SECONDS * Math.abs(speed) : Infinity;
    this.#draw(market, windowOf(market.memory, at, seconds * 1e6));
  }

  destroy(): void {
    this.#resizes.disconnect();
    this.#canvas.remove();
  }

  /** While the price scale still eases, there is something to paint without news. */
  #isSettled(market: Market | undefined): boolean {
    if (!market || Number.isNaN(this.#low)) return true;
    return this.#away < (this.#high - this.#low) * 1e-3;
  }

  #resize(host: HTMLElement): void {
    const ratio = window.devicePixelRatio;
    this.#width = host.clientWidth;
    this.#height = host.clientHeight;
    this.#canvas.width = Math.round(this.#width * ratio);
    this.#canvas.height = Math.round(this.#height * ratio);
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#painted = "";
  }

  #draw(market: Market, shown: Window): void {
    this.#aim(market.memory, shown.count);
    const right = this.#width - AXIS_PX;
    const bottom = this.#height - FOOT_PX;
    const perMicro = right / (shown.end - shown.start);
    const perPrice = (bottom - 16) / (this.#high - this.#low);
    const scale: Scale = {
      x: (time) => (time - shown.start) * perMicro,
      y: (price) => bottom - 8 - (price - this.#low) * perPrice,
    };
    this.#drawTimes(shown, scale, bottom);
    this.#context.save();
    this.#context.beginPath();
    this.#context.rect(0, 0, right + 4, bottom);
    this.#context.clip();
    this.#drawBand(market.memory, shown, scale, right);
    this.#drawTrades(market.memory, shown, scale);
    this.#context.restore();
    this.#drawPrices(market, scale, right);
  }

  /** Keeps the price scale around the prices that are shown. */
  #aim(memory: TickMemory, count: number): void {
    let low = Infinity;
    let high = -Infinity;
    for (let age = 0; age < count; age++) {
      const slot = memory.slot(age);
      for (const price of [memory.bid[slot], memory.ask[slot], memory.last[slot]] as number[]) {
        if (price < low) low = price;
        if (price > high) high = price;
      }
    }
    if (low > high) return;
    if (low === high) [low, high] = [low - Math.abs(low) * 1e-5 - 1e-8, high + Math.abs(high) * 1e-5 + 1e-8];
    const first = Number.isNaN(this.#low);
    this.#low = first || low < this.#low ? low : this.#low + (low - this.#low) * EASE;
    this.#high = first || high > this.#high ? high : this.#high + (high - this.#high) * EASE;
    this.#away = Math.max(low - this.#low, this.#high - high);
  }

  #drawBand(memory: TickMemory, shown: Window, scale: Scale, right: number): void {
    const context = this.#context;
    const ask = steps(memory, memory.ask, shown, scale, right);
    const bid = steps(memory, memory.bid, shown, scale, right);
    context.lineWidth = 1;
    context.strokeStyle = this.#colors.quote;
    if (ask.length > 0 && bid.length > 0) {
      context.beginPath();
      trace(context, ask);
      for (let i = bid.length - 2; i >= 0; i -= 2) context.lineTo(bid[i] as number, bid[i + 1] as number);
      context.fillStyle = this.#colors.band;
      context.fill();
    }
    const lines = ask.length + bid.length > 0 ? [ask, bid] : [steps(memory, memory.last, shown, scale, right)];
    for (const line of lines) {
      context.beginPath();
      trace(context, line);
      context.stroke();
    }
  }

  /** Trades at the ask are buyers', at the bid sellers'; the area stands for the volume. */
  #drawTrades(memory: TickMemory, shown: Window, scale: Scale): void {
    const context = this.#context;
    // Where ticks lie close, small and thin ones, or they hide each other.
    const room = Math.min(1, (this.#width - AXIS_PX) / (3 * shown.count));
    let most = 0;
    context.globalAlpha = 0.4 + 0.5 * room;
    for (let age = 0; age < shown.count; age++) most = Math.max(most, (memory.volume[memory.slot(age)] as number) || 0);
    for (let age = shown.count - 1; age >= 0; age--) {
      const slot = memory.slot(age);
      const last = memory.last[slot] as number;
      if (Number.isNaN(last)) continue;
      const volume = (memory.volume[slot] as number) || 0;
      const size = most > 0 ? Math.sqrt(volume / most) : 0;
      const radius = 1 + (0.6 + 4 * size) * (0.3 + 0.7 * room);
      context.fillStyle = this.#sideColor(last, memory.bid[slot] as number, memory.ask[slot] as number);
      context.beginPath();
      context.arc(scale.x(memory.time[slot] as number), scale.y(last), radius, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
  }

  #sideColor(last: number, bid: number, ask: number): string {
    if (last >= ask) return this.#colors.up;
    return last <= bid ? this.#colors.down : this.#colors.amber;
  }

  #drawPrices(market: Market, scale: Scale, right: number): void {
    const context = this.#context;
    const text = (price: number): string => formatNumber(price, market.priceDecimals);
    context.font = this.#font;
    context.textBaseline = "middle";
    context.fillStyle = this.#colors.text;
    const tag = scale.y(market.price);
    for (const price of [this.#low, (this.#low + this.#high) / 2, this.#high]) {
      if (Math.abs(scale.y(price) - tag) > 16) context.fillText(text(price), right + 10, scale.y(price));
    }
    if (Number.isNaN(tag)) return;
    context.fillStyle = this.#colors.amber;
    context.beginPath();
    context.roundRect(right + 4, tag - 9, AXIS_PX - 8, 18, 3);
    context.fill();
    context.fillStyle = this.#colors.ink;
    context.fillText(text(market.price), right + 10, tag + 0.5);
  }

  #drawTimes(shown: Window, scale: Scale, bottom: number): void {
    const context = this.#context;
    const room = ((shown.end - shown.start) / 1e6) * (LABEL_EVERY_PX / (this.#width - AXIS_PX));
    const step = (NICE_SECONDS.find((seconds) => seconds >= room) ?? Math.ceil(room / 3600) * 3600) * 1e6;
    context.font = this.#font;
    context.textBaseline = "alphabetic";
    for (let time = Math.ceil(shown.start / step) * step; time < shown.end; time += step) {
      const x = scale.x(time);
      context.fillStyle = this.#colors.grid;
      context.fillRect(Math.round(x), 0, 1, bottom);
      context.fillStyle = this.#colors.text;
      const label = formatTime(micros(time), step < 1e6 ? 1 : 0).slice(11);
      if (x > 30) context.fillText(label, x - 24, this.#height - 4);
    }
  }
}

/** The market time to show, ending at the playhead. */
function windowOf(memory: TickMemory, at: number, length: number): Window {
  const reach = Math.min(memory.length, SHOWN_TICKS);
  const oldest = memory.time[memory.slot(reach - 1)] as number;
  const start = Math.max(at - length, Math.min(oldest, at - 1e6));
  let count = 0;
  while (count < reach && (memory.time[memory.slot(count)] as number) >= start) count += 1;
  // One tick more, so that lines come in from the left edge.
  return { start, end: at, count: Math.min(count + 1, reach) };
}

/** A stepped line as [x, y, x, y, …]: a value holds until the next one. */
function steps(memory: TickMemory, column: Float64Array, shown: Window, scale: Scale, right: number): number[] {
  const line: number[] = [];
  let held = NaN;
  for (let age = shown.count - 1; age >= 0; age--) {
    const slot = memory.slot(age);
    const value = column[slot] as number;
    if (Number.isNaN(value)) continue;
    const x = scale.x(memory.time[slot] as number);
    const y = scale.y(value);
    if (!Number.isNaN(held)) line.push(x, held);
    line.push(x, y);
    held = y;
  }
  if (!Number.isNaN(held)) line.push(right, held);
  return line;
}

function trace(context: CanvasRenderingContext2D, line: readonly number[]): void {
  for (let i = 0; i < line.length; i += 2) context.lineTo(line[i] as number, line[i + 1] as number);
}
