/** Candles as they come: columns in snapshots and pages, single rows in frames. */
import { decodeColumn } from "./columns.js";
import { ProtocolError } from "./errors.js";
import { number, text, type Message } from "./messages.js";
import { micros, type Micros } from "./time.js";

/** What a replay, or a subscription, is asked for. */
export interface CandleRequest {
  /** Such as `"1m"`. */
  readonly interval: string;
  /** How many complete candles come with a snapshot, up to 5 000. */
  readonly history?: number;
}

/** Never changed: a candle that grew is another object. */
export interface Candle {
  /** Start of the bucket. */
  readonly time: Micros;
  readonly open: number;
  readonly high: number;
  readonly low: number;
  readonly close: number;
  /** NaN where no trade told one. */
  readonly volume: number;
  /** Ticks with a last price. */
  readonly trades: number;
  /** The bucket is over. */
  readonly final: boolean;
  /** Average price by volume, where it was asked for; NaN where there is none. */
  readonly vwap?: number;
}

/** Decimals that print every price, and every volume, exactly. */
interface Decimals {
  readonly priceDecimals: number;
  readonly volumeDecimals: number;
}

/** Oldest first. */
export interface CandlePage extends Decimals {
  readonly interval: string;
  readonly candles: readonly Candle[];
}

/** Of one symbol of a replay, which is an index there. */
export interface ReplayCandles extends CandlePage {
  readonly symbol: number;
}

/** A candle of a frame. Backwards it is the newest one that remains, if any does. */
export interface CandleChange extends Decimals {
  readonly symbol: number;
  readonly interval: string;
  readonly candle: Candle | undefined;
}

const PRICES = ["open", "high", "low", "close"] as const;

export function decodeCandles(row: Message): CandlePage {
  const n = number(row, "n");
  const column = (name: string) => decodeColumn(row[name], n);
  const [open, high, low, close] = PRICES.map(column) as [Col, Col, Col, Col];
  const volume = column("volume");
  const vwap = row["vwap"] === undefined ? undefined : column("vwap");
  const [time, trades, final] = [column("time").values, column("trades").values, column("final").values];
  const candles = Array.from({ length: n }, (_, i): Candle => ({
    time: micros(time[i] as number),
    open: open.values[i] as number,
    high: high.values[i] as number,
    low: low.values[i] as number,
    close: close.values[i] as number,
    volume: volume.values[i] as number,
    trades: trades[i] as number,
    final: final[i] === 1,
    ...(vwap && { vwap: vwap.values[i] as number }),
  }));
  const priceDecimals = Math.max(open.exp, high.exp, low.exp, close.exp);
  return { interval: text(row, "interval"), candles, priceDecimals, volumeDecimals: volume.exp };
}

type Col = ReturnType<typeof decodeColumn>;

export function decodeReplayCandles(row: Message): ReplayCandles {
  return { symbol: number(row, "symbol"), ...decodeCandles(row) };
}

/** `[symbol, interval, time, exp, open, high, low, close, vexp, volume, trades, final]`, or nil for the rest. */
export function decodeCandleRow(row: unknown): CandleChange {
  const [symbol, interval, time, ...rest]: readonly unknown[] = Array.isArray(row) ? row : [];
  if (typeof symbol !== "number" || typeof interval !== "string") {
    throw new ProtocolError("A candle of the server says not whose it is.");
  }
  if (time === null) return { symbol, interval, candle: undefined, priceDecimals: 0, volumeDecimals: 0 };
  const [exp, open, high, low, close, volumeExp, volume, trades, final] = rest;
  return {
    symbol,
    interval,
    candle: {
      time: micros(integer(time)),
      open: decimal(open, exp),
      high: decimal(high, exp),
      low: decimal(low, exp),
      close: decimal(close, exp),
      volume: volume === null ? NaN : decimal(volume, volumeExp),
      trades: integer(trades),
      final: final === 1 || final === true,
    },
    priceDecimals: integer(exp),
    volumeDecimals: integer(volumeExp),
  };
}

/** A mantissa or, where a double would round that, the value itself as a text. */
function decimal(value: unknown, exp: unknown): number {
  return typeof value === "string" ? Number(value) : integer(value) / 10 ** integer(exp);
}

function integer(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value)) return value;
  throw new ProtocolError(`A candle of the server has ${String(value)} where an integer is due.`);
}
