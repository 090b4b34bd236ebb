/** A random walk over the transport of a real server, without a browser, on the real clock. */
import WebSocket from "ws";
import { Connection, listSymbols, micros, Replay, type Clock, type Micros, type OpenSocket } from "../src/core/index.js";
import { Oracle, type OracleTick } from "./oracle.js";
import { Walk } from "./walk.js";

/** Of the data's beginning. */
const MINUTES = 40;
const FRAME_MS = 10;

const clock: Clock = {
  now: () => performance.now(),
  after(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  nextFrame(run) {
    return clock.after(FRAME_MS, run);
  },
};

/** All ticks of the walk are remembered, so that the whole picture can be compared. */
const LIMITS = { few: 2 ** 17, enough: 2 ** 17, remembered: 2 ** 18 };

/** Plays so many random things through, looking at the picture after each; gives what it did. */
export async function walkThrough(url: string, seed: number, actions: number): Promise<readonly string[]> {
  const sockets: WebSocket[] = [];
  const connection = connectTo(url, sockets);
  const [first] = await listSymbols(connection);
  if (!first) throw new Error("there are no symbols");
  const { symbol, from: earliest } = first;
  const end = micros(earliest + MINUTES * 60e6);
  const walk = new Walk({
    connection, clock, seed,
    symbols: [symbol],
    oracles: [new Oracle(await readTicks(connection, symbol, earliest, end))],
    from: micros(earliest + 300e6),
    to: micros(end - 60e6),
    earliest,
    span: 300e6,
    limits: LIMITS,
    lose: () => sockets[sockets.length - 1]?.terminate(),
  });
  for (let i = 0; i < actions; i++) {
    await wait(walk.random() ** 2 * 200);
    walk.expectNothingWrong();
    walk.act();
  }
  walk.replay.pause();
  while (!walk.rests) await wait(FRAME_MS);
  walk.expectAllThere();
  connection.destroy();
  return walk.said;
}

/** `sockets`: takes every socket that is opened. */
export function connectTo(url: string, sockets: WebSocket[] = []): Connection {
  const socketUrl = new URL("ws", url.replace("http", "ws")).href;
  return new Connection({ url: socketUrl, clock, openSocket: through(sockets) });
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => clock.after(ms, resolve));
}

function through(sockets: WebSocket[]): OpenSocket {
  return (url, events) => {
    const socket = new WebSocket(url, "tapedeck.v1.msgpack");
    sockets.push(socket);
    socket.binaryType = "arraybuffer";
    socket.on("message", (bytes) => events.message(bytes as ArrayBuffer));
    socket.on("close", (code, reason) => events.close(code, String(reason)));
    // A close follows.
    socket.on("error", () => undefined);
    return {
      send: (bytes) => {
        if (socket.readyState === WebSocket.OPEN) socket.send(bytes);
      },
      close: () => socket.close(),
    };
  };
}

/** Forwards, in one go: the order that everything else has to agree with. */
export function readTicks(connection: Connection, symbol: string, from: Micros, to: Micros): Promise<readonly OracleTick[]> {
  const read: OracleTick[] = [];
  return new Promise((resolve, reject) => {
    const replay = new Replay(connection, { symbols: [symbol], from, to, speed: "max", playing: true }, clock);
    replay.follow({
      frames(frames) {
        for (const { time, bid, ask, last, volume, count } of frames.flatMap(({ ticks }) => ticks)) {
          for (let i = 0; i < count; i++) {
            const value = (column: Float64Array): number => column[i] as number;
            read.push({ time: value(time), bid: value(bid), ask: value(ask), last: value(last), volume: value(volume) });
          }
        }
      },
    });
    replay.subscribe(() => {
      if (replay.status.state === "failed") reject(replay.status.error);
      if (replay.status.state !== "ended") return;
      replay.destroy();
      resolve(read);
    });
  });
}
