/**
 * The mock server at the other end of a slow line, in one process and on one fake clock: messages
 * keep their order in each direction, and take as long as `delay` says.
 */
import { decode } from "@msgpack/msgpack";
import type { Message, OpenSocket, SocketEvents } from "../src/core/index.js";
import type { FakeClock } from "./fakes.js";
import type { MockSymbol } from "./mock-data.mjs";
import { MockPeer } from "./mock-peer.mjs";

const PUMP_EVERY_MS = 4;

export class MockLink {
  /** Every request that arrived, over all connections. */
  readonly requests: Message[] = [];
  connections = 0;
  /** What the clients may do. */
  role = "operator";
  /** The server's end of the newest connection. */
  peer: MockPeer | undefined;
  #events: SocketEvents | undefined;
  readonly #clock: FakeClock;
  readonly #symbols: readonly MockSymbol[];
  readonly #delay: () => number;

  constructor(clock: FakeClock, symbols: readonly MockSymbol[], delay: () => number = () => 1) {
    this.#clock = clock;
    this.#symbols = symbols;
    this.#delay = delay;
  }

  readonly openSocket: OpenSocket = (_url, events) => {
    this.connections += 1;
    this.#events = events;
    let open = true;
    const down = this.#line((bytes) => open && events.message(bytes.slice().buffer));
    const peer = new MockPeer([...this.#symbols], down, () => this.#clock.now(), { role: this.role });
    this.peer = peer;
    const up = this.#line((bytes) => {
      if (!open) return;
      this.requests.push(decode(bytes) as Message);
      peer.receive(bytes);
    });
    const pump = (): void => {
      if (!open) return;
      peer.pump();
      this.#clock.after(PUMP_EVERY_MS, pump);
    };
    pump();
    return { send: up, close: () => (open = false) };
  };

  /** The requests with this `op`, oldest first. */
  asked(op: string): readonly Message[] {
    return this.requests.filter((request) => request["op"] === op);
  }

  /** The line breaks: what is on the way is lost. */
  close(code: number): void {
    this.#events?.close(code, "");
  }

  /** Carries bytes in their order, each with its delay. */
  #line(deliver: (bytes: Uint8Array) => void): (bytes: Uint8Array) => void {
    let free = 0;
    return (bytes) => {
      const at = Math.max(free, this.#clock.now() + this.#delay());
      free = at;
      this.#clock.after(at - this.#clock.now(), () => deliver(bytes));
    };
  }
}
