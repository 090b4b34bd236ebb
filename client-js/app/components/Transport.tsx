import { SPEEDS, speedLabel } from "../model/choices.js";
import type { Speed } from "../../src/core/index.js";
import { ClockView } from "../views/readouts.js";
import { AheadIcon, BackIcon, PauseIcon, PlayIcon } from "./icons.js";
import { Painted } from "./Painted.js";
import { RangeEditor } from "./RangeEditor.js";
import { Scrubber } from "./Scrubber.js";
import { useSession, type SessionProps } from "./use-session.js";

export function Transport({ session }: SessionProps) {
  const { playing, speed, interval, replay } = useSession(session);
  const ready = replay?.range !== undefined;
  return (
    <footer className="transport">
      <div className="keys">
        <button type="button" title={`One ${interval} candle back (←)`} aria-label="One candle back" disabled={!ready} onClick={() => session.skip(-1)}>
          <BackIcon />
        </button>
        <button type="button" className="play" title="Play or pause (space)" aria-label={playing ? "Pause" : "Play"} disabled={!replay} onClick={() => session.toggle()}>
          {playing ? <PauseIcon /> : <PlayIcon />}
        </button>
        <button type="button" title={`One ${interval} candle ahead (→)`} aria-label="One candle ahead" disabled={!ready} onClick={() => session.skip(1)}>
          <AheadIcon />
        </button>
      </div>
      <Painted session={session} view={ClockView} className="clock" label="Playhead" />
      <Scrubber session={session} />
      <RangeEditor session={session} />
      <label className="speed">
        <span>Speed</span>
        <SpeedSelect speed={speed} onChange={(chosen) => session.setSpeed(chosen)} />
      </label>
    </footer>
  );
}

function SpeedSelect({ speed, onChange }: { readonly speed: Speed; readonly onChange: (speed: Speed) => void }) {
  // A link may bring a speed that is not in the list.
  const speeds = SPEEDS.includes(speed) ? SPEEDS : [speed, ...SPEEDS];
  return (
    <select value={String(speed)} onChange={(event) => onChange(speeds[event.target.selectedIndex] ?? 1)}>
      {speeds.map((each) => (
        <option key={each} value={String(each)}>{speedLabel(each)}</option>
      ))}
    </select>
  );
}
