import { useEffect } from "react";
import type { Session } from "../model/session.js";

/** A key, or several, and what they do; also what the overlay of keys shows. */
interface Shortcut {
  readonly keys: readonly string[];
  readonly does: string;
}

export const SHORTCUTS: readonly Shortcut[] = [
  { keys: ["Space"], does: "Play, pause" },
  { keys: ["R"], does: "Turn round: play the other way" },
  { keys: ["←", "→"], does: "One step back, ahead" },
  { keys: ["Shift ←", "Shift →"], does: "One candle back, ahead" },
  { keys: ["[", "]"], does: "Slower, faster" },
  { keys: ["Home", "End"], does: "To the start, the end of the range" },
  { keys: ["?"], does: "Show these keys" },
  { keys: ["Esc"], does: "Close what is open" },
];

/** Keys that mean something each time they repeat while they are held down. */
const REPEATS: ReadonlySet<string> = new Set(["ArrowLeft", "ArrowRight", "[", "]"]);

export function useKeyboard(session: Session, showKeys: () => void): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
      if (isCovered() || wantsKeys(event.target)) return;
      const act = actionOf(event, session, showKeys);
      if (!act) return;
      event.preventDefault();
      if (!event.repeat || REPEATS.has(event.key)) act();
    };
    window.addEventListener("keydown", onKey);
    const release = releaseFocus();
    return () => {
      window.removeEventListener("keydown", onKey);
      release();
    };
  }, [session, showKeys]);
}

function actionOf(event: KeyboardEvent, session: Session, showKeys: () => void): (() => void) | undefined {
  const unit = event.shiftKey ? session.state.interval : session.state.step;
  switch (event.key) {
    case " ":
      return () => session.toggle();
    case "r":
    case "R":
      return () => session.reverse();
    case "ArrowLeft":
      return () => session.stepBy(-1, unit);
    case "ArrowRight":
      return () => session.stepBy(1, unit);
    case "[":
      return () => session.changeSpeed(-1);
    case "]":
      return () => session.changeSpeed(1);
    case "Home":
      return () => session.seekEnd("from");
    case "End":
      return () => session.seekEnd("to");
    case "?":
      return showKeys;
    default:
      return undefined;
  }
}

/**
 * A button that was clicked keeps the focus, and would take the next space for a click; a list,
 * the next arrow. Who goes by keyboard alone keeps it.
 */
function releaseFocus(): () => void {
  let pointed = false;
  const onPointer = (): void => {
    pointed = true;
  };
  const onKey = (): void => {
    pointed = false;
  };
  const onDone = (event: Event): void => {
    const control = event.target instanceof Element ? event.target.closest("button, select") : null;
    const done = event.type === "change" || control instanceof HTMLButtonElement;
    if (pointed && done && control instanceof HTMLElement) control.blur();
  };
  // Before anybody else hears of them: a dialog that a click opens would give the focus back later.
  window.addEventListener("pointerdown", onPointer, true);
  window.addEventListener("keydown", onKey, true);
  window.addEventListener("click", onDone, true);
  window.addEventListener("change", onDone, true);
  return () => {
    window.removeEventListener("pointerdown", onPointer, true);
    window.removeEventListener("keydown", onKey, true);
    window.removeEventListener("click", onDone, true);
    window.removeEventListener("change", onDone, true);
  };
}

/** A dialog lies over the page, wherever the focus is: a button that gets disabled loses it. */
function isCovered(): boolean {
  return document.querySelector("dialog:modal") !== null;
}

/** Fields and lists have uses of their own for these keys; the scrubber leaves them to us. */
function wantsKeys(target: EventTarget | null): boolean {
  if (!(target instanceof Element)) return false;
  if (target instanceof HTMLInputElement) return target.type !== "range";
  return target.closest("select, textarea, button, a, [role=listbox]") !== null;
}
