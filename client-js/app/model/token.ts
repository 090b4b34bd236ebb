/**
 * The token of a server that wants one: kept for this tab, asked of the user when there is none or
 * when it was refused. Never in the address, which is shared, logged and remembered.
 */
import type { TapedeckError, TokenSupplier } from "../../src/core/index.js";

const STORED_AS = "tapedeck.token";

/** What a page shows while a token is wanted; `error`: what was wrong with the one before. */
export interface TokenWanted {
  readonly error: string | undefined;
}

export class TokenKeeper {
  readonly #storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  readonly #onWanted: (wanted: TokenWanted | undefined) => void;
  #give: ((token: string) => void) | undefined;

  constructor(
    storage: Pick<Storage, "getItem" | "setItem" | "removeItem">,
    onWanted: (wanted: TokenWanted | undefined) => void,
  ) {
    this.#storage = storage;
    this.#onWanted = onWanted;
  }

  readonly supply: TokenSupplier = (refused: TapedeckError | undefined) => {
    if (refused) this.#storage.removeItem(STORED_AS);
    const stored = this.#storage.getItem(STORED_AS);
    if (stored !== null) return stored;
    return new Promise((resolve) => {
      this.#give = resolve;
      this.#onWanted({ error: refused?.message });
    });
  };

  /** What the user has typed. */
  give(token: string): void {
    const text = token.trim();
    if (text === "" || !this.#give) return;
    this.#storage.setItem(STORED_AS, text);
    this.#onWanted(undefined);
    this.#give(text);
    this.#give = undefined;
  }
}
