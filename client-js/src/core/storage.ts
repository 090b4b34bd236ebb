/** What the database holds, as it is told on `storage.subscribe`, and how that has grown. */
import type { Connection } from "./connection.js";
import type { Unsubscribe } from "./listeners.js";
import { isMap, list, map, number, numberOrNull, text, time, type Message } from "./messages.js";
import { Subscription, type FeedStatus } from "./subscription.js";
import type { Micros } from "./time.js";

export interface StoredTable {
  readonly name: string;
  readonly rows: number;
  /** False where `rows` is an estimate. */
  readonly exact: boolean;
  readonly bytes: number;
  readonly isHypertable: boolean;
}

export interface Compression {
  readonly table: string;
  readonly chunks: number;
  readonly compressedChunks: number;
  /** Bytes of the compressed chunks, before and now. */
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Before by after; null when nothing is compressed. */
  readonly ratio: number | null;
}

export interface Disk {
  readonly path: string;
  readonly totalBytes: number;
  readonly freeBytes: number;
}

export interface CacheUse {
  readonly bytes: number;
  readonly budgetBytes: number;
  readonly blocks: number;
  readonly hits: number;
  readonly misses: number;
}

export interface Alert {
  readonly kind: string;
  readonly severity: string;
  /** What it is about: a table, a policy, a disk. */
  readonly subject: string;
  readonly message: string;
  readonly since: Micros;
}

export interface StorageReport {
  readonly at: Micros;
  readonly databaseBytes: number;
  readonly tables: readonly StoredTable[];
  readonly compression: readonly Compression[];
  /** Null where the database is on another machine. */
  readonly disk: Disk | null;
  readonly cache: CacheUse | null;
  readonly alerts: readonly Alert[];
  /** Null while too little is known. */
  readonly growthBytesPerDay: number | null;
  readonly daysUntilFull: number | null;
}

export interface StorageSample {
  readonly at: Micros;
  readonly bytes: number;
}

/** The newest report, and every further one for as long as it lives. */
export class StorageFeed {
  readonly #subscription: Subscription;
  #report: StorageReport | undefined;

  /** `everySeconds`: 1 to 3 600; alerts come at once. */
  constructor(connection: Connection, everySeconds = 30) {
    this.#subscription = new Subscription(connection, {
      channel: "storage",
      fields: { every_s: everySeconds },
      receive: (message) => {
        if (message["ev"] === "storage.snapshot") this.#report = readStorage(message);
      },
    });
  }

  /** Undefined until the first came; stays while the connection is lost. */
  get report(): StorageReport | undefined {
    return this.#report;
  }

  get status(): FeedStatus {
    return this.#subscription.status;
  }

  /** Calls back after every change of `report` or `status`. */
  subscribe(listener: () => void): Unsubscribe {
    return this.#subscription.subscribe(listener);
  }

  destroy(): void {
    this.#subscription.destroy();
  }
}

/** Daily samples of the database's size, oldest first; waits until the connection is open. */
export async function fetchStorageHistory(connection: Connection, limit = 30): Promise<readonly StorageSample[]> {
  await connection.opened();
  const message = await connection.request("storage.history", { limit });
  return list(message, "samples")
    .map((entry) => {
      const sample = map(message, entry);
      return { at: time(sample, "sampled_at"), bytes: number(sample, "total_bytes") };
    })
    .sort((one, other) => one.at - other.at);
}

export function readStorage(message: Message): StorageReport {
  const compression = map(message, message["compression"] ?? {});
  return {
    at: time(message, "timestamp"),
    databaseBytes: number(message, "database_size_bytes"),
    tables: list(message, "tables").map((entry) => readTable(map(message, entry))),
    compression: Object.entries(compression).map(([table, entry]) => readCompression(table, map(message, entry))),
    disk: isMap(message["disk"]) ? readDisk(message["disk"]) : null,
    cache: isMap(message["cache"]) ? readCache(message["cache"]) : null,
    alerts: list(message, "alerts").map((entry) => readAlert(map(message, entry))),
    growthBytesPerDay: numberOrNull(message, "growth_bytes_per_day"),
    daysUntilFull: numberOrNull(message, "days_until_full"),
  };
}

function readTable(row: Message): StoredTable {
  return {
    name: text(row, "table_name"),
    rows: number(row, "row_count"),
    exact: row["exact"] === true,
    bytes: number(row, "size_bytes"),
    isHypertable: row["is_hypertable"] === true,
  };
}

function readCompression(table: string, row: Message): Compression {
  return {
    table,
    chunks: number(row, "total_chunks"),
    compressedChunks: number(row, "compressed_chunks"),
    bytesBefore: number(row, "uncompressed_size"),
    bytesAfter: number(row, "compressed_size"),
    ratio: numberOrNull(row, "compression_ratio"),
  };
}

function readDisk(row: Message): Disk {
  return { path: text(row, "path"), totalBytes: number(row, "total_bytes"), freeBytes: number(row, "free_bytes") };
}

function readCache(row: Message): CacheUse {
  return {
    bytes: number(row, "bytes"),
    budgetBytes: number(row, "budget_bytes"),
    blocks: number(row, "blocks"),
    hits: number(row, "hits"),
    misses: number(row, "misses"),
  };
}

function readAlert(row: Message): Alert {
  return {
    kind: text(row, "kind"),
    severity: text(row, "severity"),
    subject: text(row, "subject"),
    message: text(row, "message"),
    since: time(row, "since"),
  };
}
