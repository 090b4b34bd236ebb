import { encode, decode } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import { decodeColumn, ProtocolError } from "../src/core/index.js";

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

const u32 = (...raw: number[]): Uint8Array => bytesOf(Uint32Array.from(raw));
const i16 = (...raw: number[]): Uint8Array => bytesOf(Int16Array.from(raw));
const i32 = (...raw: number[]): Uint8Array => bytesOf(Int32Array.from(raw));
const i64 = (...raw: bigint[]): Uint8Array => bytesOf(BigInt64Array.from(raw));

function values(column: unknown, n: number): number[] {
  return [...decodeColumn(column, n).values];
}

const TIME = 1_723_109_400_000_000;
const I64_NULL = -(2n ** 63n);

describe("a column", () => {
  const cases: readonly [string, unknown, readonly number[]][] = [
    ["u32 counts from its base in steps of mul", ["u32", TIME, 1000, u32(0, 7, 4_294_967_295)], [TIME, TIME + 7_000, TIME + 4_294_967_295_000]],
    ["u32 in JSON is a list of the raw numbers", ["u32", TIME, 5, [0, 2]], [TIME, TIME + 10]],
    ["i16 is base plus offset, over 10^exp", ["i16", 5_710_045, 2, i16(0, -45, 32_767)], [57_100.45, 57_100, 57_428.12]],
    ["i16 has its smallest offset for null", ["i16", 100, 0, i16(-32_768, -32_767)], [NaN, -32_667]],
    ["i16 in JSON has null for null", ["i16", 100, 1, [null, 1]], [NaN, 10.1]],
    ["i32 is base plus offset, over 10^exp", ["i32", 0, 8, i32(1, -1, 2_147_483_647)], [1e-8, -1e-8, 21.47483647]],
    ["i32 has its smallest offset for null", ["i32", 0, 0, i32(-2_147_483_648, -2_147_483_647)], [NaN, -2_147_483_647]],
    ["i32 in JSON has null for null", ["i32", -5, 0, [null, 5]], [NaN, 0]],
    ["i64 is the mantissa, over 10^exp", ["i64", 8, i64(12_345n, -12_345n, 0n)], [0.00012345, -0.00012345, 0]],
    ["i64 has −2^63 for null", ["i64", 2, i64(I64_NULL, I64_NULL + 1n)], [NaN, -92_233_720_368_547_758.07]],
    ["i64 is exact at ±2^53", ["i64", 0, i64(2n ** 53n, -(2n ** 53n), 2n ** 53n - 1n)], [2 ** 53, -(2 ** 53), 2 ** 53 - 1]],
    ["i64 beyond 2^53 is the nearest double", ["i64", 8, i64(9_223_372_036_854_775_807n)], [92_233_720_368.54775807]],
    ["i64 in JSON has null for null", ["i64", 1, [null, -15]], [NaN, -1.5]],
    ["const is one value for all rows", ["const", 150, 1], [15, 15, 15]],
    ["const nil is null in all rows", ["const", null, 0], [NaN, NaN]],
  ];

  it.each(cases)("%s", (_name, column, expected) => {
    expect(values(column, expected.length)).toEqual(expected);
  });

  it.each(cases)("%s (through msgpack, at any offset)", (_name, column, expected) => {
    for (const padding of ["", "x", "xx", "xxx", "xxxx", "xxxxx", "xxxxxx", "xxxxxxx"]) {
      const [, unpacked] = decode(encode([padding, column])) as [string, unknown];
      expect(values(unpacked, expected.length)).toEqual(expected);
    }
  });

  it("of no rows is empty in every encoding", () => {
    const none = new Uint8Array(0);
    for (const column of [["u32", 0, 1, none], ["i16", 0, 0, none], ["i32", 0, 0, []], ["i64", 0, none], ["const", 1, 0]]) {
      expect(values(column, 0)).toEqual([]);
    }
  });

  it("tells the decimals it was sent with", () => {
    expect(decodeColumn(["i16", 0, 3, i16(1)], 1).exp).toBe(3);
    expect(decodeColumn(["u32", 0, 1, u32(1)], 1).exp).toBe(0);
  });

  it("gives the same double as the decimal's text", () => {
    for (const [mantissa, text] of [[110, "1.1"], [30, "0.3"], [5_710_045, "57100.45"]] as const) {
      const exp = text.split(".")[1]?.length ?? 0;
      const scaled = mantissa / 10 ** (2 - Math.min(exp, 2));
      expect(values(["i32", scaled, exp, i32(0)], 1)).toEqual([Number(text)]);
    }
  });

  const refused: readonly [string, unknown, number][] = [
    ["is no array", { u32: 1 }, 1],
    ["has an unknown encoding", ["f64", 0, new Uint8Array(8)], 1],
    ["has no encoding", [], 0],
    ["has too few bytes", ["i32", 0, 0, new Uint8Array(7)], 2],
    ["has too many bytes", ["u32", 0, 1, new Uint8Array(12)], 2],
    ["has too few rows in JSON", ["i16", 0, 0, [1]], 2],
    ["has a text for a number in JSON", ["i32", 0, 0, ["1"]], 1],
    ["has no payload", ["i64", 0], 1],
    ["has a base that is no integer", ["i32", 0.5, 0, [1]], 1],
    ["has an exponent above 8", ["const", 1, 9], 1],
    ["has an exponent below 0", ["i16", 0, -1, [1]], 1],
    ["lacks the const's mantissa", ["const"], 1],
  ];

  it.each(refused)("that %s is refused", (_name, column, n) => {
    expect(() => decodeColumn(column, n)).toThrow(ProtocolError);
  });
});
