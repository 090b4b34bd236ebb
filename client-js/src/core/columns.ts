/**
 * Columns: the wire's arrays of numbers, decoded into Float64Array. A null becomes NaN.
 *
 * A value is mantissa / 10^exp. Both sides of that division are exact doubles, so the result is
 * the double nearest to the decimal: the same one that `Number("123.45")` gives.
 */
import { ProtocolError } from "./errors.js";

export interface Column {
  readonly values: Float64Array;
  /** Decimals that the column was sent with: enough to print every value of it exactly. */
  readonly exp: number;
}

/** The payload: raw bytes in a binary message, plain numbers in a JSON one. */
type Payload = Uint8Array | readonly unknown[];

const MAX_EXP = 8;
const I16_NULL = -(2 ** 15);
const I32_NULL = -(2 ** 31);
/** High words between these belong to mantissas that a double holds exactly (±2^53). */
const EXACT_HIGH = 2 ** 21;

/** Decodes a column of `n` rows in whichever encoding it came. */
export function decodeColumn(column: unknown, n: number): Column {
  if (!Array.isArray(column)) throw broken("is no array");
  const parts: readonly unknown[] = column;
  switch (parts[0]) {
    case "u32":
      return { values: decodeU32(integer(parts[1]), integer(parts[2]), payload(parts[3]), n), exp: 0 };
    case "i16":
    case "i32": {
      const exp = exponent(parts[2]);
      const offsets = parts[0] === "i16" ? offsets16(parts[3], n) : offsets32(parts[3], n);
      return { values: addOffsets(integer(parts[1]), exp, offsets), exp };
    }
    case "i64": {
      const exp = exponent(parts[1]);
      return { values: decodeI64(exp, payload(parts[2]), n), exp };
    }
    case "const": {
      const exp = exponent(parts[2]);
      const value = parts[1] === null ? NaN : integer(parts[1]) / 10 ** exp;
      return { values: new Float64Array(n).fill(value), exp };
    }
    case "text":
      return decodeTexts(parts[1], n);
    default:
      throw broken(`has the unknown encoding ${String(parts[0])}`);
  }
}

function decodeU32(base: number, mul: number, bin: Payload, n: number): Float64Array {
  const source = isBytes(bin) ? new Uint32Array(...view(bin, n, 4)) : numbers(bin, n, NaN);
  const values = new Float64Array(n);
  for (let i = 0; i < n; i++) values[i] = base + mul * (source[i] as number);
  return values;
}

interface Offsets {
  readonly source: Int16Array | Int32Array | Float64Array;
  /** The offset that stands for null. */
  readonly empty: number;
}

function offsets16(raw: unknown, n: number): Offsets {
  const bin = payload(raw);
  const source = isBytes(bin) ? new Int16Array(...view(bin, n, 2)) : numbers(bin, n, I16_NULL);
  return { source, empty: I16_NULL };
}

function offsets32(raw: unknown, n: number): Offsets {
  const bin = payload(raw);
  const source = isBytes(bin) ? new Int32Array(...view(bin, n, 4)) : numbers(bin, n, I32_NULL);
  return { source, empty: I32_NULL };
}

function addOffsets(base: number, exp: number, { source, empty }: Offsets): Float64Array {
  const scale = 10 ** exp;
  const values = new Float64Array(source.length);
  for (let i = 0; i < source.length; i++) {
    const offset = source[i] as number;
    values[i] = offset === empty ? NaN : (base + offset) / scale;
  }
  return values;
}

function decodeI64(exp: number, bin: Payload, n: number): Float64Array {
  const scale = 10 ** exp;
  if (!isBytes(bin)) return numbers(bin, n, NaN).map((mantissa) => mantissa / scale);
  // Two 32-bit halves, because BigInt64Array would allocate a BigInt a row.
  const halves = new Uint32Array(...view(bin, 2 * n, 4));
  const values = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const low = halves[2 * i] as number;
    const high = (halves[2 * i + 1] as number) | 0;
    if (high >= -EXACT_HIGH && high < EXACT_HIGH) values[i] = (high * 2 ** 32 + low) / scale;
    else values[i] = hugeI64(high, low, exp);
  }
  return values;
}

/** Beyond ±2^53, where dividing would round twice; through text it is rounded once. */
function hugeI64(high: number, low: number, exp: number): number {
  if (high === I32_NULL && low === 0) return NaN;
  return Number(`${(BigInt(high) << 32n) | BigInt(low)}e-${exp}`);
}

/** Sums that pass 64 bits. */
function decodeTexts(raw: unknown, n: number): Column {
  const list: readonly unknown[] = Array.isArray(raw) ? raw : [];
  if (list.length !== n) throw broken(`has ${list.length} rows where ${n} are due`);
  const values = Float64Array.from(list, (value) => (value === null ? NaN : parseDecimal(value)));
  const decimals = list.map((value) => (typeof value === "string" ? (value.split(".")[1] ?? "").length : 0));
  return { values, exp: decimals.reduce((most, count) => Math.max(most, count), 0) };
}

function parseDecimal(value: unknown): number {
  if (typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value)) return Number(value);
  throw broken(`has ${String(value)} where a decimal is due`);
}

function isBytes(bin: Payload): bin is Uint8Array {
  return bin instanceof Uint8Array;
}

/**
 * Arguments for a typed array over `count` elements of the payload: a view when the bytes happen
 * to lie aligned (a msgpack bin may begin anywhere), else a copy. Little-endian, as are all
 * machines that run browsers.
 */
function view(bin: Uint8Array, count: number, size: 2 | 4): [ArrayBufferLike, number, number] {
  if (bin.byteLength !== count * size) {
    throw broken(`has ${bin.byteLength} bytes where ${count * size} are due`);
  }
  if (bin.byteOffset % size === 0) return [bin.buffer, bin.byteOffset, count];
  return [new Uint8Array(bin).buffer, 0, count];
}

function numbers(list: readonly unknown[], n: number, empty: number): Float64Array {
  if (list.length !== n) throw broken(`has ${list.length} rows where ${n} are due`);
  const values = new Float64Array(n);
  for (let i = 0; i < n; i++) values[i] = list[i] === null ? empty : integer(list[i]);
  return values;
}

function payload(value: unknown): Payload {
  if (value instanceof Uint8Array || Array.isArray(value)) return value;
  throw broken("has no payload");
}

function integer(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value)) return value;
  throw broken(`has ${String(value)} where an integer is due`);
}

function exponent(value: unknown): number {
  const exp = integer(value);
  if (exp < 0 || exp > MAX_EXP) throw broken(`has the exponent ${exp}, not 0 to ${MAX_EXP}`);
  return exp;
}

function broken(what: string): ProtocolError {
  return new ProtocolError(`A column ${what}.`);
}
