/** The candle chart with its volumes and legend. */
import {
  CandlestickSeries, createChart, CrosshairMode, HistogramSeries,
  type CandlestickData, type HistogramData, type IChartApi, type ISeriesApi,
  type UTCTimestamp,
} from "lightweight-charts";
import {
  formatTime, fromMillis, toSeconds, type Candle, type CandleSeries,
} from "../../src/core/index.js";
import type { Market } from "../model/market.js";
import type { Session } from "../model/session.js";
import { formatNumber } from "../model/words.js";
import { keptPosition } from "./scroll.js";
import { color, Label, make, type View } from "./view.js";

/**
 * Every update of a series walks all its bars. A frame that finishes one bar and begins the next
 * takes two, and so does one that takes a bar back; one that brings more loads the series anew
 * instead, once.
 */
const MAX_UPDATES = 2;
/**
 * Bars loaded while every frame loads anew (fast play): all 5 000 would cost a quarter of the
 * frames. The rest comes when it has been quiet for a moment.
 */
const FAST_BARS = 1_000;
const QUIET_MS = 300;
/** Bars to the left of what is seen; with fewer, older ones are asked for. */
const BARS_AHEAD = 100;
/** Room to the right of the newest bar. */
const RIGHT_BARS = 6;
/** A candle is looked at when the crosshair has rested on it for so long. */
const LOOK_MS = 150;
const NO_CANDLES = "No trades up to here: candles are made of trades.";

export class CandleView implements View {
  readonly #chart: IChartApi;
  readonly #candles: ISeriesApi<"Candlestick">;
  readonly #volumes: ISeriesApi<"Histogram">;
  readonly #legend: Label;
  readonly #up = color("up");
  readonly #down = color("down");
  readonly #upVolume = color("up-soft");
  readonly #downVolume = color("down-soft");
  #series: CandleSeries | undefined;
  #generation = 0;
  /** The bars that the chart has, from index `first` on. */
  #shown: Candle[] = [];
  #first = 0;
  /** It was scrolled out of a detached series: the newest candles are on their way. */
  #returns = false;
  #changedAt = 0;
  #version = -1;
  #decimals = -1;
  #hovered: number | undefined;
  #hoveredAt = 0;

