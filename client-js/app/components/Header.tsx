import { isReverse } from "../../src/core/index.js";
import { INTERVALS } from "../model/choices.js";
import { stateWords } from "../model/words.js";
import { MetersView } from "../views/readouts.js";
import { Logo } from "./icons.js";
import { OperationsButton } from "./OperationsButton.js";
import { Painted } from "./Painted.js";
import { SymbolPicker } from "./SymbolPicker.js";
import { useSession, type SessionProps } from "./use-session.js";

interface HeaderProps extends SessionProps {
  readonly onShowOperations: () => void;
}

export function Header({ session, onShowOperations }: HeaderProps) {
  const { interval, speed, replay } = useSession(session);
  const seeking = replay?.seekingTo !== undefined;
  return (
    <header className="header">
      <span className="brand">
        <Logo turning={replay?.state === "playing" && !seeking} reverse={isReverse(speed)} />
        tapedeck
      </span>
      <SymbolPicker session={session} />
      <div className="segments" role="group" aria-label="Candle interval">
        {INTERVALS.map((name) => (
          <button key={name} type="button" aria-pressed={name === interval} onClick={() => session.setInterval(name)}>
            {name}
          </button>
        ))}
      </div>
      <span className="spring" />
      <span className="state" data-state={seeking ? "seeking" : (replay?.state ?? "none")} role="status" title={stateWords(replay)}>
        <span>{stateWords(replay)}</span>
      </span>
      <Painted session={session} view={MetersView} className="meters" label="Meters" />
      <OperationsButton operations={session.operations} onOpen={onShowOperations} />
    </header>
  );
}
