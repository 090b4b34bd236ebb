/** The part of the app's state that a link carries: `#symbol=BTCUSDT&interval=1m&speed=10&play=1`. */
import { formatTime, parseTime, type Micros, type Speed, type StepUnit } from "../../src/core/index.js";
import { isInterval, parseSpeed, parseStepUnit, type IntervalName } from "./choices.js";

export interface Link {
  readonly symbols: readonly string[];
  readonly interval: IntervalName | undefined;
  readonly speed: Speed | undefined;
  readonly step: StepUnit | undefined;
  readonly play: boolean;
  readonly from: Micros | undefined;
  readonly to: Micros | undefined;
}

export function readLink(hash: string): Link {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const interval = fields.get("interval") ?? "";
  return {
    symbols: [...new Set(fields.getAll("symbol"))],
    interval: isInterval(interval) ? interval : undefined,
    speed: parseSpeed(fields.get("speed") ?? ""),
    step: parseStepUnit(fields.get("step") ?? ""),
    play: fields.get("play") === "1",
    from: parseTime(fields.get("from") ?? ""),
    to: parseTime(fields.get("to") ?? ""),
  };
}

export function writeLink(link: Link): string {
  const fields = new URLSearchParams();
  for (const symbol of link.symbols) fields.append("symbol", symbol);
  if (link.interval) fields.set("interval", link.interval);
  if (link.speed !== undefined) fields.set("speed", String(link.speed));
  if (link.step !== undefined) fields.set("step", link.step);
  if (link.from !== undefined) fields.set("from", writeTime(link.from));
  if (link.to !== undefined) fields.set("to", writeTime(link.to));
  if (link.play) fields.set("play", "1");
  return `#${fields.toString()}`;
}

function writeTime(time: Micros): string {
  return `${formatTime(time, 6).replace(" ", "T")}Z`;
}
