import { useEffect, useRef, useState } from "react";
import { formatTime, type SymbolInfo } from "../../src/core/index.js";
import { MAX_CHOSEN } from "../model/choices.js";
import { formatCount } from "../model/words.js";
import { SearchIcon } from "./icons.js";
import { useDismiss } from "./use-dismiss.js";
import { useSession, type SessionProps } from "./use-session.js";

/** Rows painted at once: more are found by searching. */
const MAX_ROWS = 200;

export function SymbolPicker({ session }: SessionProps) {
  const { symbols = [], focus, chosen } = useSession(session);
  const [open, setOpen] = useState(false);
  const [search, setSearch] = useState("");
  const box = useRef<HTMLDivElement>(null);
  useDismiss(box, open, () => setOpen(false));
  useEffect(() => {
    if (open) void session.refreshSymbols();
  }, [open, session]);

  const found = matching(symbols, search);
  const pick = (symbol: string): void => {
    session.choose([symbol]);
    setOpen(false);
  };
  const toggle = (symbol: string): void => {
    session.choose(chosen.includes(symbol) ? chosen.filter((name) => name !== symbol) : [...chosen, symbol]);
  };
  return (
    <div className="picker" ref={box}>
      <button type="button" className="picker-button" aria-expanded={open} disabled={symbols.length === 0} onClick={() => setOpen(!open)}>
        <SearchIcon />
        <span>{focus ?? "Symbols"}</span>
        {chosen.length > 1 && <small>+{chosen.length - 1}</small>}
      </button>
      {open && (
        <div className="popover picker-list">
          <input
            autoFocus
            type="search"
            placeholder="Search symbols"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
            onKeyDown={(event) => event.key === "Enter" && found[0] && pick(found[0].symbol)}
          />
          <ul>
            {found.slice(0, MAX_ROWS).map((info) => (
              <Row
                key={info.symbol}
                info={info}
                checked={chosen.includes(info.symbol)}
                full={chosen.length >= MAX_CHOSEN}
                onPick={pick}
                onToggle={toggle}
              />
            ))}
          </ul>
          <p className="picker-foot">
            {found.length === 0 ? "No symbol has this in its name." : "Click a name to play it alone, a box to play several together."}
          </p>
        </div>
      )}
    </div>
  );
}

interface RowProps {
  readonly info: SymbolInfo;
  readonly checked: boolean;
  readonly full: boolean;
  readonly onPick: (symbol: string) => void;
  readonly onToggle: (symbol: string) => void;
}

function Row({ info, checked, full, onPick, onToggle }: RowProps) {
  const { symbol, from, to, ticks, exact } = info;
  return (
    <li data-checked={checked}>
      <input
        type="checkbox"
        aria-label={`Play ${symbol} too`}
        checked={checked}
        disabled={full && !checked}
        onChange={() => onToggle(symbol)}
      />
      <button type="button" onClick={() => onPick(symbol)}>
        <b>{symbol}</b>
        <span>{exact ? "" : "≈ "}{formatCount(ticks)} ticks</span>
        <small>{formatTime(from, 0).slice(0, 16)} – {formatTime(to, 0).slice(0, 16)}</small>
      </button>
    </li>
  );
}

function matching(symbols: readonly SymbolInfo[], search: string): readonly SymbolInfo[] {
  const wanted = search.trim().toLowerCase();
  return symbols.filter(({ symbol }) => symbol.toLowerCase().includes(wanted));
}
