/** A clock that only moves when told to, and a server at the other end of a fake socket. */
import { decode, encode } from "@msgpack/msgpack";
import type { Cancel, Clock, Message, OpenSocket, SocketEvents } from "../src/core/index.js";

export const PAINT_MS = 16;

interface Timer {
  readonly at: number;
  readonly run: () => void;
}

export class FakeClock implements Clock {
  hidden = false;
  #now = 0;
  #timers = new Set<Timer>();
  #frames = new Set<() => void>();

  /** Whether anybody waits for the next paint. */
  get awaitsPaint(): boolean {
    return this.#frames.size > 0;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): Cancel {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  nextFrame(run: () => void): Cancel {
    const frame = (): void => run();
    this.#frames.add(frame);
    return () => this.#frames.delete(frame);
  }

  /** Lets time pass a millisecond at a time, with a paint every `PAINT_MS` unless hidden. */
  advance(ms: number): void {
    for (let i = 0; i < ms; i++) {
      this.#now += 1;
      for (const timer of [...this.#timers]) {
        if (timer.at <= this.#now && this.#timers.delete(timer)) timer.run();
      }
      if (this.#now % PAINT_MS === 0 && !this.hidden) this.#paint();
    }
  }

  #paint(): void {
    const frames = [...this.#frames];
    this.#frames.clear();
    for (const frame of frames) frame();
  }
}

export const WELCOME: Message = {
  ev: "welcome",
  protocol: 1,
  server: "test",
  engine: "postgresql",
  engine_version: "15",
  auth: { required: false, role: "viewer" },
};

export class FakeServer {
  /** Every request since the last `take`, over all connections. */
  requests: Message[] = [];
  connections = 0;
  hungUp = false;
  #events: SocketEvents | undefined;

  readonly openSocket: OpenSocket = (_url, events) => {
    this.connections += 1;
    this.hungUp = false;
    this.#events = events;
    return {
      send: (bytes) => this.requests.push(decode(bytes) as Message),
      close: () => {
        this.hungUp = true;
      },
    };
  };

  welcome(changes: Message = {}): void {
    this.push({ ...WELCOME, ...changes });
  }

  push(message: unknown): void {
    const bytes = encode(message);
    this.raw(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  }

  raw(data: ArrayBuffer | string): void {
    this.#events?.message(data);
  }

  /** The connection ends with `code`. */
  close(code: number): void {
    this.#events?.close(code, "");
  }

  /** The requests with this `op`, oldest first. */
  asked(op: string): Message[] {
    return this.requests.filter((request) => request["op"] === op);
  }

  newest(op: string): Message {
    const request = this.asked(op).pop();
    if (!request) throw new Error(`nobody asked for ${op}`);
    return request;
  }

  /** Answers the newest request with this `op`. */
  answer(op: string, fields: Message): void {
    const { req, id } = this.newest(op);
    this.push({ ev: "ok", re: req, ...(id === undefined ? {} : { id }), ...fields });
  }
}
