import { beforeEach, describe, expect, it } from "vitest";
import { Backoff, mayReconnect } from "../src/core/backoff.js";
import {
  Connection, ConnectionError, listSymbols, ProtocolError, RequestError, type TapedeckError, type TokenSupplier,
} from "../src/core/index.js";
import { FakeClock, FakeServer } from "./fakes.js";

let clock: FakeClock;
let server: FakeServer;

function connect(token?: string | TokenSupplier): Connection {
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

const WANTS_TOKEN = { auth: { required: true, role: null } } as const;
const REFUSED = { ev: "error", code: "unauthorized", message: "The token is not valid." } as const;

/** Tokens that are given when a test says so, and what was said of the ones before. */
class Asked {
  readonly refused: (TapedeckError | undefined)[] = [];
  #settle: { resolve: (token: string) => void; reject: (error: Error) => void } | undefined;

  readonly supply: TokenSupplier = (refused) => {
    this.refused.push(refused);
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
  };

  async give(token: string): Promise<void> {
    this.#settle?.resolve(token);
    await settled();
  }

  async refuse(): Promise<void> {
    this.#settle?.reject(new Error("nobody is here"));
    await settled();
  }
}

async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await Promise.resolve();
}

describe("a token", () => {
  it("is not asked for where none is required, or where the upgrade has proven enough", () => {
    const asked = new Asked();
    const connection = connect(asked.supply);
    server.welcome();
    expect(connection.status.state).toBe("open");
    connect(asked.supply);
    server.welcome({ auth: { required: true, role: "writer" } });
    expect(asked.refused).toEqual([]);
    expect(server.asked("auth")).toEqual([]);
  });

  it("that is missing closes the connection for good", () => {
    const connection = connect();
    server.welcome(WANTS_TOKEN);
    clock.advance(60_000);
    expect(server.connections).toBe(1);
    expect(connection.status).toMatchObject({ state: "closed", error: { code: "unauthorized" } });
  });

  it("may be looked for as long as it takes", async () => {
    const asked = new Asked();
    const connection = connect(asked.supply);
    server.welcome(WANTS_TOKEN);
    await settled();
    clock.advance(50_000);
    expect(connection.status.state).toBe("connecting");
    await asked.give("found");
    expect(server.newest("auth")).toMatchObject({ token: "found" });
    server.answer("auth", { role: "viewer" });
    expect(connection.status.state).toBe("open");
  });

  it("that is found after the server has hung up is sent over a new connection", async () => {
    const asked = new Asked();
    const connection = connect(asked.supply);
    server.welcome(WANTS_TOKEN);
    await settled();
    server.close(4401);
    clock.advance(60_000);
    expect(server.connections).toBe(1);
    await asked.give("found");
    expect(server.connections).toBe(2);
    server.welcome(WANTS_TOKEN);
    expect(server.newest("auth")).toMatchObject({ token: "found" });
    server.answer("auth", { role: "viewer" });
    expect(connection.status.state).toBe("open");
    expect(asked.refused).toEqual([undefined]);
  });

  it("that is refused is asked for again, with what was wrong", async () => {
    const asked = new Asked();
    const connection = connect(asked.supply);
    server.welcome(WANTS_TOKEN);
    await asked.give("wrong");
    server.answer("auth", REFUSED);
    await settled();
    expect(asked.refused).toMatchObject([undefined, { message: "The token is not valid." }]);
    await asked.give("right");
    server.answer("auth", { role: "writer" });
    expect(connection.status).toMatchObject({ state: "open", welcome: { role: "writer" } });
    expect(server.connections).toBe(1);
  });

  it("is kept over a loss, and renewed when it has expired", async () => {
    const asked = new Asked();
    const connection = connect(asked.supply);
    server.welcome(WANTS_TOKEN);
    await asked.give("first");
    server.answer("auth", { role: "viewer" });
    server.close(1006);
    clock.advance(250);
    server.welcome(WANTS_TOKEN);
    expect(server.newest("auth")).toMatchObject({ token: "first" });
    server.answer("auth", { role: "viewer" });
    server.push({ ev: "error", code: "unauthorized", message: "The token has expired." });
    server.close(4401);
    expect(connection.status).toMatchObject({ state: "waiting" });
    clock.advance(1_000);
    server.welcome(WANTS_TOKEN);
    await settled();
    expect(asked.refused[1]?.message).toContain("has expired");
    await asked.give("second");
    expect(server.newest("auth")).toMatchObject({ token: "second" });
    server.answer("auth", { role: "viewer" });
    expect(connection.status.state).toBe("open");
  });

  it("that is a plain text is not tried again when it has expired", () => {
    const connection = connect("only");
    server.welcome(WANTS_TOKEN);
    server.answer("auth", { role: "viewer" });
    server.close(4401);
    clock.advance(60_000);
    expect(connection.status).toMatchObject({ state: "closed", error: { closeCode: 4401 } });
  });

  it("is tried later when there were too many wrong ones", () => {
    const connection = connect("good");
    server.welcome(WANTS_TOKEN);
    server.answer("auth", { ev: "error", code: "limit", message: "Too many wrong tokens." });
    expect(connection.status).toMatchObject({ state: "waiting" });
    clock.advance(1_000);
    server.welcome(WANTS_TOKEN);
    expect(server.newest("auth")).toMatchObject({ token: "good" });
  });

  it("that nobody gives closes the connection for good", async () => {
    const asked = new Asked();
    const connection = connect(asked.supply);
    server.welcome(WANTS_TOKEN);
    await settled();
    await asked.refuse();
    expect(connection.status).toMatchObject({ state: "closed", error: { closeCode: 4401 } });
  });

  it("that comes after the end changes nothing", async () => {
    const asked = new Asked();
    const connection = connect(asked.supply);
    server.welcome(WANTS_TOKEN);
    await settled();
    connection.destroy();
    await asked.give("late");
    expect(connection.status.state).toBe("closed");
    expect(server.connections).toBe(1);
    expect(server.asked("auth")).toEqual([]);
  });
});
