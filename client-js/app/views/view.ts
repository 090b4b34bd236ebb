import type { Session } from "../model/session.js";

/** A part of the page that is painted once per animation frame, outside React. */
export interface View {
  /** Returns early when nothing that it shows has changed. */
  paint(session: Session): void;
  destroy(): void;
}

/** The value of a colour of the style sheet, for canvases and charts. */
export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className = "",
  parent?: Element,
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  element.className = className;
  parent?.append(element);
  return element;
}

/** A text that changes often: one text node that stays, written only when it differs. */
export class Label {
  readonly element: HTMLElement;
  readonly #node = document.createTextNode("");
  #text = "";

  constructor(parent: Element, className = "") {
    this.element = make("span", className, parent);
    this.element.append(this.#node);
  }

  set(text: string): void {
    if (text === this.#text) return;
    this.#text = text;
    this.#node.data = text;
  }
}
