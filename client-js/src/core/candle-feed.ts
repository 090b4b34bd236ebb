/**
 * Candles without a replay: the newest ones that are stored and, as long as it lives, every change
 * of them. A lost connection is opened again, and the server tells the state of things anew.
 */
import { CandleSeries } from "./candle-series.js";
import { decodeCandles, type CandlePage } from "./candles.js";
import type { Connection } from "./connection.js";
import { ConnectionError, ProtocolError, TapedeckError } from "./errors.js";
import { Listeners, type Unsubscribe } from "./listeners.js";
import type { Message } from "./messages.js";
import type { Micros } from "./time.js";

export interface CandlesQuery {
  readonly symbol: string;
  readonly interval: string;
  /** Buckets with `from ≤ time < to`; both may be left out. */
  readonly from?: Micros | undefined;
  readonly to?: Micros | undefined;
  /** The newest so many, up to 5 000; default 500. */
  readonly limit?: number | undefined;
}

export type CandleFeedStatus =
  | { readonly state: "connecting" | "live" }
  | { readonly state: "failed"; readonly error: TapedeckError };

export class CandleFeed {
  readonly series: CandleSeries;
  readonly #connection: Connection;
  readonly #query: CandlesQuery;
  readonly #listeners = new Listeners<() => void>();
  readonly #unsubscribe: Unsubscribe;
  #id: number | undefined;
  #detach: Unsubscribe | undefined;
  #status: CandleFeedStatus = { state: "connecting" };

  constructor(connection: Connection, query: CandlesQuery) {
    this.series = new CandleSeries(query.interval);
    this.#connection = connection;
    this.#query = query;
    this.#unsubscribe = connection.subscribe(() => this.#onConnection());
    this.#onConnection();
  }

  get status(): CandleFeedStatus {
    return this.#status;
  }

  /** Calls back after every change of `series` or `status`. */
  subscribe(listener: () => void): Unsubscribe {
    return this.#listeners.add(listener);
  }

  destroy(): void {
    this.#unsubscribe();
    this.#listeners.clear();
    this.#leave();
  }

  #onConnection(): void {
    const isOpen = this.#connection.status.state === "open";
    if (isOpen && this.#id === undefined && this.#status.state !== "failed") this.#ask();
    if (isOpen || this.#id === undefined) return;
    this.#detach?.();
    this.#id = undefined;
    this.#set({ state: "connecting" });
  }

  #ask(): void {
    const id = this.#connection.nextId();
    this.#id = id;
    this.#detach = this.#connection.attach(id, (message) => this.#guard(() => this.#receive(message)));
    this.#connection.send("candles.subscribe", { id, ...this.#query, live: true }, (answer) => {
      if (this.#id !== id || answer instanceof ConnectionError) return;
      this.#guard(() => {
        if (answer instanceof TapedeckError) throw answer;
        this.#receive(answer);
      });
    });
  }

  #receive(message: Message): void {
    if (message["ev"] === "error") throw new TapedeckError(String(message["message"]));
    if (message["ev"] === "candles.snapshot") this.series.reset(decodeCandles(message).candles);
    else if (message["ev"] === "candles.update") {
      for (const candle of decodeCandles(message).candles) this.series.put(candle);
    } else return;
    this.#set({ state: "live" });
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#leave();
      this.#set({
        state: "failed",
        error: error instanceof TapedeckError ? error : new ProtocolError(String(error)),
      });
    }
  }

  #leave(): void {
    const id = this.#id;
    if (id !== undefined) this.#connection.send("candles.unsubscribe", { id }, () => undefined);
    this.#detach?.();
    this.#id = undefined;
  }

  #set(status: CandleFeedStatus): void {
    this.#status = status;
    this.#listeners.each((listener) => listener());
  }
}

/** The same once; waits until the connection is open. */
export async function fetchCandles(connection: Connection, query: CandlesQuery): Promise<CandlePage> {
  await connection.opened();
  return decodeCandles(await connection.request("candles.subscribe", { id: connection.nextId(), ...query }));
}
