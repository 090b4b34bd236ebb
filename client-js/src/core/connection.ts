/**
 * One WebSocket to a tapedeck server, kept up: it connects again with back-off when the
 * connection is lost, matches answers to requests, and hands pushes to whoever owns their id.
 *
 *   connecting ──welcome (auth ok)──▶ open ──lost──▶ waiting ──▶ connecting
 *       └──────────────lost──────────────────────────▲   closed: for good, with the error
 *
 * A token that is asked for by a function may take as long as a person needs to find it: it stays
 * connecting, and connects anew if the server has hung up meanwhile. When the server refuses a token,
 * or hangs up because it has expired, the function is asked for another.
 */
import { Decoder } from "@msgpack/msgpack";
import { Backoff, mayReconnect } from "./backoff.js";
import { browserClock, type Cancel, type Clock } from "./clock.js";
import { ConnectionError, ProtocolError, RequestError, TapedeckError } from "./errors.js";
import { Listeners, type Unsubscribe } from "./listeners.js";
import { isMap, readWelcome, type Message, type Welcome } from "./messages.js";
import { encodeRequest, openBrowserSocket, type OpenSocket, type Socket } from "./socket.js";

/** No welcome within this: give the attempt up. */
const CONNECT_TIMEOUT_MS = 10_000;
/** Silence after which we ask whether the server is still there, and how long it may take. */
const PING_AFTER_MS = 10_000;
const PONG_WITHIN_MS = 10_000;
const HEARTBEAT_MS = 2_500;
/** A connection that lived this long was a good one: the next loss starts with a short delay. */
const STABLE_AFTER_MS = 5_000;
/** The close code of a token that has expired, or was revoked. */
const UNAUTHORIZED = 4401;

export interface ConnectionOptions {
  /** `ws://` or `wss://`. */
  readonly url: string;
  /** Sent after the welcome of a server that requires one. */
  readonly token?: string | TokenSupplier;
  readonly openSocket?: OpenSocket;
  readonly clock?: Clock;
  readonly random?: () => number;
}

/**
 * Called when a server requires a token; `refused` says what was wrong with the one before. When it
 * rejects, the connection is closed for good.
 */
export type TokenSupplier = (refused: TapedeckError | undefined) => string | Promise<string>;

export type ConnectionStatus =
  /** `error`: what ended the connection before, if there was one. */
  | { readonly state: "connecting"; readonly error: TapedeckError | undefined }
  | { readonly state: "open"; readonly welcome: Welcome }
  | { readonly state: "waiting"; readonly retryInMs: number; readonly error: TapedeckError }
  | { readonly state: "closed"; readonly error: TapedeckError };

export type Answer = (answer: Message | TapedeckError) => void;

/** Takes the pushes of one id; `bytes` is the size of the message. */
export type Receiver = (message: Message, bytes: number) => void;

