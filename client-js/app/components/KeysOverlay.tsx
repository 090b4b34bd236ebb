import { useEffect, useRef, type KeyboardEvent } from "react";
import { SHORTCUTS } from "./use-keyboard.js";

interface KeysOverlayProps {
  readonly onClose: () => void;
}

/** What the keys do. Esc, the button, and a click beside it close it. */
export function KeysOverlay({ onClose }: KeysOverlayProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    dialog.current?.focus();
  }, []);
  // At once, so that the very next key is the page's again.
  const onKey = (event: KeyboardEvent): void => {
    if (event.key !== "?" && event.key !== "Escape") return;
    event.preventDefault();
    dialog.current?.close();
  };
  return (
    <dialog
      ref={dialog}
      className="keys-overlay"
      tabIndex={-1}
      aria-label="Keys"
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && onClose()}
      onKeyDown={onKey}
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
