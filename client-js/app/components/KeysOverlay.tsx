import { useEffect, useRef } from "react";
import { SHORTCUTS } from "./use-keyboard.js";

interface KeysOverlayProps {
  readonly onClose: () => void;
}

/** What the keys do. Esc, the button, and a click beside it close it. */
export function KeysOverlay({ onClose }: KeysOverlayProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      className="keys-overlay"
      aria-label="Keys"
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && onClose()}
      onKeyDown={(event) => event.key === "?" && onClose()}
    >
      <div className="keys-sheet">
        <header>
          <h2>Keys</h2>
          <button type="button" aria-label="Close" onClick={onClose}>×</button>
        </header>
        <dl>
          {SHORTCUTS.map(({ keys, does }) => (
            <div key={does}>
              <dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
              <dd>{does}</dd>
            </div>
          ))}
        </dl>
        <p>A step is what the list beside the step buttons says; a candle, what the chart shows.</p>
      </div>
    </dialog>
  );
}
