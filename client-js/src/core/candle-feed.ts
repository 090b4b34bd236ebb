/**
 * Candles without a replay: the newest ones that are stored and, as long as it lives, every change
 * of them. A lost connection is opened again, and the server tells the state of things anew.
 */
import { CandleSeries } from "./candle-series.js";
import { decodeCandles, type CandlePage } from "./candles.js";
import type { Connection } from "./connection.js";
import type { Unsubscribe } from "./listeners.js";
import type { Message } from "./messages.js";
import { Subscription, type FeedStatus } from "./subscription.js";
import type { Micros } from "./time.js";

export interface CandlesQuery {
  readonly symbol: string;
  readonly interval: string;
  /** Buckets with `from ≤ time < to`; both may be left out. */
  readonly from?: Micros | undefined;
  readonly to?: Micros | undefined;
  /** The newest so many, up to 5 000; default 500. */
  readonly limit?: number | undefined;
  /** With average prices by volume: of at most 4 000 000 ticks, else it fails with `limit`. */
  readonly vwap?: boolean | undefined;
}

export class CandleFeed {
  readonly series: CandleSeries;
  readonly #subscription: Subscription;

  constructor(connection: Connection, query: CandlesQuery) {
    this.series = new CandleSeries(query.interval);
    this.#subscription = new Subscription(connection, {
      channel: "candles",
      fields: { ...query, live: true },
      receive: (message) => this.#receive(message),
    });
  }

  get status(): FeedStatus {
    return this.#subscription.status;
  }

  /** Calls back after every change of `series` or `status`. */
  subscribe(listener: () => void): Unsubscribe {
    return this.#subscription.subscribe(listener);
  }

  destroy(): void {
    this.#subscription.destroy();
  }

  #receive(message: Message): void {
    if (message["ev"] === "candles.snapshot") this.series.reset(decodeCandles(message).candles);
    else if (message["ev"] === "candles.update") {
      for (const candle of decodeCandles(message).candles) this.series.put(candle);
    }
  }
}

/** The same once; waits until the connection is open. */
export async function fetchCandles(connection: Connection, query: CandlesQuery): Promise<CandlePage> {
  await connection.opened();
  return decodeCandles(await connection.request("candles.subscribe", { id: connection.nextId(), ...query }));
}
