import { WatchView } from "../views/readouts.js";
import { Painted } from "./Painted.js";
import { useSession, type SessionProps } from "./use-session.js";

/** The chosen symbols side by side; a click puts one on the charts. */
export function WatchStrip({ session }: SessionProps) {
  const { chosen, focus } = useSession(session);
  return (
    <nav className="watch-strip" aria-label="Chosen symbols">
      {chosen.map((symbol) => (
        <div key={symbol} className="watch" data-focus={symbol === focus}>
          <button type="button" className="watch-name" aria-pressed={symbol === focus} onClick={() => session.focusOn(symbol)}>
            {symbol}
          </button>
          <Painted session={session} view={WatchView} className="watch-values" symbol={symbol} />
          {chosen.length > 1 && (
            <button
              type="button"
              className="watch-remove"
              aria-label={`Remove ${symbol}`}
              onClick={() => session.choose(chosen.filter((name) => name !== symbol))}
            >
              ×
            </button>
          )}
        </div>
      ))}
    </nav>
  );
}
