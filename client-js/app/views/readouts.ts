/** Small texts that change with every frame: the clock, the meters, one watched symbol. */
import { formatTime } from "../../src/core/index.js";
import type { Session } from "../model/session.js";
import { formatCount, formatNumber } from "../model/words.js";
import { Label, make, type View } from "./view.js";

export class ClockView implements View {
  readonly #host: HTMLElement;
  readonly #date: Label;
  readonly #time: Label;
  readonly #fraction: Label;

  constructor(host: HTMLElement) {
    this.#host = host;
    this.#date = new Label(host, "clock-date");
    const line = make("span", "clock-time", host);
    this.#time = new Label(line);
    this.#fraction = new Label(line, "clock-fraction");
    new Label(line, "clock-zone").set("UTC");
  }

  paint({ at }: Session): void {
    const text = at === undefined ? "" : formatTime(at, 3);
    this.#date.set(text.slice(0, 10) || "–");
    this.#time.set(text.slice(11, 19) || "--:--:--");
    this.#fraction.set(text.slice(19));
  }

  destroy(): void {
    this.#host.replaceChildren();
  }
}

export class MetersView implements View {
  readonly #host: HTMLElement;
  readonly #fps: Label;
  readonly #ticks: Label;
  #paintedAt = 0;

  constructor(host: HTMLElement) {
    this.#host = host;
    this.#fps = meter(host, "fps");
    this.#ticks = meter(host, "ticks/s");
  }

  /** Four times a second: figures that change faster cannot be read. */
  paint(session: Session): void {
    const now = performance.now();
    if (now - this.#paintedAt < 250) return;
    this.#paintedAt = now;
    this.#fps.set(String(session.paint.fps));
    this.#ticks.set(formatCount(session.markets.ticksPerSecond));
  }

  destroy(): void {
    this.#host.replaceChildren();
  }
}

function meter(host: HTMLElement, name: string): Label {
  const box = make("span", "meter", host);
  const value = new Label(box, "meter-value");
  new Label(box, "meter-name").set(name);
  return value;
}

/** Price, change and quote of one symbol. */
export class WatchView implements View {
  readonly #host: HTMLElement;
  readonly #price: Label;
  readonly #change: Label;
  readonly #quote: Label;
  #version = -1;

  constructor(host: HTMLElement) {
    this.#host = host;
    this.#price = new Label(host, "watch-price");
    this.#change = new Label(host, "watch-change");
    this.#quote = new Label(host, "watch-quote");
  }

  paint({ markets }: Session): void {
    const market = markets.get(this.#host.dataset["symbol"]);
    if (!market || market.version === this.#version) return;
    this.#version = market.version;
    const change = percent(market.price / market.basis - 1);
    const price = (value: number): string => formatNumber(value, market.priceDecimals);
    this.#price.set(price(market.price));
    this.#change.set(change);
    this.#change.element.dataset["side"] = change.startsWith("−") ? "down" : "up";
    this.#quote.set(Number.isNaN(market.bid) ? "" : `${price(market.bid)} / ${price(market.ask)}`);
  }

  destroy(): void {
    this.#host.replaceChildren();
  }
}

function percent(share: number): string {
  if (Number.isNaN(share)) return "";
  const text = Math.abs(share * 100).toFixed(2);
  return `${share < 0 && Number(text) > 0 ? "−" : "+"}${text}%`;
}
