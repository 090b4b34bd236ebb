import { beforeEach, describe, expect, it } from "vitest";
import {
  Connection, micros, Replay,
  type Frame, type Message, type Micros, type ReplayOptions, type Snapshot, type Speed,
} from "../src/core/index.js";
import { FakeClock, FakeServer } from "./fakes.js";

const FROM = micros(1_000_000);
const TO = micros(61_000_000);
/** Market time and wall time of one frame at speed 1. */
const STEP = 20_000;

let clock: FakeClock;
let server: FakeServer;
let replay: Replay;
let used: Frame[];
let moves: Micros[];
let snapshots: Snapshot[];

function start(options: Partial<ReplayOptions> = {}): void {
  const connection = new Connection({ url: "ws://test/ws", openSocket: server.openSocket, clock, random: () => 1 });
  replay = new Replay(connection, { symbols: ["A", "B"], from: FROM, to: TO, ...options }, clock);
  replay.follow({
    frames: (frames) => used.push(...frames),
    moved: (at) => moves.push(at),
    snapshot: (snapshot) => snapshots.push(snapshot),
  });
}

function opened(epoch: number, changes: Message = {}): void {
  const { at, speed, state } = server.newest("replay.open");
  server.answer("replay.open", {
    ev: "replay.opened", epoch, symbols: ["A", "B"], from: FROM, to: TO, at: at ?? FROM, speed, state, ...changes,
  });
}

function startPlaying(options: Partial<ReplayOptions> = {}): void {
  start({ playing: true, ...options });
  server.welcome();
  opened(1);
}

/** Frames `first` to `last` of an epoch that began at `at`, each with one tick. */
function frames(epoch: number, first: number, last: number, at: Micros = FROM): void {
  const { id } = server.newest("replay.open");
  for (let seq = first; seq <= last; seq++) {
    const time = at + seq * STEP;
    server.push({
      ev: "replay.frame", id, epoch, seq, due: (seq + 1) * STEP, span: [time, time + STEP], dir: 1,
      ticks: [{
        symbol: 0, n: 1, time: ["u32", time, 1, new Uint8Array(4)], bid: ["const", null, 0],
        ask: ["const", null, 0], last: ["const", 100 + seq, 1], volume: ["const", 1, 0],
      }],
    });
  }
}

function state(epoch: number, name: string, changes: Message = {}): void {
  const { id } = server.newest("replay.open");
  server.push({ ev: "replay.state", id, epoch, state: name, at: FROM, speed: 1, ...changes });
}

function granted(op: string, epoch: number, at: number, name: string, speed: Speed = 1): void {
  server.answer(op, { epoch, at, state: name, speed });
}

function usedSeqs(): number[] {
  return used.map(({ seq }) => seq);
}

beforeEach(() => {
  clock = new FakeClock();
  server = new FakeServer();
  used = [];
  moves = [];
  snapshots = [];
});

describe("opening", () => {
  it("asks for range, symbols and acks, once the connection is open", () => {
    start({ speed: 10 });
    expect(server.requests).toEqual([]);
    expect(replay.status.state).toBe("connecting");
    server.welcome();
    expect(server.newest("replay.open")).toMatchObject({
      symbols: ["A", "B"], from: FROM, to: TO, speed: 10, state: "paused", flow: "ack",
    });
    opened(1);
    expect(replay.status).toMatchObject({ state: "paused", range: { from: FROM, to: TO }, speed: 10 });
    expect([replay.at, moves]).toEqual([FROM, [FROM]]);
  });

  it("fails when the server refuses, and says why", () => {
    start();
    server.welcome();
    server.answer("replay.open", { ev: "error", code: "not_found", message: "There is no symbol A." });
    expect(replay.status).toMatchObject({ state: "failed", error: { code: "not_found" } });
    replay.play();
    clock.advance(1_000);
    expect(server.asked("replay.play")).toEqual([]);
  });

  it("hands on the snapshot of its epoch, and no other", () => {
    start();
    server.welcome();
    opened(3);
    const { id } = server.newest("replay.open");
    const last = [{ symbol: 1, time: 5, bid: [12345, 2], ask: null, last: null }];
    server.push({ ev: "replay.snapshot", id, epoch: 2, seq: 0, at: FROM, candles: [], last: [] });
    server.push({ ev: "replay.snapshot", id, epoch: 3, seq: 0, at: FROM, candles: [], last });
    expect(snapshots).toEqual([{ epoch: 3, seq: 0, at: FROM, candles: [], last: [{ symbol: 1, time: 5, bid: 123.45, ask: null, last: null }] }]);
  });
});

