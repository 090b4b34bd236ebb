import { useEffect, useRef, type KeyboardEvent, type MouseEvent, type RefObject } from "react";

export interface Modal {
  /** Closes it; also what its own button does. */
  readonly close: () => void;
  /** For the `<dialog>`, as they are. */
  readonly props: {
    readonly ref: RefObject<HTMLDialogElement | null>;
    readonly tabIndex: -1;
    readonly onClose: () => void;
    readonly onClick: (event: MouseEvent) => void;
    readonly onKeyDown: (event: KeyboardEvent) => void;
  };
}

/**
 * A modal dialog, open for as long as it is mounted: `onClose` has to unmount it. Esc, `closingKeys`,
 * the button and a click beside it close it.
 *
 * They do so within the event itself. Left to the browser, Esc would close it and tell so in a later
 * task; until then the focus would stay within the dialog, which is gone from the screen already, and
 * the next key of a quick hand would be lost there.
 */
export function useModal(onClose: () => void, closingKeys: readonly string[] = []): Modal {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    ref.current?.showModal();
    // Itself, not the first of its buttons.
    ref.current?.focus();
  }, []);
  const close = (): void => {
    // First, because this gives the focus back to what opened it.
    ref.current?.close();
    onClose();
  };
  return {
    close,
    props: {
      ref,
      tabIndex: -1,
      // The browser has closed it, as on a gesture of going back.
      onClose,
      onClick: (event) => event.target === ref.current && close(),
      onKeyDown: (event) => {
        if (event.key !== "Escape" && !closingKeys.includes(event.key)) return;
        event.preventDefault();
        close();
      },
    },
  };
}
