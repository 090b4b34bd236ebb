/** Storage and policies: read, followed through lost connections, acted on. */
import { beforeEach, describe, expect, it } from "vitest";
import {
  Connection, fetchStorageHistory, PolicyFeed, StorageFeed, type PolicyEvent,
} from "../src/core/index.js";
import { readStorage } from "../src/core/storage.js";
import { Operations } from "../app/model/operations.js";
import { formatBytes, formatSpan, formatWhen } from "../app/model/words.js";
import { FakeClock } from "./fakes.js";
import { MockLink } from "./mock-link.js";
import { demoReport } from "./mock-operations.mjs";

describe("over the mock's line", () => {
  let clock: FakeClock;
  let link: MockLink;
  let connection: Connection;

  function connect(role: string): void {
    clock = new FakeClock();
    link = new MockLink(clock, []);
    link.role = role;
    connection = new Connection({ url: "ws://mock/ws", openSocket: link.openSocket, clock, random: () => 0 });
    clock.advance(20);
  }

  beforeEach(() => connect("operator"));

  /** Lets what waits be sent, the answers come, and who waited for them go on. */
  async function settle(ms = 10): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    clock.advance(ms);
    await new Promise((resolve) => setImmediate(resolve));
  }

  it("storage is told at once, as often as asked for, and again after a lost connection", () => {
    const feed = new StorageFeed(connection, 5);
    expect([feed.status.state, feed.report]).toEqual(["connecting", undefined]);
    clock.advance(10);
    expect(feed.status.state).toBe("live");
    expect(feed.report?.tables.map(({ name, exact }) => [name, exact])).toContainEqual(["candle_1m", false]);
    expect(link.asked("storage.subscribe")[0]).toMatchObject({ every_s: 5 });
    link.close(1006);
    expect([feed.status.state, feed.report?.databaseBytes]).toEqual(["connecting", demoReport().database_size_bytes]);
    clock.advance(1_000);
    expect([feed.status.state, link.asked("storage.subscribe").length]).toEqual(["live", 2]);
    feed.destroy();
    clock.advance(10);
    expect(link.asked("storage.unsubscribe")).toHaveLength(1);
  });

  it("history comes oldest first", async () => {
    const history = fetchStorageHistory(connection, 7);
    await settle();
    const samples = await history;
    expect(samples).toHaveLength(7);
    expect(samples.map(({ at }) => at)).toEqual(samples.map(({ at }) => at).sort((one, other) => one - other));
  });

  it("a run of a policy is told as an event, and in the next snapshot", async () => {
    const feed = new PolicyFeed(connection);
    const events: PolicyEvent[] = [];
    feed.onEvent((event) => events.push(event));
    clock.advance(10);
    const runs = (): number | undefined => feed.policies?.find(({ job }) => job === 1002)?.runs;
    const before = runs() ?? NaN;
    const acted = feed.act("run", 1002);
    await settle(100);
    await acted;
    expect(events).toEqual([{ job: 1002, outcome: "ok", error: undefined }]);
    expect(runs()).toBe(before + 1);
    expect(feed.aggregates.map(({ lagSeconds }) => lagSeconds)).toEqual([0, 3600]);
  });

  it("a policy is paused and resumed, and a paused one does not run", async () => {
    const feed = new PolicyFeed(connection);
    clock.advance(10);
    const enabled = (): boolean | undefined => feed.policies?.find(({ job }) => job === 1000)?.enabled;
    for (const [action, then] of [["pause", false], ["resume", true]] as const) {
      const acted = feed.act(action, 1000);
      await settle();
      await acted;
      expect(enabled()).toBe(then);
    }
    const refused = expect(feed.act("run", 1001)).rejects.toMatchObject({ code: "conflict" });
    await settle();
    await refused;
  });

  it("who is no operator may look, and hears why he may not act", async () => {
    connect("viewer");
    const operations = new Operations(connection);
    const unwatch = operations.watch();
    await settle();
    expect(operations.state.policies).toHaveLength(3);
    expect(operations.state.history.length).toBeGreaterThan(1);
    const acted = operations.act("run", 1000);
    await settle();
    await acted;
    expect(operations.state.problem).toMatchObject({ code: "forbidden" });
    unwatch();
    expect(operations.state.problem).toBeUndefined();
    operations.destroy();
    clock.advance(10);
    expect([link.asked("policies.unsubscribe").length, link.asked("storage.unsubscribe").length]).toEqual([1, 1]);
  });
});

describe("a report", () => {
  const message = { ev: "storage.snapshot", ...demoReport() };

  it("may have no disk, no ratio and no growth", () => {
    const report = readStorage({ ...message, disk: null, growth_bytes_per_day: null, days_until_full: null });
    expect([report.disk, report.growthBytesPerDay, report.daysUntilFull]).toEqual([null, null, null]);
    expect(report.compression.map(({ ratio }) => ratio)).toEqual([13, null]);
  });

  it.each(["tables", "alerts", "timestamp", "database_size_bytes"])("without %s is none", (field) => {
    expect(() => readStorage({ ...message, [field]: undefined })).toThrow(field);
  });
});

describe("words", () => {
  it.each([[0, "0 B"], [1023, "1023 B"], [1536, "1.5 kB"], [200 * 1024 ** 3, "200 GB"], [-1536, "-1.5 kB"]])(
    "%d bytes are %s", (bytes, words) => expect(formatBytes(bytes).replace("\u202f", " ")).toBe(words),
  );

  it.each([[0, "0 s"], [59, "59 s"], [60, "1 min"], [5400, "2 h"], [86_400, "1 d"]])(
    "%d seconds are %s", (seconds, words) => expect(formatSpan(seconds).replace("\u202f", " ")).toBe(words),
  );

  it.each([[0, "now"], [-61_000, "1 min ago"], [7_200_000, "in 2 h"]])(
    "%d ms from now is %s", (ms, words) => expect(formatWhen(1e12 + ms, 1e12).replace("\u202f", " ")).toBe(words),
  );
});
