import { useEffect } from "react";
import type { Session } from "../model/session.js";

/** Space plays and pauses; arrows go a candle back or ahead, with shift ten. */
export function useKeyboard(session: Session): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.altKey || event.metaKey || wantsKeys(event.target)) return;
      const count = event.shiftKey ? 10 : 1;
      if (event.key === " " && !event.repeat) session.toggle();
      else if (event.key === "ArrowLeft") session.skip(-count);
      else if (event.key === "ArrowRight") session.skip(count);
      else if (event.key !== " ") return;
      event.preventDefault();
    };
    // A button that was clicked keeps the focus, and would take the next space for a click.
    const onClick = (event: MouseEvent): void => {
      const button = event.target instanceof Element ? event.target.closest("button") : null;
      if (event.detail > 0) button?.blur();
    };
    window.addEventListener("keydown", onKey);
    window.addEventListener("click", onClick);
    return () => {
      window.removeEventListener("keydown", onKey);
      window.removeEventListener("click", onClick);
    };
  }, [session]);
}

/** Fields and lists have uses of their own for these keys; the scrubber leaves them to us. */
function wantsKeys(target: EventTarget | null): boolean {
  if (!(target instanceof Element)) return false;
  if (target instanceof HTMLInputElement) return target.type !== "range";
  return target.closest("select, textarea, button, a, [role=listbox]") !== null;
}
