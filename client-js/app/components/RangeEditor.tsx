import { useRef, useState, type FormEvent } from "react";
import { formatTime, parseTime, type Micros, type Opened } from "../../src/core/index.js";
import { useDismiss } from "./use-dismiss.js";
import { useSession, type SessionProps } from "./use-session.js";

/** From and to of the replay; the whole of the symbols' ticks unless edited. */
export function RangeEditor({ session }: SessionProps) {
  const { replay, edited } = useSession(session);
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useDismiss(box, open, () => setOpen(false));
  const range = replay?.range;
  const apply = (from: Micros | undefined, to: Micros | undefined): void => {
    session.setRange({ from, to });
    setOpen(false);
  };
  return (
    <div className="range" ref={box}>
      <button type="button" data-edited={edited.from !== undefined || edited.to !== undefined} disabled={!replay} aria-expanded={open} onClick={() => setOpen(!open)}>
        Range
      </button>
      {open && <RangeForm range={range} onApply={apply} />}
    </div>
  );
}

interface RangeFormProps {
  readonly range: Opened | undefined;
  readonly onApply: (from: Micros | undefined, to: Micros | undefined) => void;
}

function RangeForm({ range, onApply }: RangeFormProps) {
  const [from, setFrom] = useState(range ? formatTime(range.from, 0) : "");
  const [to, setTo] = useState(range ? formatTime(range.to, 0) : "");
  const [start, end] = [parseTime(from), parseTime(to)];
  const problem = problemOf(start, end);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    // What was not touched keeps its microseconds.
    if (problem === undefined) onApply(unlessSame(start, range?.from), unlessSame(end, range?.to));
  };
  return (
    <form className="popover range-form" onSubmit={submit}>
      <label>
        <span>From</span>
        <input autoFocus value={from} spellCheck={false} aria-invalid={start === undefined} onChange={(event) => setFrom(event.target.value)} />
      </label>
      <label>
        <span>To</span>
        <input value={to} spellCheck={false} aria-invalid={end === undefined} onChange={(event) => setTo(event.target.value)} />
      </label>
      <p>{problem ?? "Times are UTC."}</p>
      <div className="range-buttons">
        <button type="button" onClick={() => onApply(undefined, undefined)}>Everything</button>
        <button type="submit" className="primary" disabled={problem !== undefined}>Set range</button>
      </div>
    </form>
  );
}

function problemOf(from: Micros | undefined, to: Micros | undefined): string | undefined {
  if (from === undefined || to === undefined) return "Write times like 2024-08-08 12:34:56.";
  return from < to ? undefined : "The range has to end after it begins.";
}

/** The form shows whole seconds: `known`, where the text still says the same second. */
function unlessSame(edited: Micros | undefined, known: Micros | undefined): Micros | undefined {
  if (edited === undefined || known === undefined) return edited;
  return formatTime(edited, 0) === formatTime(known, 0) ? known : edited;
}
