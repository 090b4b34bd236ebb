/** Encodes columns as a server would, so that the client's decoding is exercised. */

/** @param {number[]} times */
export function timeColumn(times) {
  const [first = 0, last = first] = [times[0], times[times.length - 1]];
  // Backwards they come newest first.
  const base = Math.min(first, last);
  const span = Math.abs(last - first);
  if (span < 2 ** 32) return ["u32", base, 1, bytes(Uint32Array.from(times, (time) => time - base))];
  return ["i64", 0, bytes(BigInt64Array.from(times, (time) => BigInt(time)))];
}

/**
 * The smallest encoding that holds the mantissas.
 * @param {(number | null)[]} mantissas
 * @param {number} exp
 */
export function decimalColumn(mantissas, exp) {
  const known = mantissas.filter((mantissa) => mantissa !== null);
  if (known.length === 0) return ["const", null, 0];
  const base = known[0] ?? 0;
  const widest = known.reduce((most, mantissa) => Math.max(most, Math.abs(mantissa - base)), 0);
  if (widest === 0 && known.length === mantissas.length) return ["const", base, exp];
  if (widest < 2 ** 15) {
    return ["i16", base, exp, bytes(Int16Array.from(mantissas, (m) => (m === null ? -(2 ** 15) : m - base)))];
  }
  if (widest >= 2 ** 31) {
    return ["i64", exp, bytes(BigInt64Array.from(mantissas, (m) => (m === null ? -(2n ** 63n) : BigInt(m))))];
  }
  return ["i32", base, exp, bytes(Int32Array.from(mantissas, (m) => (m === null ? -(2 ** 31) : m - base)))];
}

/** @param {ArrayBufferView} array */
function bytes(array) {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
