import { beforeEach, describe, expect, it } from "vitest";
import { Backoff, mayReconnect } from "../src/core/backoff.js";
import { Connection, ConnectionError, listSymbols, ProtocolError, RequestError } from "../src/core/index.js";
import { FakeClock, FakeServer } from "./fakes.js";

let clock: FakeClock;
let server: FakeServer;

function connect(token?: string): Connection {
  const { openSocket } = server;
  return new Connection({
    url: "ws://test/ws", openSocket, clock, random: () => 1, ...(token === undefined ? {} : { token }),
  });
}

beforeEach(() => {
  clock = new FakeClock();
  server = new FakeServer();
});

describe("back-off", () => {
  it("doubles from a quarter of a second to fifteen seconds", () => {
    const backoff = new Backoff(() => 1);
    const delays = Array.from({ length: 8 }, () => backoff.next());
    expect(delays).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
    backoff.reset();
    expect(backoff.next()).toBe(250);
  });

  it("never waits less than half of that", () => {
    const backoff = new Backoff(() => 0);
    expect([backoff.next(), backoff.next()]).toEqual([125, 250]);
  });

  it.each([1000, 1001, 1006, 1011, 1013])("is for close code %i", (code) => {
    expect(mayReconnect(code)).toBe(true);
  });

  it.each([1002, 1007, 1009, 4401])("is not for close code %i", (code) => {
    expect(mayReconnect(code)).toBe(false);
  });
});