interface Pending {
  readonly op: string;
  readonly answer: Answer;
}

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #clock: Clock;
  readonly #openSocket: OpenSocket;
  readonly #backoff: Backoff;
  readonly #decoder = new Decoder();
  readonly #listeners = new Listeners<() => void>();
  readonly #pending = new Map<number, Pending>();
  readonly #receivers = new Map<number, Receiver>();
  #status: ConnectionStatus = { state: "connecting", error: undefined };
  #socket: Socket | undefined;
  #cancelTimer: Cancel | undefined;
  #lastRequest = 0;
  #lastId = 0;
  #openedAt: number | undefined;
  #heardAt = 0;
  #pingedAt: number | undefined;
  /** What the server complained about just before it hung up. */
  #complaint: string | undefined;
  /** The token in use; undefined until one is known, and after it was refused. */
  #token: string | undefined;
  /** What was wrong with the token before. */
  #refused: TapedeckError | undefined;
  /** A supplier is thinking. */
  #fetching = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? browserClock;
    this.#openSocket = options.openSocket ?? openBrowserSocket;
    this.#backoff = new Backoff(options.random);
    if (typeof options.token === "string") this.#token = options.token;
    this.#connect();
  }

  get status(): ConnectionStatus {
    return this.#status;
  }

  /** Calls back after every change of `status`. */
  subscribe(listener: () => void): Unsubscribe {
    return this.#listeners.add(listener);
  }

  /** Resolves when the connection is open, rejects when it is closed for good. */
  opened(): Promise<Welcome> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        if (this.#status.state === "open") resolve(this.#status.welcome);
        else if (this.#status.state === "closed") reject(this.#status.error);
        else return;
        unsubscribe();
      };
      const unsubscribe = this.subscribe(settle);
      settle();
    });
  }

  /** An id that no replay and no subscription of this connection has had. */
  nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }

  /** Hands the pushes that carry `id` to `receiver`. */
  attach(id: number, receiver: Receiver): Unsubscribe {
    this.#receivers.set(id, receiver);
    return () => {
      this.#receivers.delete(id);
    };
  }

  request(op: string, fields: Message = {}): Promise<Message> {
    return new Promise((resolve, reject) => {
      this.send(op, fields, (answer) => {
        if (answer instanceof TapedeckError) reject(answer);
        else resolve(answer);
      });
    });
  }

  /**
   * The same with a callback, which has run before any later message is looked at: what an answer
   * says holds for the pushes behind it.
   */
  send(op: string, fields: Message, answer: Answer): void {
    if (this.#status.state === "open") this.#ask(op, fields, answer);
    else answer(new ConnectionError("There is no connection to the server right now."));
  }

  /** Sends what has no answer. Dropped while there is no connection. */
  tell(op: string, fields: Message): void {
    if (this.#status.state === "open") this.#socket?.send(encodeRequest({ op, ...fields }));
  }

  /** Ends the wait for the next attempt. */
  retryNow(): void {
    if (this.#status.state === "waiting") this.#connect();
  }

  destroy(): void {
    this.#drop({ state: "closed", error: new ConnectionError("The connection was closed.", 1000) });
    this.#listeners.clear();
    this.#receivers.clear();
  }

  #connect(): void {
    this.#complaint = undefined;
    this.#openedAt = undefined;
    const error = this.#status.state === "waiting" ? this.#status.error : undefined;
    this.#setStatus({ state: "connecting", error });
    this.#startTimer(CONNECT_TIMEOUT_MS, () => this.#lose(1006, "no welcome came in time"));
    // Events of a socket that was given up must not reach its successor.
    let current = true;
    const socket = this.#openSocket(this.#options.url, {
      message: (data) => current && this.#receive(data),
      close: (code, reason) => current && this.#lose(code, reason),
    });
    this.#socket = {
      send: (bytes) => socket.send(bytes),
      close: () => {
        current = false;
        socket.close();
      },
    };
  }

  #receive(data: ArrayBuffer | string): void {
    this.#heardAt = this.#clock.now();
    try {
      if (typeof data === "string") throw new ProtocolError("The server sent text.");
      const message = this.#decoder.decode(new Uint8Array(data));
      if (!isMap(message)) throw new ProtocolError("The server sent a message that is no map.");
      this.#dispatch(message, data.byteLength);
    } catch (error) {
      this.#drop({ state: "closed", error: asProtocolError(error) });
    }
  }

  #dispatch(message: Message, bytes: number): void {
    const re = message["re"];
    const id = message["id"];
    if (typeof re === "number") this.#settle(re, message);
    else if (message["ev"] === "welcome") this.#greet(readWelcome(message));
    else if (typeof id === "number") this.#receivers.get(id)?.(message, bytes);
    else if (message["ev"] === "error") this.#complaint = String(message["message"]);
  }

  #settle(re: number, message: Message): void {
    const pending = this.#pending.get(re);
    if (!pending) return;
    this.#pending.delete(re);
    if (message["ev"] !== "error") pending.answer(message);
    else pending.answer(new RequestError(pending.op, String(message["code"]), String(message["message"])));
  }

  #greet(welcome: Welcome): void {
    if (!welcome.tokenRequired || welcome.role !== undefined) this.#open(welcome);
    else if (this.#token !== undefined) this.#prove(this.#token, welcome);
    else this.#fetchToken(welcome);
  }

  #prove(token: string, welcome: Welcome): void {
    this.#startTimer(CONNECT_TIMEOUT_MS, () => this.#lose(1006, "auth was not answered in time"));
    this.#ask("auth", { token }, (answer) => {
      if (!(answer instanceof TapedeckError)) {
        this.#refused = undefined;
        this.#open({ ...welcome, role: String(answer["role"]) });
      } else if (answer instanceof RequestError) this.#refuse(answer, welcome);
    });
  }

  #refuse(error: RequestError, welcome: Welcome): void {
    if (error.code === "limit") return this.#lose(1013, error.message);
    this.#token = undefined;
    this.#refused = error;
    this.#fetchToken(welcome);
  }

  #fetchToken(welcome: Welcome): void {
    const { token: supply } = this.#options;
    if (typeof supply !== "function") {
      const error = this.#refused ?? new RequestError("auth", "unauthorized", "The server requires a token.");
      return this.#drop({ state: "closed", error });
    }
    const socket = this.#socket;
    this.#cancelTimer?.();
    this.#fetching = true;
    const fetched = new Promise<string>((resolve) => resolve(supply(this.#refused)));
    fetched.then(
      (token) => this.#takeToken(token, socket, welcome),
      (error: unknown) => this.#giveUp(error),
    );
  }

  #takeToken(token: string, socket: Socket | undefined, welcome: Welcome): void {
    this.#fetching = false;
    if (this.#status.state === "closed") return;
    this.#token = token;
    if (socket !== undefined && this.#socket === socket) this.#prove(token, welcome);
    else this.#connect();
  }

  #giveUp(error: unknown): void {
    this.#fetching = false;
    if (this.#status.state === "closed") return;
    const known = error instanceof TapedeckError ? error : new ConnectionError(`There is no token: ${String(error)}.`, 4401);
    this.#drop({ state: "closed", error: known });
  }

  #open(welcome: Welcome): void {
    this.#openedAt = this.#clock.now();
    this.#pingedAt = undefined;
    this.#startTimer(HEARTBEAT_MS, () => this.#heartbeat());
    this.#setStatus({ state: "open", welcome });
  }

  #ask(op: string, fields: Message, answer: Answer): void {
    this.#lastRequest += 1;
    this.#pending.set(this.#lastRequest, { op, answer });
    this.#socket?.send(encodeRequest({ op, req: this.#lastRequest, ...fields }));
  }

  /**
   * Browsers do not show the WebSocket's own pings, so we ask ourselves. Timers of hidden pages
   * may run once a minute only: what counts is an unanswered ping, not the silence.
   */
  #heartbeat(): void {
    const now = this.#clock.now();
    const waiting = this.#pingedAt !== undefined && this.#heardAt < this.#pingedAt;
    if (waiting && now - (this.#pingedAt ?? now) >= PONG_WITHIN_MS) {
      this.#lose(1006, "the server does not answer");
      return;
    }
    if (!waiting && now - this.#heardAt >= PING_AFTER_MS) {
      this.#pingedAt = now;
      this.#ask("ping", {}, () => undefined);
    }
    this.#startTimer(HEARTBEAT_MS, () => this.#heartbeat());
  }

  #lose(code: number, reason: string): void {
    const why = this.#complaint ?? reason;
    const text = `The connection was lost${why ? `: ${why}` : ""}.`;
    const error = new ConnectionError(text, code);
    if (this.#fetching) {
      // Whoever looks for a token need not hurry: there is a new connection once it is found.
      this.#socket?.close();
      this.#socket = undefined;
      return;
    }
    const isRenewable = code === UNAUTHORIZED && typeof this.#options.token === "function";
    if (isRenewable) {
      this.#token = undefined;
      this.#refused = error;
    } else if (!mayReconnect(code)) {
      this.#drop({ state: "closed", error });
      return;
    }
    const now = this.#clock.now();
    if (this.#openedAt !== undefined && now - this.#openedAt >= STABLE_AFTER_MS) {
      this.#backoff.reset();
    }
    const retryInMs = this.#backoff.next();
    this.#drop({ state: "waiting", retryInMs, error });
    this.#startTimer(retryInMs, () => this.#connect());
  }

  /** Lets go of the socket; everything that waits for an answer hears that none will come. */
  #drop(status: Extract<ConnectionStatus, { state: "waiting" | "closed" }>): void {
    this.#cancelTimer?.();
    this.#socket?.close();
    this.#socket = undefined;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    this.#setStatus(status);
    for (const { answer } of pending) answer(status.error);
  }

  #startTimer(ms: number, run: () => void): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#clock.after(ms, run);
  }

  #setStatus(status: ConnectionStatus): void {
    this.#status = status;
    this.#listeners.each((listener) => listener());
  }
}

function asProtocolError(error: unknown): TapedeckError {
  if (error instanceof TapedeckError) return error;
  return new ProtocolError(`The server sent what cannot be read (${String(error)}).`);
}
