import { describe, expect, it } from "vitest";
import { TokenKeeper, type TokenWanted } from "../app/model/token.js";
import { ConnectionError } from "../src/core/index.js";

function keeper(stored?: string): { keeper: TokenKeeper; items: Map<string, string>; wanted: (TokenWanted | undefined)[] } {
  const items = new Map(stored === undefined ? [] : [["tapedeck.token", stored]]);
  const wanted: (TokenWanted | undefined)[] = [];
  const storage = {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
  return { keeper: new TokenKeeper(storage, (changed) => wanted.push(changed)), items, wanted };
}

describe("the token of a tab", () => {
  it("is asked of the user, and kept", async () => {
    const { keeper: tokens, items, wanted } = keeper();
    const supplied = tokens.supply(undefined);
    expect(wanted).toEqual([{ error: undefined }]);
    tokens.give("  ");
    expect(wanted).toHaveLength(1);
    tokens.give(" tdk_one\n");
    expect(await supplied).toBe("tdk_one");
    expect(wanted).toEqual([{ error: undefined }, undefined]);
    expect([...items.values()]).toEqual(["tdk_one"]);
  });

  it("is not asked for again in the same tab", () => {
    const { keeper: tokens, wanted } = keeper("tdk_one");
    expect(tokens.supply(undefined)).toBe("tdk_one");
    expect(wanted).toEqual([]);
  });

  it("is forgotten when it was refused", async () => {
    const { keeper: tokens, items, wanted } = keeper("tdk_old");
    const supplied = tokens.supply(new ConnectionError("It has expired.", 4401));
    expect(items.size).toBe(0);
    expect(wanted).toEqual([{ error: "It has expired." }]);
    tokens.give("tdk_new");
    expect(await supplied).toBe("tdk_new");
  });

  it("that nobody has asked for is not kept", () => {
    const { keeper: tokens, items } = keeper();
    tokens.give("tdk_one");
    expect(items.size).toBe(0);
  });
});
