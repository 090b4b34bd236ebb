/** Every control of a replay, in both directions, against the mock server over a line with delays. */
import { beforeEach, describe, expect, it } from "vitest";
import {
  bucketStart, Connection, micros, parseInterval, Replay,
  type DurationMicros, type Frame, type Micros, type ReplayOptions,
} from "../src/core/index.js";
import { FakeClock } from "./fakes.js";
import { makeSymbol } from "./mock-data.mjs";
import { MockLink } from "./mock-link.js";

const A = makeSymbol({ symbol: "A", price: 5_710_045, exp: 2, perSecond: 20, seconds: 100, seed: 1 });
const B = makeSymbol({ symbol: "B", price: 146_852, exp: 3, perSecond: 5, seconds: 100, seed: 2 });
const FROM = micros(Math.min(A.ticks[0]?.time ?? 0, B.ticks[0]?.time ?? 0));
const TO = micros(FROM + 90e6);
const MIDDLE = micros(FROM + 45_500_000);
/** Every instant that has ticks, in order. */
const INSTANTS = [...new Set([...A.ticks, ...B.ticks].map(({ time }) => time))].sort((a, b) => a - b);
const SECOND = parseInterval("1s") as DurationMicros;

let clock: FakeClock;
let link: MockLink;
let replay: Replay;
let used: Frame[];
let moves: Micros[];

function start(options: Partial<ReplayOptions> = {}): void {
  const connection = new Connection({ url: "ws://mock/ws", openSocket: link.openSocket, clock, random: () => 0 });
  replay = new Replay(connection, { symbols: ["A", "B"], from: FROM, to: TO, at: MIDDLE, ...options }, clock);
  replay.follow({ frames: (frames) => used.push(...frames), moved: (at) => moves.push(at) });
  clock.advance(100);
}

/** Times of the ticks of symbol 0, in the order in which they came. */
function times(frames: readonly Frame[] = used): number[] {
  return frames.flatMap(({ ticks }) => ticks.filter(({ symbol }) => symbol === 0).flatMap(({ time }) => [...time]));
}

function between(from: number, to: number): number[] {
  return A.ticks.map(({ time }) => time).filter((time) => time >= from && time < to);
}

beforeEach(() => {
  clock = new FakeClock();
  link = new MockLink(clock, [A, B], () => 15);
  used = [];
  moves = [];
});

describe("playing backwards", () => {
  it("takes back every tick, newest first", () => {
    start({ speed: -10, playing: true });
    clock.advance(5_000);
    expect(replay.status).toMatchObject({ state: "ended", error: undefined });
    expect(replay.at).toBe(FROM);
    expect(times()).toEqual(between(FROM, MIDDLE).reverse());
    expect(used.every(({ forward }) => !forward)).toBe(true);
  });

  it("begins at the end where nothing else is said", () => {
    start({ speed: "-max", at: undefined, playing: true });
    clock.advance(1_000);
    expect(moves).toEqual([TO]);
    expect(times()).toEqual(between(FROM, TO).reverse());
    expect(replay.status.totals?.[0]).toBe(between(FROM, TO).length);
  });

  it("begins again at the end when played at the start", () => {
    start({ speed: -20, at: FROM, playing: true });
    clock.advance(100);
    expect(replay.status.state).toBe("ended");
    replay.play();
    clock.advance(300);
    expect(moves).toEqual([FROM, TO]);
    expect(replay.status.state).toBe("playing");
  });

  it("turned round in flight, takes back exactly what was shown, from the edge that was shown", () => {
    start({ speed: 4, playing: true });
    clock.advance(2_000);
    const edge = replay.at;
    const shown = times();
    replay.setSpeed(-4);
    used = [];
    clock.advance(15);
    expect([replay.at, used]).toEqual([edge, []]);
    clock.advance(12_000);
    expect(link.asked("replay.speed")).toMatchObject([{ speed: -4, at: edge }]);
    expect(times().slice(0, shown.length)).toEqual([...shown].reverse());
    expect(moves).toEqual([MIDDLE]);
  });

  it("is continued where it was when the connection is lost", () => {
    start({ speed: -10, playing: true });
    for (const code of [1001, 1013, 1006]) {
      clock.advance(1_000);
      link.close(code);
    }
    clock.advance(10_000);
    expect(link.connections).toBe(4);
    expect(times()).toEqual(between(FROM, MIDDLE).reverse());
    expect(moves).toEqual([MIDDLE]);
  });
});

describe("stepping by ticks", () => {
  const ahead = INSTANTS.filter((time) => time >= MIDDLE);
  const behind = INSTANTS.filter((time) => time < MIDDLE).reverse();

  it("goes past the next instant, and stays there", () => {
    start();
    replay.step("tick", 1);
    clock.advance(200);
    expect(replay.at).toBe((ahead[0] ?? 0) + 1);
    expect(replay.status.state).toBe("paused");
    clock.advance(1_000);
    expect(replay.at).toBe((ahead[0] ?? 0) + 1);
  });

  it("goes back before the last instant", () => {
    start();
    replay.step("tick", -1);
    clock.advance(200);
    expect(replay.at).toBe(behind[0]);
    expect(used.map(({ forward }) => forward)).toEqual([false]);
  });

  it("goes as often as it was asked, however fast, in few requests", () => {
    start();
    for (let i = 0; i < 12; i++) {
      replay.step("tick", 1);
      clock.advance(2);
    }
    clock.advance(500);
    expect(replay.at).toBe((ahead[11] ?? 0) + 1);
    expect(link.asked("replay.step").length).toBeLessThan(6);
    for (let i = 0; i < 7; i++) {
      replay.step("tick", -1);
      clock.advance(33);
    }
    clock.advance(500);
    expect(replay.at).toBe(ahead[5]);
    expect(moves).toEqual([MIDDLE]);
  });

  it("comes to nothing when there are as many back as ahead", () => {
    start();
    replay.step("tick", 1);
    replay.step("tick", 1);
    replay.step("tick", -1);
    clock.advance(500);
    expect(link.asked("replay.step")).toHaveLength(1);
    expect(replay.at).toBe((ahead[0] ?? 0) + 1);
  });

  it("asks for nothing at the end of the range", () => {
    start({ at: TO });
    replay.step("tick", 1);
    clock.advance(200);
    expect(link.asked("replay.step")).toEqual([]);
    replay.step("tick", -1);
    clock.advance(200);
    expect(replay.at).toBe(INSTANTS.filter((time) => time < TO).pop());
  });
});

