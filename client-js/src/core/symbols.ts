import type { Connection } from "./connection.js";
import { readSymbols, type SymbolInfo } from "./messages.js";

export interface SymbolsQuery {
  readonly prefix?: string;
  readonly limit?: number;
}

/** The symbols that have ticks; waits until the connection is open. */
export async function listSymbols(
  connection: Connection,
  query: SymbolsQuery = {},
): Promise<readonly SymbolInfo[]> {
  await connection.opened();
  return readSymbols(await connection.request("symbols", { ...query }));
}
