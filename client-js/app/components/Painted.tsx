import { useEffect, useRef } from "react";
import type { Session } from "../model/session.js";
import type { View } from "../views/view.js";

interface PaintedProps {
  readonly session: Session;
  /** The class of the view; must stay the same one. */
  readonly view: new (host: HTMLElement) => View;
  readonly className?: string;
  readonly label?: string;
  readonly symbol?: string;
}

/** A place that React leaves alone: its view paints it, once per animation frame. */
export function Painted({ session, view: ViewClass, className, label, symbol }: PaintedProps) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!host.current) return undefined;
    const view = new ViewClass(host.current);
    const stop = session.paint.add(() => view.paint(session));
    return () => {
      stop();
      view.destroy();
    };
  }, [session, ViewClass, symbol]);
  return <div ref={host} className={className} aria-label={label} data-symbol={symbol} />;
}