describe("a snapshot", () => {
  it("is told between the frames that it lies between", () => {
    startPlaying();
    frames(1, 0, 9);
    const { id } = server.newest("replay.open");
    const told: (number | string)[] = [];
    replay.follow({
      frames: (run) => told.push(...run.map(({ seq }) => seq)),
      snapshot: ({ seq }) => told.push(`before ${seq}`),
    });
    server.push({ ev: "replay.snapshot", id, epoch: 1, seq: 4, at: FROM, candles: [], last: [] });
    clock.advance(500);
    expect(told).toEqual([0, 1, 2, 3, "before 4", 4, 5, 6, 7, 8, 9]);
  });
});

describe("playing", () => {
  it("uses frames when they fall due, with their ticks decoded", () => {
    startPlaying();
    frames(1, 0, 24);
    clock.advance(200);
    expect(used.length).toBeGreaterThanOrEqual(8);
    expect(used.length).toBeLessThanOrEqual(10);
    expect(used[3]?.ticks[0]).toMatchObject({ symbol: 0, count: 1, priceDecimals: 1 });
    expect([...(used[3]?.ticks[0]?.last ?? [])]).toEqual([10.3]);
    expect(replay.at).toBe(FROM + used.length * STEP);
    expect(replay.status.state).toBe("playing");
  });

  it("gives frames out once per paint, in order, none twice", () => {
    startPlaying();
    frames(1, 0, 49);
    clock.advance(2_000);
    expect(usedSeqs()).toEqual(Array.from({ length: 50 }, (_, seq) => seq));
  });

  it("discards frames of older epochs", () => {
    startPlaying();
    opened(1);
    replay.seek(micros(30_000_000));
    granted("replay.seek", 2, 30_000_000, "playing");
    frames(1, 0, 5);
    frames(2, 0, 2, micros(30_000_000));
    clock.advance(500);
    expect(used.map(({ epoch, seq }) => [epoch, seq])).toEqual([[2, 0], [2, 1], [2, 2]]);
  });

  it("fails on a gap in the frames rather than losing ticks in silence", () => {
    startPlaying();
    frames(1, 0, 1);
    frames(1, 3, 3);
    expect(replay.status.state).toBe("failed");
    expect(server.asked("replay.close")).toHaveLength(1);
  });

  it("fails on spans that do not lie side by side", () => {
    startPlaying();
    frames(1, 0, 1);
    const { id } = server.newest("replay.open");
    server.push({ ev: "replay.frame", id, epoch: 1, seq: 2, due: 0, span: [FROM + STEP, FROM + 2 * STEP], dir: 1 });
    expect(replay.status).toMatchObject({ state: "failed", error: { name: "ProtocolError" } });
  });

  it("fails when fewer ticks came than were sent in the epoch", () => {
    startPlaying();
    frames(1, 0, 9);
    state(1, "ended", { totals: { ticks: [10, 1] } });
    expect(replay.status).toMatchObject({ state: "failed", error: { name: "ProtocolError" } });
  });

  it("fails on a column that cannot be read, and the connection goes on", () => {
    startPlaying();
    const { id } = server.newest("replay.open");
    server.push({
      ev: "replay.frame", id, epoch: 1, seq: 0, due: 0, span: [FROM, FROM + 1], dir: 1,
      ticks: [{ symbol: 0, n: 2, time: ["u32", 0, 1, new Uint8Array(3)] }],
    });
    clock.advance(100);
    expect(replay.status).toMatchObject({ state: "failed", error: { name: "ProtocolError" } });
    expect(server.hungUp).toBe(false);
  });

  it("is buffering for the server's reason only when nothing is left to use", () => {
    startPlaying();
    frames(1, 0, 9);
    state(1, "buffering", { reason: "data" });
    expect(replay.status.state).toBe("playing");
    clock.advance(300);
    expect(replay.status).toMatchObject({ state: "buffering", reason: "data" });
    state(1, "playing");
    expect(replay.status).toMatchObject({ state: "playing", reason: undefined });
  });

  it("is buffering for the network when a playing server falls silent", () => {
    startPlaying();
    frames(1, 0, 0);
    clock.advance(1_900);
    expect(replay.status.state).toBe("playing");
    clock.advance(200);
    expect(replay.status).toMatchObject({ state: "buffering", reason: "network" });
  });

  it("has ended when the last frame has been used, not before", () => {
    startPlaying();
    frames(1, 0, 9);
    state(1, "ended", { totals: { ticks: [10, 0] } });
    expect(replay.status.state).toBe("playing");
    clock.advance(300);
    expect(replay.status).toMatchObject({ state: "ended", totals: [10, 0] });
    expect(used).toHaveLength(10);
  });

  it("starts again from the beginning when played after the end", () => {
    startPlaying({ at: TO });
    state(1, "ended");
    clock.advance(50);
    expect(replay.status.state).toBe("ended");
    replay.play();
    expect(server.newest("replay.seek")).toMatchObject({ to: FROM });
    granted("replay.seek", 2, FROM, "paused");
    expect(server.asked("replay.play")).toHaveLength(1);
    granted("replay.play", 2, FROM, "playing");
    expect(replay.status.state).toBe("playing");
  });
});

