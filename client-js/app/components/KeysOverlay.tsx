import { SHORTCUTS } from "./use-keyboard.js";
import { useModal } from "./use-modal.js";

interface KeysOverlayProps {
  readonly onClose: () => void;
}

/** What the keys do; the key that shows it closes it again. */
export function KeysOverlay({ onClose }: KeysOverlayProps) {
  const { close, props } = useModal(onClose, ["?"]);
  return (
    <dialog className="keys-overlay" aria-label="Keys" {...props}>
      <div className="keys-sheet">
        <header>
          <h2>Keys</h2>
          <button type="button" aria-label="Close" onClick={close}>×</button>
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