  constructor(host: HTMLElement) {
    this.#legend = new Label(host, "legend");
    this.#chart = createChart(make("div", "chart", host), chartOptions());
    this.#candles = this.#chart.addSeries(CandlestickSeries, {
      upColor: this.#up,
      downColor: this.#down,
      wickUpColor: this.#up,
      wickDownColor: this.#down,
      borderVisible: false,
      priceLineColor: color("muted"),
    });
    this.#volumes = this.#chart.addSeries(HistogramSeries, {
      priceScaleId: "volume",
      priceFormat: { type: "volume" },
      lastValueVisible: false,
      priceLineVisible: false,
    });
    this.#candles.priceScale().applyOptions({ scaleMargins: { top: 0.12, bottom: 0.22 } });
    this.#volumes.priceScale().applyOptions({ scaleMargins: { top: 0.84, bottom: 0 } });
    this.#chart.subscribeCrosshairMove(({ time }) => {
      const hovered = typeof time === "number" ? time : undefined;
      if (hovered !== this.#hovered) this.#hoveredAt = performance.now();
      this.#hovered = hovered;
      this.#version = -1;
    });
  }

  paint(session: Session): void {
    const { market } = session;
    const series = market?.candles;
    this.#page(session, series);
    this.#look(session, series);
    if (market && series === this.#series && market.version === this.#version) {
      if (this.#first > 0 && performance.now() - this.#changedAt > QUIET_MS) this.#load(series, 0);
      return;
    }
    this.#changedAt = performance.now();
    this.#paintDecimals(market?.priceDecimals ?? 2);
    this.#paintBars(series);
    this.#paintLegend(market, series);
    this.#version = market?.version ?? -1;
  }

  /** Where the chart is scrolled to an end of what is loaded, there may be more. */
  #page(session: Session, series: CandleSeries | undefined): void {
    const seen = this.#chart.timeScale().getVisibleLogicalRange();
    if (!seen || !series || series !== this.#series || this.#first > 0) return;
    if (seen.from < BARS_AHEAD) session.pageBack();
    const hasLeft = series.detached && seen.to > this.#shown.length;
    if (hasLeft && !this.#returns) session.showNewestCandles();
    // Once, for the snapshot takes a moment to come.
    this.#returns = hasLeft;
  }

  #look(session: Session, series: CandleSeries | undefined): void {
    if (this.#hovered === undefined || performance.now() - this.#hoveredAt < LOOK_MS) return;
    const bar = this.#hoveredBar(series);
    // Later again, if the series is another one by then.
    this.#hoveredAt = performance.now() + LOOK_MS;
    if (bar) session.lookUpAverage(bar);
  }

  #hoveredBar(series: CandleSeries | undefined): Candle | undefined {
    return this.#hovered === undefined ? undefined : series?.candles.find((bar) => timeOf(bar) === this.#hovered);
  }

  destroy(): void {
    this.#chart.remove();
    this.#legend.element.remove();
  }

  #paintBars(series: CandleSeries | undefined): void {
    const bars = series?.candles ?? [];
    if (series !== this.#series) {
      this.#load(series, 0);
      this.#chart.timeScale().resetTimeScale();
      return;
    }
    const { popped, updated } = this.#difference(bars);
    const updates = updated.length + Math.sign(popped);
    const newest = Math.max(0, bars.length - FAST_BARS);
    if (series?.generation !== this.#generation) this.#load(series, this.#isOutrun(bars) ? newest : 0);
    else if (updates > MAX_UPDATES || bars.length <= this.#first) this.#load(series, newest);
    else {
      this.#update(popped, updated);
      this.#shown.length = bars.length - this.#first - updated.length;
      this.#shown.push(...updated);
    }
  }

  /** Whether more bars have come at once than can be put one by one; some old ones may have gone. */
  #isOutrun(bars: readonly Candle[]): boolean {
    const last = this.#shown[this.#shown.length - 1];
    const early = bars[bars.length - 1 - MAX_UPDATES];
    return last !== undefined && early !== undefined && early.time > last.time;
  }

  /** What has to go from the end of the chart, and what to come there. */
  #difference(bars: readonly Candle[]): { popped: number; updated: readonly Candle[] } {
    const first = this.#first;
    const end = first + this.#shown.length;
    let same = Math.min(end, bars.length);
    while (same > first && this.#shown[same - 1 - first] !== bars[same - 1]) same -= 1;
    // One that changed takes the place of the old one.
    const isReplaced = same < end && this.#shown[same - first]?.time === bars[same]?.time;
    return { popped: end - same - (isReplaced ? 1 : 0), updated: bars.slice(same) };
  }

  #update(popped: number, updated: readonly Candle[]): void {
    if (popped > 0) {
      this.#candles.pop(popped);
      this.#volumes.pop(popped);
    }
    for (const bar of updated) {
      this.#candles.update(candle(bar));
      this.#volumes.update(this.#volume(bar));
    }
  }

  /** What is looked at stays where it is, and as large as it is, where the chart was scrolled back. */
  #load(series: CandleSeries | undefined, first: number): void {
    const candles = series?.candles ?? [];
    const scale = this.#chart.timeScale();
    const position = scale.scrollPosition();
    const isBack = series === this.#series && position < 0;
    const kept = isBack ? keptPosition(this.#shown, candles, position) : undefined;
    const seen = kept === undefined ? candles.length : candles.length + kept - BARS_AHEAD - this.#width;
    // All of them, where fewer would leave out what is looked at.
    const begin = seen < first ? 0 : first;
    const bars = candles.slice(begin);
    this.#candles.setData(bars.map(candle));
    this.#volumes.setData(bars.map((bar) => this.#volume(bar)));
    if (isBack) scale.scrollToPosition(kept ?? RIGHT_BARS, false);
    this.#series = series;
    this.#generation = series?.generation ?? 0;
    this.#first = begin;
    this.#shown = bars;
  }

  /** Bars that have room on the screen. */
  get #width(): number {
    const seen = this.#chart.timeScale().getVisibleLogicalRange();
    return seen ? seen.to - seen.from : 0;
  }

  /** One without volume, too, has its place in the series, so that both can be popped alike. */
  #volume(bar: Candle): HistogramData<UTCTimestamp> {
    const rising = bar.close >= bar.open;
    const value = Number.isNaN(bar.volume) ? 0 : bar.volume;
    return { time: timeOf(bar), value, color: this.#volumeColor(value > 0, rising) };
  }

  #volumeColor(traded: boolean, rising: boolean): string {
    if (!traded) return "transparent";
    return rising ? this.#upVolume : this.#downVolume;
  }

  /** The bar under the crosshair, else the forming one. */
  #paintLegend(market: Market | undefined, series: CandleSeries | undefined): void {
    const bars = series?.candles ?? [];
    const bar = this.#hoveredBar(series) ?? bars[bars.length - 1];
    if (!market || !bar) {
      this.#legend.element.dataset["side"] = "none";
      this.#legend.set(market && series ? NO_CANDLES : "");
      return;
    }
    const average = market.averageOf(bar) ?? NaN;
    const price = (value: number): string => formatNumber(value, market.priceDecimals);
    this.#legend.element.dataset["side"] = bar.close >= bar.open ? "up" : "down";
    this.#legend.set(
      `O ${price(bar.open)}   H ${price(bar.high)}   L ${price(bar.low)}   C ${price(bar.close)}   ` +
        `V ${formatNumber(bar.volume, Math.min(market.volumeDecimals, 3))}` +
        (Number.isFinite(average) ? `   VWAP ${price(average)}` : ""),
    );
  }

  #paintDecimals(decimals: number): void {
    if (decimals === this.#decimals) return;
    this.#decimals = decimals;
    this.#candles.applyOptions({
      priceFormat: { type: "price", precision: decimals, minMove: 1 / 10 ** decimals },
    });
  }
}

function timeOf(bar: Candle): UTCTimestamp {
  return toSeconds(bar.time) as UTCTimestamp;
}

function candle(bar: Candle): CandlestickData<UTCTimestamp> {
  return { time: timeOf(bar), open: bar.open, high: bar.high, low: bar.low, close: bar.close };
}

function chartOptions(): Parameters<typeof createChart>[1] {
  const line = color("line");
  const label = color("raised");
  return {
    autoSize: true,
    layout: {
      background: { color: "transparent" },
      textColor: color("muted"),
      fontFamily: color("sans"),
      fontSize: 11,
      attributionLogo: true,
    },
    grid: { vertLines: { color: color("grid") }, horzLines: { color: color("grid") } },
    rightPriceScale: { borderColor: line, minimumWidth: 76 },
    timeScale: {
      borderColor: line,
      timeVisible: true,
      secondsVisible: true,
      rightOffset: RIGHT_BARS,
      barSpacing: 8,
    },
    crosshair: {
      mode: CrosshairMode.Normal,
      vertLine: { color: color("muted"), labelBackgroundColor: label },
      horzLine: { color: color("muted"), labelBackgroundColor: label },
    },
    localization: {
      timeFormatter: (time: number) => `${formatTime(fromMillis(time * 1000), 0)} UTC`,
    },
  };
}