describe("acknowledging", () => {
  it("names frames that were used, several times per window", () => {
    startPlaying();
    frames(1, 0, 99);
    clock.advance(1_000);
    const acks = server.asked("replay.ack");
    expect(acks.length).toBeGreaterThanOrEqual(3);
    expect(acks.length).toBeLessThan(20);
    expect(acks.pop()?.["seq"]).toBeLessThanOrEqual(Math.max(...usedSeqs()));
  });

  it("stops while the page is hidden, and goes on without loss", () => {
    startPlaying();
    frames(1, 0, 99);
    clock.advance(200);
    server.requests = server.asked("replay.open");
    const before = used.length;
    clock.hidden = true;
    clock.advance(9_000);
    expect(server.asked("replay.ack")).toEqual([]);
    expect(used).toHaveLength(before);
    clock.hidden = false;
    clock.advance(300);
    expect(used.length).toBeLessThan(before + 40);
    clock.advance(2_000);
    expect(usedSeqs()).toEqual(Array.from({ length: 100 }, (_, seq) => seq));
    expect(server.newest("replay.ack")).toMatchObject({ epoch: 1, seq: 99 });
  });
});

describe("pausing", () => {
  it("stops at once, keeps what is here, and goes on with it", () => {
    startPlaying();
    frames(1, 0, 24);
    clock.advance(100);
    const before = used.length;
    replay.pause();
    expect(replay.status.state).toBe("paused");
    clock.advance(1_000);
    expect(used).toHaveLength(before);
    granted("replay.pause", 1, FROM, "paused");
    frames(1, 25, 30);
    replay.play();
    granted("replay.play", 1, FROM, "playing");
    clock.advance(1_000);
    expect(usedSeqs()).toEqual(Array.from({ length: 31 }, (_, seq) => seq));
  });

  it("settles on the last wish when toggled faster than the server answers", () => {
    startPlaying();
    replay.pause();
    replay.play();
    replay.pause();
    expect(server.asked("replay.pause")).toHaveLength(1);
    granted("replay.pause", 1, FROM, "paused");
    expect(server.asked("replay.play")).toHaveLength(0);
    replay.play();
    granted("replay.play", 1, FROM, "playing");
    expect(replay.status.state).toBe("playing");
  });

  it("does not ask again and again when the server will not play", () => {
    start();
    server.welcome();
    opened(1);
    replay.play();
    server.answer("replay.play", { ev: "error", code: "conflict", message: "The replay has ended." });
    expect(server.asked("replay.play")).toHaveLength(1);
    expect(replay.status.state).toBe("paused");
  });

  it("needs no request when the server has ended already", () => {
    startPlaying();
    frames(1, 0, 24);
    state(1, "ended");
    replay.pause();
    expect(replay.status.state).toBe("paused");
    expect(server.asked("replay.pause")).toEqual([]);
    replay.play();
    clock.advance(1_000);
    expect(used).toHaveLength(25);
    expect(replay.status.state).toBe("ended");
  });
});