describe("a connection", () => {
  it("is open after the welcome, not before", () => {
    const connection = connect();
    expect(connection.status.state).toBe("connecting");
    server.welcome();
    expect(connection.status).toMatchObject({ state: "open", welcome: { engine: "postgresql" } });
  });

  it("does not open for another version of the protocol", () => {
    const connection = connect();
    server.welcome({ protocol: 2 });
    expect(connection.status.state).toBe("closed");
    expect(server.hungUp).toBe(true);
  });

  it("sends the token first where one is required", () => {
    const connection = connect("secret");
    server.welcome({ auth: { required: true } });
    expect(connection.status.state).toBe("connecting");
    expect(server.newest("auth")).toMatchObject({ token: "secret" });
    server.answer("auth", { role: "viewer" });
    expect(connection.status.state).toBe("open");
  });

  it("is closed for good when the token is refused", () => {
    const connection = connect("wrong");
    server.welcome({ auth: { required: true } });
    server.answer("auth", { ev: "error", code: "unauthorized", message: "The token is not valid." });
    expect(connection.status).toMatchObject({ state: "closed", error: { code: "unauthorized" } });
  });

  it("matches answers to requests in any order", async () => {
    const connection = connect();
    server.welcome();
    const [first, second] = [connection.request("one"), connection.request("two")];
    server.answer("two", { n: 2 });
    server.answer("one", { n: 1 });
    expect(await first).toMatchObject({ n: 1 });
    expect(await second).toMatchObject({ n: 2 });
  });

  it("rejects a request that the server refuses", async () => {
    const connection = connect();
    server.welcome();
    const request = connection.request("nonsense");
    server.answer("nonsense", { ev: "error", code: "unknown_op", message: "There is no nonsense." });
    await expect(request).rejects.toThrow(RequestError);
    await expect(request).rejects.toMatchObject({ code: "unknown_op", op: "nonsense" });
  });

  it("rejects what is asked while it is not open, and what was not answered when it is lost", async () => {
    const connection = connect();
    await expect(connection.request("early")).rejects.toThrow(ConnectionError);
    server.welcome();
    const request = connection.request("late");
    server.close(1006);
    await expect(request).rejects.toThrow(ConnectionError);
  });

  it("hands pushes to the owner of their id until it lets go", () => {
    const connection = connect();
    server.welcome();
    const seen: unknown[] = [];
    const detach = connection.attach(7, (message) => seen.push(message["n"]));
    server.push({ ev: "x", id: 7, n: 1 });
    server.push({ ev: "x", id: 8, n: 2 });
    detach();
    server.push({ ev: "x", id: 7, n: 3 });
    expect(seen).toEqual([1]);
  });

  it("comes back after a loss, later each time", () => {
    connect();
    for (const [wait, connections] of [[250, 2], [500, 3], [1_000, 4]] as const) {
      server.close(1006);
      clock.advance(wait - 1);
      expect(server.connections).toBe(connections - 1);
      clock.advance(1);
      expect(server.connections).toBe(connections);
    }
  });

  it("starts with short waits again only after it has held for a while", () => {
    const connection = connect();
    const loseAfter = (ms: number): void => {
      server.welcome();
      clock.advance(ms);
      server.close(1001);
    };
    loseAfter(10);
    clock.advance(250);
    loseAfter(10);
    expect(connection.status).toMatchObject({ state: "waiting", retryInMs: 500 });
    clock.advance(500);
    loseAfter(5_000);
    expect(connection.status).toMatchObject({ state: "waiting", retryInMs: 250 });
  });

  it("does not come back after a close that says it is to blame", () => {
    const connection = connect();
    server.welcome();
    server.push({ ev: "error", code: "bad_message", message: "Depth 9 is over 8." });
    server.close(1002);
    clock.advance(60_000);
    expect(server.connections).toBe(1);
    expect(connection.status).toMatchObject({ state: "closed", error: { closeCode: 1002 } });
    expect(connection.status).toHaveProperty("error.message", expect.stringContaining("Depth 9 is over 8."));
  });

  it("retries at once when told to", () => {
    const connection = connect();
    server.close(1006);
    connection.retryNow();
    expect(server.connections).toBe(2);
    clock.advance(1_000);
    expect(server.connections).toBe(2);
  });

  it("gives up an attempt that gets no welcome", () => {
    const connection = connect();
    clock.advance(10_000);
    expect(connection.status.state).toBe("waiting");
    expect(server.hungUp).toBe(true);
  });

  it("asks after ten seconds of silence, and hangs up after ten more", () => {
    const connection = connect();
    server.welcome();
    clock.advance(19_999);
    expect(server.asked("ping")).toHaveLength(1);
    expect(connection.status.state).toBe("open");
    clock.advance(1);
    expect(connection.status.state).toBe("waiting");
    expect(server.hungUp).toBe(true);
  });

  it("stays when its ping is answered", () => {
    const connection = connect();
    server.welcome();
    for (let i = 0; i < 5; i++) {
      clock.advance(12_500);
      server.answer("ping", { ev: "pong" });
    }
    expect(server.connections).toBe(1);
    expect(connection.status.state).toBe("open");
  });

  it.each([["text", "hello"], ["no map", new Uint8Array([0x93, 1, 2, 3]).buffer], ["half a message", new Uint8Array([0x81]).buffer]])(
    "is closed by %s from the server",
    (_name, data) => {
      const connection = connect();
      server.welcome();
      server.raw(data);
      expect(connection.status).toMatchObject({ state: "closed", error: expect.any(ProtocolError) as ProtocolError });
    },
  );

  it("ignores a socket that it gave up", () => {
    const connection = connect();
    clock.advance(10_000);
    server.welcome();
    expect(connection.status.state).toBe("waiting");
  });

  it("does nothing any more once destroyed", async () => {
    const connection = connect();
    const opened = connection.opened();
    connection.destroy();
    await expect(opened).rejects.toThrow(ConnectionError);
    clock.advance(60_000);
    expect(server.connections).toBe(1);
    expect(server.hungUp).toBe(true);
  });
});

describe("the list of symbols", () => {
  it("waits for the connection", async () => {
    const listed = listSymbols(connect(), { prefix: "B" });
    server.welcome();
    await Promise.resolve();
    expect(server.newest("symbols")).toMatchObject({ prefix: "B" });
    server.answer("symbols", { ev: "symbols", symbols: [{ symbol: "BTC", from: 1, to: 5, ticks: 4, exact: false }] });
    expect(await listed).toEqual([{ symbol: "BTC", from: 1, to: 5, ticks: 4, exact: false }]);
  });
});
