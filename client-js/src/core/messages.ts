/**
 * The messages of the protocol as this client reads them. A reader checks what it takes and
 * throws a ProtocolError; fields that it does not know are ignored.
 */
import { ProtocolError } from "./errors.js";
import { micros, type Micros } from "./time.js";

/** Any message, as decoded. */
export type Message = Readonly<Record<string, unknown>>;

/** Market seconds per wall second; `"max"` is as fast as the connection takes it. */
export type Speed = number | "max" | "-max";

/** What a step goes by: an instant that has ticks, a frame, or an interval such as `"1m"`. */
export type StepUnit = "tick" | "frame" | (string & {});

export interface Step {
  readonly unit: StepUnit;
  /** Negative against time. */
  readonly count: number;
}

export type ServerState = "paused" | "playing" | "buffering" | "ended" | "closed";

export interface Welcome {
  readonly server: string;
  readonly engine: string;
  readonly engineVersion: string;
  readonly tokenRequired: boolean;
  /** What this client may do; undefined until it has said who it is. */
  readonly role: string | undefined;
}

export interface SymbolInfo {
  readonly symbol: string;
  /** Time of the first tick, and of the last one + 1 µs. */
  readonly from: Micros;
  readonly to: Micros;
  readonly ticks: number;
  /** False where `ticks` is an estimate. */
  readonly exact: boolean;
}

export interface Opened {
  readonly from: Micros;
  readonly to: Micros;
}

/** Where a replay stands: part of `replay.opened`, of `ok` and of `replay.state`. */
export interface Standing {
  readonly epoch: number;
  readonly state: ServerState;
  readonly at: Micros;
  readonly speed: Speed;
  readonly reason: string | undefined;
  /** Of `ended`: the ticks sent in the epoch, per symbol. */
  readonly totals: readonly number[] | undefined;
}

/** A frame as it came; its columns are decoded when it is used. */
export interface WireFrame {
  readonly epoch: number;
  readonly seq: number;
  /** Wall microseconds of play since the epoch began. */
  readonly due: number;
  readonly span: readonly [Micros, Micros];
  readonly forward: boolean;
  readonly ticks: readonly Message[];
  readonly candles: readonly unknown[];
  /** Size of the message. */
  readonly bytes: number;
}

export function readWelcome(message: Message): Welcome {
  if (message["ev"] !== "welcome") throw wrong(message, "came where welcome was due");
  if (message["protocol"] !== 1) throw wrong(message, "is for another version of the protocol");
  const auth = message["auth"] === undefined ? {} : map(message, message["auth"]);
  return {
    server: String(message["server"] ?? ""),
    engine: String(message["engine"] ?? ""),
    engineVersion: String(message["engine_version"] ?? ""),
    tokenRequired: auth["required"] === true,
    role: typeof auth["role"] === "string" ? auth["role"] : undefined,
  };
}

export function readSymbols(message: Message): SymbolInfo[] {
  return list(message, "symbols").map((entry) => {
    const row = map(message, entry);
    return {
      symbol: text(row, "symbol"),
      from: time(row, "from"),
      to: time(row, "to"),
      ticks: number(row, "ticks"),
      exact: row["exact"] !== false,
    };
  });
}

export function readOpened(message: Message): Opened {
  return { from: time(message, "from"), to: time(message, "to") };
}

const STATES: ReadonlySet<unknown> = new Set<ServerState>([
  "paused", "playing", "buffering", "ended", "closed",
]);

export function readStanding(message: Message): Standing {
  const state = message["state"];
  if (!STATES.has(state)) throw wrong(message, `has the unknown state ${String(state)}`);
  const speed = message["speed"];
  const reason = message["reason"];
  return {
    epoch: number(message, "epoch"),
    state: state as ServerState,
    at: time(message, "at"),
    speed: speed === "max" || speed === "-max" ? speed : number(message, "speed"),
    reason: typeof reason === "string" ? reason : undefined,
    totals: readTotals(message),
  };
}

function readTotals(message: Message): readonly number[] | undefined {
  if (message["totals"] === undefined) return undefined;
  const ticks = list(map(message, message["totals"]), "ticks");
  if (ticks.every((count) => typeof count === "number")) return ticks;
  throw wrong(message, "has totals that are no numbers");
}

export function readFrame(message: Message, bytes: number): WireFrame {
  const [start, end] = list(message, "span");
  if (typeof start !== "number" || typeof end !== "number" || start > end) {
    throw wrong(message, "has no span [earlier, later]");
  }
  const ticks = message["ticks"] === undefined ? [] : list(message, "ticks");
  return {
    epoch: number(message, "epoch"),
    seq: number(message, "seq"),
    due: number(message, "due"),
    span: [micros(start), micros(end)],
    forward: message["dir"] !== -1,
    ticks: ticks.map((entry) => map(message, entry)),
    candles: message["candles"] === undefined ? [] : list(message, "candles"),
    bytes,
  };
}

export function number(message: Message, field: string): number {
  const value = message[field];
  if (typeof value === "number") return value;
  throw wrong(message, `needs a number in ${field}`);
}

export function numberOrNull(message: Message, field: string): number | null {
  const value = message[field];
  return value === null || value === undefined ? null : number(message, field);
}

export function time(message: Message, field: string): Micros {
  return micros(number(message, field));
}

export function text(message: Message, field: string): string {
  const value = message[field];
  if (typeof value === "string") return value;
  throw wrong(message, `needs a text in ${field}`);
}

export function list(message: Message, field: string): readonly unknown[] {
  const value = message[field];
  if (Array.isArray(value)) return value;
  throw wrong(message, `needs a list in ${field}`);
}

/** A decimal that stands alone: `[mantissa, exp]`, or null. */
export function decimal(message: Message, field: string): number | null {
  const value = message[field];
  if (value === null || value === undefined) return null;
  const [mantissa, exp] = Array.isArray(value) ? value : [];
  if (typeof mantissa === "number" && typeof exp === "number") return mantissa / 10 ** exp;
  throw wrong(message, `needs [mantissa, exp] in ${field}`);
}

export function map(message: Message, value: unknown): Message {
  if (isMap(value)) return value;
  throw wrong(message, "has something else where a map is due");
}

export function isMap(value: unknown): value is Message {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  );
}

function wrong(message: Message, what: string): ProtocolError {
  return new ProtocolError(`The server's ${String(message["ev"] ?? "message")} ${what}.`);
}