describe("seeking", () => {
  it("uses nothing more of the old place, and tells where it is now", () => {
    startPlaying();
    frames(1, 0, 24);
    clock.advance(100);
    const before = used.length;
    replay.seek(micros(30_000_000));
    expect(replay.status.seekingTo).toBe(30_000_000);
    expect(replay.position).toBe(30_000_000);
    clock.advance(200);
    expect(used).toHaveLength(before);
    granted("replay.seek", 2, 30_000_000, "playing");
    expect(moves).toEqual([FROM, 30_000_000]);
    expect(replay.status.seekingTo).toBeUndefined();
  });

  it("sends one request at a time, and the newest place next", () => {
    startPlaying();
    for (const to of [10, 20, 30, 40]) replay.seek(micros(to * 1_000_000));
    expect(server.asked("replay.seek").map(({ to }) => to)).toEqual([10_000_000]);
    granted("replay.seek", 2, 10_000_000, "playing");
    frames(2, 0, 5, micros(10_000_000));
    clock.advance(100);
    expect(used).toEqual([]);
    expect(server.asked("replay.seek").map(({ to }) => to)).toEqual([10_000_000, 40_000_000]);
    granted("replay.seek", 3, 40_000_000, "playing");
    frames(3, 0, 0, micros(40_000_000));
    clock.advance(100);
    expect(used.map(({ epoch }) => epoch)).toEqual([3]);
  });

  it("stays within the range", () => {
    startPlaying();
    replay.seek(micros(0));
    expect(server.newest("replay.seek")["to"]).toBe(FROM);
  });

  it("goes on where it was when the server refuses, and says why", () => {
    startPlaying();
    frames(1, 0, 24);
    replay.seek(micros(30_000_000));
    server.answer("replay.seek", { ev: "error", code: "bad_argument", message: "Not there." });
    expect(replay.status).toMatchObject({ state: "playing", error: { code: "bad_argument" } });
    clock.advance(1_000);
    expect(used).toHaveLength(25);
  });
});

describe("changing the speed", () => {
  it("starts the new epoch at the edge of the last frame used, without a jump", () => {
    startPlaying();
    frames(1, 0, 24);
    clock.advance(100);
    const edge = replay.at;
    replay.setSpeed(10);
    expect(server.newest("replay.speed")).toMatchObject({ speed: 10, at: edge });
    clock.advance(100);
    expect(replay.at).toBe(edge);
    granted("replay.speed", 2, edge ?? 0, "playing", 10);
    expect(moves).toEqual([FROM]);
    frames(2, 0, 0, edge);
    clock.advance(100);
    expect(used[used.length - 1]).toMatchObject({ epoch: 2, seq: 0 });
  });

  it("leaves the end from the wish on: nobody sees it turn round as one that has ended", () => {
    startPlaying({ at: TO });
    state(1, "ended");
    expect(replay.status).toMatchObject({ state: "ended", speed: 1 });
    replay.setSpeed(-1);
    expect(replay.status).toMatchObject({ state: "paused", speed: -1, totals: undefined });
    replay.play();
    expect(replay.status).toMatchObject({ state: "playing", speed: -1, seekingTo: undefined });
    granted("replay.speed", 2, TO, "paused", -1);
    expect(server.asked("replay.play")).toHaveLength(1);
    granted("replay.play", 2, TO, "playing", -1);
    expect(replay.status.state).toBe("playing");
  });

  it("is at the end again when the server refuses to leave it", () => {
    startPlaying({ at: TO });
    state(1, "ended");
    replay.setSpeed(1e9);
    expect(replay.status.state).toBe("paused");
    server.answer("replay.speed", { ev: "error", code: "bad_argument", message: "Too fast." });
    expect(replay.status).toMatchObject({ state: "ended", speed: 1 });
  });

  it("at the end is followed by play, though another answer is waited for", () => {
    startPlaying({ at: TO });
    state(1, "ended");
    replay.setFps(30);
    replay.setSpeed(-1);
    replay.play();
    expect(replay.status.state).toBe("playing");
    granted("replay.set", 1, TO, "ended");
    granted("replay.speed", 2, TO, "paused", -1);
    expect(server.asked("replay.play")).toHaveLength(1);
    expect(server.asked("replay.seek")).toEqual([]);
  });

  it("takes the old speed back when the server refuses", () => {
    startPlaying();
    replay.setSpeed(1e9);
    server.answer("replay.speed", { ev: "error", code: "bad_argument", message: "Too fast." });
    expect(replay.status).toMatchObject({ speed: 1, error: { code: "bad_argument" } });
    expect(server.asked("replay.speed")).toHaveLength(1);
  });
});

