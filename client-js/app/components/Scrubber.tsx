import { useEffect, useRef } from "react";
import { formatTime, micros, type Micros, type Opened } from "../../src/core/index.js";
import { useSession, type SessionProps } from "./use-session.js";

/** Steps of the slider: finer than any screen. */
const STEPS = 10_000;

/** The range as a slider: shows the playhead, tells the time under the pointer, seeks on release. */
export function Scrubber({ session }: SessionProps) {
  const { replay } = useSession(session);
  const range = replay?.range;
  const box = useRef<HTMLDivElement>(null);
  const slider = useRef<HTMLInputElement>(null);
  const bubble = useRef<HTMLOutputElement>(null);

  useEffect(() => {
    if (!box.current || !slider.current || !bubble.current || !range) return undefined;
    return scrub({ box: box.current, slider: slider.current, bubble: bubble.current }, range, {
      at: () => session.at,
      seek: (to) => session.seek(to),
      onPaint: (paint) => session.paint.add(paint),
    });
  }, [session, range]);

  return (
    <div className="scrubber" ref={box}>
      <input ref={slider} type="range" min={0} max={STEPS} defaultValue={0} disabled={!range} aria-label="Playhead in the range" />
      <output ref={bubble} className="bubble" />
      <span className="scrubber-ends">
        <time>{range ? formatTime(range.from, 0) : ""}</time>
        <time>{range ? formatTime(range.to, 0) : ""}</time>
      </span>
    </div>
  );
}

interface Parts {
  readonly box: HTMLElement;
  readonly slider: HTMLInputElement;
  readonly bubble: HTMLElement;
}

interface Deck {
  readonly at: () => Micros | undefined;
  readonly seek: (to: Micros) => void;
  readonly onPaint: (paint: () => void) => () => void;
}

/** Outside React, because the playhead moves with every frame. Returns what undoes it. */
function scrub({ box, slider, bubble }: Parts, range: Opened, deck: Deck): () => void {
  const length = range.to - range.from;
  let dragging = false;
  const timeOf = (share: number): Micros => micros(Math.round(range.from + share * length));
  const fill = (): void => box.style.setProperty("--share", String(Number(slider.value) / STEPS));
  const tell = (share: number): void => {
    bubble.textContent = formatTime(timeOf(share), 0);
    box.style.setProperty("--pointer", String(share));
  };
  const onInput = (): void => {
    dragging = true;
    fill();
    tell(Number(slider.value) / STEPS);
  };
  // `change` comes on release.
  const onChange = (): void => {
    dragging = false;
    deck.seek(timeOf(Number(slider.value) / STEPS));
  };
  const onMove = (event: PointerEvent): void => {
    if (dragging) return;
    const { left, width } = slider.getBoundingClientRect();
    tell(Math.min(Math.max((event.clientX - left) / width, 0), 1));
  };
  const unpaint = deck.onPaint(() => {
    const at = deck.at();
    if (dragging || at === undefined) return;
    const value = String(length > 0 ? Math.round(((at - range.from) / length) * STEPS) : 0);
    if (slider.value === value) return;
    slider.value = value;
    fill();
  });
  slider.addEventListener("input", onInput);
  slider.addEventListener("change", onChange);
  slider.addEventListener("pointermove", onMove);
  return () => {
    unpaint();
    slider.removeEventListener("input", onInput);
    slider.removeEventListener("change", onChange);
    slider.removeEventListener("pointermove", onMove);
  };
}
