/** The database's background jobs, as they are told on `policies.subscribe`, and what operators do. */
import type { Connection } from "./connection.js";
import { Listeners, type Unsubscribe } from "./listeners.js";
import { list, map, number, numberOrNull, text, type Message } from "./messages.js";
import { Subscription, type FeedStatus } from "./subscription.js";
import { micros, type Micros } from "./time.js";

export type PolicyOutcome = "ok" | "failed" | "running";

export interface Policy {
  readonly job: number;
  /** `compression`, `retention`, `refresh`, `sample` or `other`. */
  readonly kind: string;
  readonly target: string;
  readonly everySeconds: number;
  readonly enabled: boolean;
  readonly config: Message;
  /** Null: it never ran. */
  readonly lastOutcome: PolicyOutcome | null;
  readonly lastRunAt: Micros | null;
  readonly lastMillis: number | null;
  readonly lastError: string | null;
  readonly nextRunAt: Micros | null;
  readonly runs: number;
  readonly failures: number;
}

export interface Aggregate {
  readonly view: string;
  /** Candles before it are stored; null: none is. */
  readonly watermark: Micros | null;
  readonly lagSeconds: number | null;
}

export interface PolicyEvent {
  readonly job: number;
  readonly outcome: PolicyOutcome;
  readonly error: string | undefined;
}

export type PolicyAction = "run" | "pause" | "resume";

/** All policies, and every run of one that begins or ends while it lives. */
export class PolicyFeed {
  readonly #connection: Connection;
  readonly #subscription: Subscription;
  readonly #events = new Listeners<(event: PolicyEvent) => void>();
  #policies: readonly Policy[] | undefined;
  #aggregates: readonly Aggregate[] = [];

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#subscription = new Subscription(connection, {
      channel: "policies",
      fields: {},
      receive: (message) => this.#receive(message),
    });
  }

  /** Undefined until they were told; stay while the connection is lost. */
  get policies(): readonly Policy[] | undefined {
    return this.#policies;
  }

  get aggregates(): readonly Aggregate[] {
    return this.#aggregates;
  }

  get status(): FeedStatus {
    return this.#subscription.status;
  }

  /** Calls back after every change of `policies`, `aggregates` or `status`. */
  subscribe(listener: () => void): Unsubscribe {
    return this.#subscription.subscribe(listener);
  }

  onEvent(listener: (event: PolicyEvent) => void): Unsubscribe {
    return this.#events.add(listener);
  }

  /** For operators; rejects with a RequestError for others, and where it cannot be done. */
  async act(action: PolicyAction, job: number): Promise<void> {
    await this.#connection.request(`policies.${action}`, { job_id: job });
  }

  destroy(): void {
    this.#events.clear();
    this.#subscription.destroy();
  }

  #receive(message: Message): void {
    if (message["ev"] === "policies.snapshot") {
      this.#policies = list(message, "policies").map((entry) => readPolicy(map(message, entry)));
      this.#aggregates = list(message, "aggregates").map((entry) => readAggregate(map(message, entry)));
    } else if (message["ev"] === "policies.event") {
      const event = readEvent(message);
      this.#events.each((listener) => listener(event));
    }
  }
}

function readPolicy(row: Message): Policy {
  return {
    job: number(row, "job_id"),
    kind: text(row, "kind"),
    target: text(row, "target"),
    everySeconds: number(row, "schedule_interval_s"),
    enabled: row["enabled"] === true,
    config: map(row, row["config"] ?? {}),
    lastOutcome: readOutcome(row["last_status"]),
    lastRunAt: timeOrNull(row, "last_run_at"),
    lastMillis: numberOrNull(row, "last_duration_ms"),
    lastError: row["last_error"] == null ? null : text(row, "last_error"),
    nextRunAt: timeOrNull(row, "next_run_at"),
    runs: number(row, "total_runs"),
    failures: number(row, "total_failures"),
  };
}

function readAggregate(row: Message): Aggregate {
  return { view: text(row, "view"), watermark: timeOrNull(row, "watermark"), lagSeconds: numberOrNull(row, "lag_s") };
}

function readEvent(message: Message): PolicyEvent {
  const { error } = message;
  return {
    job: number(message, "job_id"),
    outcome: readOutcome(message["status"]) ?? "ok",
    error: typeof error === "string" ? error : undefined,
  };
}

/** A status that this version does not know is none. */
function readOutcome(value: unknown): PolicyOutcome | null {
  return value === "ok" || value === "failed" || value === "running" ? value : null;
}

function timeOrNull(row: Message, field: string): Micros | null {
  const value = numberOrNull(row, field);
  return value === null ? null : micros(value);
}
