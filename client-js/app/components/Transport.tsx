import { isReverse, turnedRound, type Speed, type StepUnit } from "../../src/core/index.js";
import { canStep, SPEEDS, speedLabel, STEP_UNITS, unitWords } from "../model/choices.js";
import { ClockView } from "../views/readouts.js";
import { AheadIcon, BackIcon, PauseIcon, PlayIcon, TurnIcon } from "./icons.js";
import { Painted } from "./Painted.js";
import { RangeEditor } from "./RangeEditor.js";
import { Scrubber } from "./Scrubber.js";
import { useSession, type SessionProps } from "./use-session.js";

interface TransportProps extends SessionProps {
  readonly onShowKeys: () => void;
}

export function Transport({ session, onShowKeys }: TransportProps) {
  const { speed, step, replay } = useSession(session);
  return (
    <footer className="transport">
      <Keys session={session} />
      <Painted session={session} view={ClockView} className="clock" label="Playhead" />
      <Scrubber session={session} />
      <div className="settings">
        <label className="setting">
          <span>Step</span>
          <StepSelect step={step} speed={speed} disabled={!replay} onChange={(unit) => session.setStep(unit)} />
        </label>
        <label className="setting">
          <span>Speed</span>
          <SpeedSelect speed={speed} onChange={(chosen) => session.setSpeed(chosen)} />
        </label>
        <RangeEditor session={session} />
        <button type="button" className="help" title="What the keys do (?)" aria-label="What the keys do" onClick={onShowKeys}>?</button>
      </div>
    </footer>
  );
}

function Keys({ session }: SessionProps) {
  const { playing, speed, step, interval, replay } = useSession(session);
  const ready = replay?.range !== undefined;
  const reverse = isReverse(speed);
  const stepping = ready && canStep(step, speed);
  const unit = unitWords(step);
  const hint = (where: string, arrow: string): string =>
    `${unit[0]?.toUpperCase()}${unit.slice(1)} ${where} (${arrow})\nOne ${interval} candle ${where} (Shift ${arrow})`;
  return (
    <div className="keys" role="group" aria-label="Transport">
      <button type="button" className="turn" title={`${reverse ? "Turn round: forwards" : "Turn round: backwards"} (R)`} aria-label="Play backwards" aria-pressed={reverse} disabled={!replay} onClick={() => session.reverse()}>
        <TurnIcon />
      </button>
      <button type="button" title={hint("back", "←")} aria-label="One step back" disabled={!stepping} onClick={() => session.stepBy(-1)}>
        <BackIcon />
      </button>
      <button type="button" className="play" data-reverse={reverse} title={`${playing ? "Pause" : reverse ? "Play backwards" : "Play"} (Space)`} aria-label={playing ? "Pause" : "Play"} disabled={!replay} onClick={() => session.toggle()}>
        {playing ? <PauseIcon /> : <PlayIcon />}
      </button>
      <button type="button" title={hint("ahead", "→")} aria-label="One step ahead" disabled={!stepping} onClick={() => session.stepBy(1)}>
        <AheadIcon />
      </button>
    </div>
  );
}

interface StepSelectProps {
  readonly step: StepUnit;
  readonly speed: Speed;
  readonly disabled: boolean;
  readonly onChange: (unit: StepUnit) => void;
}

function StepSelect({ step, speed, disabled, onChange }: StepSelectProps) {
  return (
    <select value={step} disabled={disabled} title="What one step goes by" aria-label="Step" onChange={(event) => onChange(event.target.value)}>
      {STEP_UNITS.map((unit) => (
        <option key={unit} value={unit} disabled={!canStep(unit, speed)}>{unit}</option>
      ))}
    </select>
  );
}

function SpeedSelect({ speed, onChange }: { readonly speed: Speed; readonly onChange: (speed: Speed) => void }) {
  // A link may bring a speed that is not in the list.
  const ahead = isReverse(speed) ? turnedRound(speed) : speed;
  const speeds = SPEEDS.includes(ahead) ? SPEEDS : [ahead, ...SPEEDS];
  const option = (each: Speed) => <option key={each} value={String(each)}>{speedLabel(each)}</option>;
  const find = (text: string): Speed | undefined =>
    [...speeds, ...speeds.map(turnedRound)].find((each) => String(each) === text);
  return (
    <select value={String(speed)} title="Slower [ and faster ]" aria-label="Speed" onChange={(event) => onChange(find(event.target.value) ?? 1)}>
      <optgroup label="Forwards">{speeds.map(option)}</optgroup>
      <optgroup label="Backwards">{speeds.map(turnedRound).map(option)}</optgroup>
    </select>
  );
}
