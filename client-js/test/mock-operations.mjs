/** Storage and policies of the mock server: one made-up database, which operators can act on. */

/** @typedef {Record<string, unknown>} Message */
/** @typedef {{job_id: number, enabled: boolean, total_runs: number} & Message} MockPolicy */

const DAY = 86_400e6;
const GB = 1024 ** 3;
const RUN_MS = 20;

/** What a real server would have to say, on a day when not everything is well. */
export function demoReport() {
  const now = Date.now() * 1000;
  return {
    database_size_bytes: 3.2 * GB, database_size_pretty: "3277 MB", timestamp: now,
    tables: [
      table("tick_data", 31_104_000, 2.1 * GB, true, true),
      table("candle_1m", 129_600, 0.2 * GB, true, false),
      table("candle_1h", 2_160, 8 * 1024 ** 2, true, false),
      table("tapedeck.imports", 12, 32_768, false, true),
    ],
    compression: {
      tick_data: { total_chunks: 90, compressed_chunks: 60, compressed_size: 0.4 * GB, uncompressed_size: 5.2 * GB, compression_ratio: 13, overdue_chunks: 0 },
      candle_1m: { total_chunks: 9, compressed_chunks: 0, compressed_size: 0, uncompressed_size: 0, compression_ratio: null, overdue_chunks: 0 },
    },
    disk: { path: "/var/lib/postgresql/15/main", total_bytes: 200 * GB, free_bytes: 31 * GB },
    cache: { bytes: 96 * 1024 ** 2, budget_bytes: 256 * 1024 ** 2, blocks: 120, hits: 9_423, misses: 312 },
    alerts: [
      { kind: "disk", severity: "critical", subject: "disk", message: "The disk of the database is 84 % full.", since: now - DAY },
      { kind: "policy_failed", severity: "warning", subject: "candle_1h", message: "The last refresh failed: deadlock detected.", since: now - 5 * 60e6 },
    ],
    growth_bytes_per_day: 42 * 1024 ** 2, days_until_full: 755,
  };
}

export function demoHistory() {
  const today = Math.floor((Date.now() * 1000) / DAY) * DAY;
  return Array.from({ length: 30 }, (_, age) => ({
    sampled_at: today - age * DAY + 3 * 3600e6,
    total_bytes: Math.round(3.2 * GB - age * 42 * 1024 ** 2 - 9e6 * Math.sin(age)),
    table_sizes: { tick_data: Math.round(2.1 * GB - age * 40 * 1024 ** 2) },
  }));
}

/** @param {string} table_name @param {number} row_count @param {number} size_bytes @param {boolean} is_hypertable @param {boolean} exact */
function table(table_name, row_count, size_bytes, is_hypertable, exact) {
  return { table_name, row_count, size_bytes, size_pretty: "", is_hypertable, exact };
}

/** @returns {MockPolicy[]} */
export function demoPolicies() {
  const now = Date.now() * 1000;
  return [
    policy(1000, "compression", "tick_data", 43_200, { last_run_at: now - 3600e6, last_status: "ok", last_duration_ms: 812.5 }),
    policy(1001, "retention", "tick_data", 86_400, { enabled: false, next_run_at: null }),
    policy(1002, "refresh", "candle_1h", 3600, {
      last_run_at: now - 300e6, last_status: "failed", last_duration_ms: 93, last_error: "deadlock detected", total_failures: 2,
    }),
  ];
}

/** @param {number} job_id @param {string} kind @param {string} target @param {number} every @param {Message} rest @returns {MockPolicy} */
function policy(job_id, kind, target, every, rest) {
  return {
    job_id, kind, target, config: {}, schedule_interval_s: every, enabled: true, last_run_at: null, last_status: null,
    last_duration_ms: null, last_error: null, next_run_at: Date.now() * 1000 + every * 1e6, total_runs: 7, total_failures: 0, ...rest,
  };
}

export class MockOperations {
  report = demoReport();
  policies = demoPolicies();
  /** @type {Set<number>} */
  storageIds = new Set();
  /** @type {Set<number>} */
  policyIds = new Set();
  /** Jobs that run, and when they end. @type {Map<number, number>} */
  running = new Map();
  /** The policies are not as they were told last. */
  isNews = false;

  /** @param {string} role @param {(message: Message) => unknown} push @param {() => number} nowMs */
  constructor(role, push, nowMs) {
    this.role = role;
    this.push = push;
    this.nowMs = nowMs;
  }

  /** Every few milliseconds: pushes, never before the answer that they follow from. */
  pump() {
    for (const [job, until] of this.running) if (this.nowMs() >= until) this.end(job);
    if (!this.isNews) return;
    this.isNews = false;
    for (const id of this.policyIds) this.push(this.snapshot(id));
  }

  /** @param {Message} request @returns {Message | undefined} undefined: not one of ours */
  answerTo(request) {
    const id = Number(request["id"]);
    switch (request["op"]) {
      case "storage.subscribe":
        this.storageIds.add(id);
        return { ev: "storage.snapshot", id, ...this.report };
      case "storage.unsubscribe":
        return gone(this.storageIds.delete(id), id);
      case "storage.history":
        return { ev: "storage.history", samples: demoHistory().slice(0, Number(request["limit"] ?? 30)) };
      case "policies.subscribe":
        this.policyIds.add(id);
        return this.snapshot(id);
      case "policies.unsubscribe":
        return gone(this.policyIds.delete(id), id);
      case "policies.run":
      case "policies.pause":
      case "policies.resume":
        return this.act(String(request["op"]).slice("policies.".length), Number(request["job_id"]));
      default:
        return undefined;
    }
  }

  /** @param {number} id */
  snapshot(id) {
    const now = Date.now() * 1000;
    const aggregates = [
      { view: "candle_1m", watermark: now - 60e6, lag_s: 0 }, { view: "candle_1h", watermark: now - 7200e6, lag_s: 3600 },
    ];
    return { ev: "policies.snapshot", id, policies: this.policies, aggregates };
  }

  /** @param {string} action @param {number} job */
  act(action, job) {
    const found = this.policies.find(({ job_id }) => job_id === job);
    if (this.role !== "operator") return error("forbidden", "This needs the role operator.");
    if (!found) return error("not_found", `There is no policy ${job}.`);
    if (action === "run" && !found.enabled) return error("conflict", `Policy ${job} is paused.`);
    if (action === "run") this.running.set(job, this.nowMs() + RUN_MS);
    else found.enabled = action === "resume";
    this.isNews = true;
    return { ev: "ok" };
  }

  /** @param {number} job */
  end(job) {
    const now = Date.now() * 1000;
    const ran = { last_run_at: now, last_status: "ok", last_duration_ms: RUN_MS, last_error: null };
    this.running.delete(job);
    this.policies = this.policies.map((each) => (each.job_id === job ? { ...each, ...ran, total_runs: each.total_runs + 1 } : each));
    for (const id of this.policyIds) this.push({ ev: "policies.event", id, job_id: job, status: "ok" });
    this.isNews = true;
  }
}

/** @param {boolean} was @param {number} id */
function gone(was, id) {
  return was ? { ev: "ok", id } : error("not_found", "There is no such subscription.");
}

/** @param {string} code @param {string} message */
function error(code, message) {
  return { ev: "error", code, message };
}