describe("a lost connection", () => {
  it("is continued at the edge of the last frame used, as a continuation", () => {
    startPlaying();
    frames(1, 0, 24);
    clock.advance(100);
    server.close(1001);
    expect(replay.status.state).toBe("connecting");
    clock.advance(250);
    const edge = replay.at;
    const before = used.length;
    server.welcome();
    expect(server.asked("replay.open")).toHaveLength(2);
    expect(server.newest("replay.open")).toMatchObject({ at: edge, from: FROM, to: TO, state: "playing" });
    clock.advance(100);
    expect(used).toHaveLength(before);
    opened(1);
    expect(moves).toEqual([FROM]);
    frames(1, 0, 2, edge);
    clock.advance(100);
    expect(used[before]?.ticks[0]?.time[0]).toBe(edge);
  });

  it("keeps the end that was known when the range had none", () => {
    start({ to: undefined, playing: true });
    server.welcome();
    expect(server.newest("replay.open")).not.toHaveProperty("to");
    opened(1);
    server.close(1006);
    clock.advance(250);
    server.welcome();
    expect(server.newest("replay.open")).toMatchObject({ to: TO });
  });

  it("opens with wishes that were not answered", () => {
    startPlaying();
    replay.seek(micros(30_000_000));
    server.close(1006);
    replay.setSpeed(5);
    replay.pause();
    clock.advance(250);
    server.welcome();
    expect(server.newest("replay.open")).toMatchObject({ at: 30_000_000, speed: 5, state: "paused" });
    opened(1);
    expect(moves).toEqual([FROM, 30_000_000]);
    expect(replay.status.seekingTo).toBeUndefined();
  });

  it("does not take an answer of the old connection for one of the new", () => {
    startPlaying();
    server.close(1006);
    clock.advance(250);
    server.welcome();
    const [first, second] = server.asked("replay.open");
    expect(first?.["id"]).not.toBe(second?.["id"]);
    server.push({ ev: "replay.state", id: first?.["id"], epoch: 9, state: "ended", at: TO, speed: 1 });
    expect(replay.status.state).toBe("connecting");
  });
});

describe("the end of a replay", () => {
  it("is a failure when the server closes it or reports an error", () => {
    startPlaying();
    const { id } = server.newest("replay.open");
    server.push({ ev: "error", id, code: "internal", message: "The disk is gone." });
    expect(replay.status).toMatchObject({ state: "failed", error: { message: "The disk is gone." } });
  });

  it("by destroy closes it at the server, and nothing is heard or used any more", () => {
    startPlaying();
    frames(1, 0, 24);
    let changes = 0;
    replay.subscribe(() => (changes += 1));
    replay.destroy();
    expect(server.asked("replay.close")).toHaveLength(1);
    frames(1, 25, 30);
    clock.advance(1_000);
    server.close(1006);
    clock.advance(1_000);
    server.welcome();
    expect([used, changes]).toEqual([[], 0]);
    expect(server.asked("replay.open")).toHaveLength(1);
  });

  it("may be made by a follower over the frames that it gets", () => {
    startPlaying();
    frames(1, 0, 49);
    replay.follow({ frames: () => replay.destroy() });
    clock.advance(100);
    const before = used.length;
    expect(before).toBeGreaterThan(0);
    clock.advance(1_000);
    expect(used).toHaveLength(before);
    expect(server.asked("replay.ack")).toEqual([]);
    expect(server.asked("replay.close")).toHaveLength(1);
    expect(clock.awaitsPaint).toBe(false);
  });
});
