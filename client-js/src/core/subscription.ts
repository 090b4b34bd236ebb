/**
 * One subscription, kept through lost connections: asks for it whenever the connection opens, hands
 * over the answer and every push, and lets go of it at the end. What feeds have in common.
 */
import type { Connection } from "./connection.js";
import { ConnectionError, ProtocolError, TapedeckError } from "./errors.js";
import { Listeners, type Unsubscribe } from "./listeners.js";
import type { Message } from "./messages.js";

export type FeedStatus =
  | { readonly state: "connecting" | "live" }
  | { readonly state: "failed"; readonly error: TapedeckError };

export interface SubscriptionOptions {
  /** `"candles"` for `candles.subscribe` and `candles.unsubscribe`. */
  readonly channel: string;
  /** What the request says besides the id. */
  readonly fields: Message;
  /** Takes an answer or a push; what it throws ends the subscription. */
  readonly receive: (message: Message) => void;
}

export class Subscription {
  readonly #connection: Connection;
  readonly #options: SubscriptionOptions;
  readonly #listeners = new Listeners<() => void>();
  readonly #unsubscribe: Unsubscribe;
  #id: number | undefined;
  #detach: Unsubscribe | undefined;
  #status: FeedStatus = { state: "connecting" };

  constructor(connection: Connection, options: SubscriptionOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#unsubscribe = connection.subscribe(() => this.#onConnection());
    this.#onConnection();
  }

  get status(): FeedStatus {
    return this.#status;
  }

  /** Calls back after everything that was received, and after every change of `status`. */
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
    const { channel, fields } = this.#options;
    const id = this.#connection.nextId();
    this.#id = id;
    this.#detach = this.#connection.attach(id, (message) => this.#guard(() => this.#receive(message)));
    this.#connection.send(`${channel}.subscribe`, { ...fields, id }, (answer) => {
      if (this.#id !== id || answer instanceof ConnectionError) return;
      this.#guard(() => {
        if (answer instanceof TapedeckError) throw answer;
        this.#receive(answer);
      });
    });
  }

  #receive(message: Message): void {
    if (message["ev"] === "error") throw new TapedeckError(String(message["message"]));
    this.#options.receive(message);
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
    if (id !== undefined) this.#connection.send(`${this.#options.channel}.unsubscribe`, { id }, () => undefined);
    this.#detach?.();
    this.#id = undefined;
  }

  #set(status: FeedStatus): void {
    this.#status = status;
    this.#listeners.each((listener) => listener());
  }
}
