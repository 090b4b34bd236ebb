/**
 * What the operations panel shows: the database's size, its policies and what is wrong with them.
 * Alerts are followed all the time; policies and history only while the panel is open.
 */
import {
  fetchStorageHistory, Listeners, PolicyFeed, StorageFeed, TapedeckError,
  type Aggregate, type Connection, type Policy, type PolicyAction, type PolicyEvent, type StorageReport,
  type StorageSample, type Unsubscribe,
} from "../../src/core/index.js";

const STORAGE_EVERY_SECONDS = 30;
const HISTORY_DAYS = 90;
const MAX_EVENTS = 50;

export interface SeenEvent extends PolicyEvent {
  readonly number: number;
  /** Milliseconds since the Unix epoch, by this page's clock. */
  readonly seenAt: number;
}

export interface OperationsState {
  readonly report: StorageReport | undefined;
  readonly history: readonly StorageSample[];
  readonly policies: readonly Policy[] | undefined;
  readonly aggregates: readonly Aggregate[];
  /** Newest first. */
  readonly events: readonly SeenEvent[];
  /** What the server had against the last thing that was asked of it. */
  readonly problem: TapedeckError | undefined;
}

export class Operations {
  readonly #connection: Connection;
  readonly #storage: StorageFeed;
  readonly #listeners = new Listeners<() => void>();
  #policies: PolicyFeed | undefined;
  #eventCount = 0;
  #state: OperationsState = {
    report: undefined,
    history: [],
    policies: undefined,
    aggregates: [],
    events: [],
    problem: undefined,
  };

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#storage = new StorageFeed(connection, STORAGE_EVERY_SECONDS);
    this.#storage.subscribe(() => this.#onStorage(this.#storage));
  }

  get state(): OperationsState {
    return this.#state;
  }

  subscribe = (listener: () => void): Unsubscribe => this.#listeners.add(listener);

  /** The panel is open; call the result when it closes. */
  watch = (): Unsubscribe => {
    const policies = new PolicyFeed(this.#connection);
    this.#policies = policies;
    policies.subscribe(() => this.#onPolicies(policies));
    policies.onEvent((event) => this.#note(event));
    void this.#loadHistory();
    return () => {
      policies.destroy();
      if (this.#policies === policies) this.#policies = undefined;
      this.#set({ problem: undefined });
    };
  };

  async act(action: PolicyAction, job: number): Promise<void> {
    await this.#try(async () => this.#policies?.act(action, job));
  }

  destroy(): void {
    this.#storage.destroy();
    this.#policies?.destroy();
    this.#listeners.clear();
  }

  async #loadHistory(): Promise<void> {
    await this.#try(async () => this.#set({ history: await fetchStorageHistory(this.#connection, HISTORY_DAYS) }));
  }

  async #try(run: () => Promise<unknown>): Promise<void> {
    try {
      await run();
      this.#set({ problem: undefined });
    } catch (error) {
      // A lost connection shows by itself.
      if (this.#connection.status.state === "open") this.#set({ problem: asError(error) });
    }
  }

  #onStorage({ report, status }: StorageFeed): void {
    this.#set({ report, ...(status.state === "failed" ? { problem: status.error } : {}) });
  }

  #onPolicies({ policies, aggregates, status }: PolicyFeed): void {
    this.#set({ policies, aggregates, ...(status.state === "failed" ? { problem: status.error } : {}) });
  }

  #note(event: PolicyEvent): void {
    this.#eventCount += 1;
    const seen = { ...event, number: this.#eventCount, seenAt: Date.now() };
    this.#set({ events: [seen, ...this.#state.events].slice(0, MAX_EVENTS) });
  }

  #set(changes: Partial<OperationsState>): void {
    this.#state = { ...this.#state, ...changes };
    this.#listeners.each((listener) => listener());
  }
}

function asError(error: unknown): TapedeckError {
  return error instanceof TapedeckError ? error : new TapedeckError(String(error));
}