describe("stepping by an interval", () => {
  it("goes to its multiples, in both directions, from between them too", () => {
    start();
    const at: (number | undefined)[] = [];
    for (const count of [1, 2, -1, -4]) {
      replay.step("1s", count);
      clock.advance(300);
      at.push(replay.at);
    }
    const second = bucketStart(MIDDLE, SECOND);
    expect(at).toEqual([1e6, 3e6, 2e6, -2e6].map((away) => second + away));
    expect(times().slice(0, 1)).toEqual(between(MIDDLE, TO).slice(0, 1));
  });

  it("is limited by the range", () => {
    start();
    replay.step("1h", 1);
    clock.advance(300);
    expect(replay.at).toBe(TO);
    replay.step("1h", -1);
    clock.advance(300);
    expect(replay.at).toBe(FROM);
    expect(replay.status.state).toBe("paused");
  });

  it("starts, while it plays, at the edge that is shown, and pauses", () => {
    start({ speed: 3, playing: true });
    clock.advance(1_000);
    const edge = replay.at ?? FROM;
    replay.step("5s", 1);
    expect(replay.status.state).toBe("paused");
    clock.advance(300);
    expect(link.asked("replay.step")).toMatchObject([{ unit: "5s", count: 1, at: edge }]);
    expect(replay.at).toBe(bucketStart(edge, parseInterval("5s") as DurationMicros) + 5e6);
    expect(times()).toEqual(between(MIDDLE, replay.at ?? FROM));
  });

  it("is followed by play in the replay's own direction, without a jump", () => {
    start({ speed: -2 });
    replay.step("1s", 3);
    replay.play();
    clock.advance(400);
    const top = Math.max(...used.map(({ edge }) => edge));
    expect(top).toBe(bucketStart(MIDDLE, SECOND) + 3e6);
    clock.advance(1_000);
    expect(replay.at).toBeLessThan(top);
    expect(replay.status.state).toBe("playing");
    expect(moves).toEqual([MIDDLE]);
  });

  it("is made again when the connection is lost before it came", () => {
    start();
    replay.step("5s", 1);
    clock.advance(20);
    link.close(1006);
    clock.advance(3_000);
    expect(link.connections).toBe(2);
    expect(replay.at).toBe(bucketStart(MIDDLE, parseInterval("5s") as DurationMicros) + 5e6);
    expect(times()).toEqual(between(MIDDLE, replay.at ?? FROM));
  });

  it("gives way to a seek", () => {
    start();
    replay.step("1s", 1);
    replay.step("1m", 1);
    replay.seek(FROM);
    clock.advance(300);
    expect(replay.at).toBe(FROM);
    expect(link.asked("replay.step")).toHaveLength(1);
  });
});

describe("stepping by frames", () => {
  it("goes as far as a frame lasts", () => {
    start({ speed: -30, fps: 60 });
    replay.step("frame", 2);
    clock.advance(200);
    expect(replay.at).toBe(MIDDLE + 1e6);
    replay.step("frame", -1);
    clock.advance(200);
    expect(replay.at).toBe(MIDDLE + 5e5);
  });

  it("is refused at full speed, with words", () => {
    start({ speed: "max" });
    replay.step("frame", 1);
    clock.advance(200);
    expect(replay.status).toMatchObject({ state: "paused", error: { code: "bad_argument", op: "replay.step" } });
    expect(link.asked("replay.step")).toHaveLength(1);
    replay.step("tick", 1);
    clock.advance(200);
    expect(replay.status.error).toBeUndefined();
  });
});

describe("settings", () => {
  it("of frames a second change in flight, without an epoch", () => {
    start({ playing: true });
    clock.advance(1_000);
    replay.setFps(5);
    clock.advance(2_000);
    const { length } = used;
    clock.advance(1_000);
    expect(link.asked("replay.set")).toMatchObject([{ fps: 5 }]);
    expect(used.length - length).toBeLessThanOrEqual(6);
    expect(new Set(used.map(({ epoch }) => epoch)).size).toBe(1);
    expect(replay.status.fps).toBe(5);
  });

  it("may leave the ticks out; where they come again, the past breaks off", () => {
    start({ playing: true, speed: 5 });
    replay.setTicks(false);
    clock.advance(2_000);
    const { length } = times();
    clock.advance(500);
    expect(times()).toHaveLength(length);
    expect(moves).toEqual([MIDDLE]);
    replay.setTicks(true);
    clock.advance(2_000);
    const [, resumed = TO] = moves;
    expect(moves).toHaveLength(2);
    expect(times().slice(length)).toEqual(between(resumed, replay.at ?? FROM));
  });

  it("hold for a replay that is opened anew", () => {
    start();
    replay.setFps(10);
    replay.setTicks(false);
    clock.advance(200);
    link.close(1006);
    clock.advance(1_000);
    expect(link.asked("replay.open")).toHaveLength(2);
    expect(link.asked("replay.open")[1]).toMatchObject({ fps: 10, ticks: false });
  });
});
