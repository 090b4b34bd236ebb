import { isReverse } from "../../src/core/index.js";
import { useSession, type SessionProps } from "./use-session.js";

/** What to do when the server has no ticks at all. */
export function NoSymbols() {
  return (
    <main className="empty">
      <svg viewBox="0 0 44 30" className="empty-tape" aria-hidden="true">
        <rect x="1" y="1" width="42" height="28" rx="5" />
        <rect x="6" y="6" width="32" height="13" rx="6.5" />
        <circle cx="13.5" cy="12.5" r="4.4" />
        <circle cx="30.5" cy="12.5" r="4.4" />
      </svg>
      <h1>No symbols yet</h1>
      <p>This deck has no tape in it. Load some ticks, and they appear here by themselves:</p>
      <code>tapedeck import FILE</code>
      <code>tapedeck generate</code>
    </main>
  );
}

/** Over the empty chart of a replay that has not been played yet. */
export function Prompt({ session }: SessionProps) {
  const { replay, focus } = useSession(session);
  if (replay?.state !== "paused" || replay.seekingTo !== undefined) return null;
  // Where a replay begins there is nothing on the chart yet.
  const isNew = session.markets.ticks === 0 && session.at === replay.range?.from;
  if (!isNew || isReverse(replay.speed)) return null;
  return (
    <button type="button" className="prompt" onClick={() => session.toggle()}>
      <b>Press play</b>
      <span>or the space bar, to run {focus} from here</span>
    </button>
  );
}
