/** What the app says, in words for people. */
import {
  isReverse, RequestError, type BufferingReason, type ReplayStatus, type TapedeckError,
} from "../../src/core/index.js";

const REASONS: Readonly<Record<BufferingReason, string>> = {
  data: "waiting for the database",
  client: "this connection is slow",
  flow: "waiting for this page",
  network: "nothing arrives from the server",
};

export function stateWords(status: ReplayStatus | undefined): string {
  if (!status) return "Stopped";
  if (status.seekingTo !== undefined) return "Seeking";
  switch (status.state) {
    case "connecting":
      return "Connecting";
    case "paused":
      return "Paused";
    case "playing":
      return isReverse(status.speed) ? "Playing backwards" : "Playing";
    case "buffering":
      return `Buffering: ${REASONS[status.reason ?? "data"]}`;
    case "ended":
      return isReverse(status.speed) ? "Start of the range" : "End of the range";
    case "failed":
      return "Stopped";
  }
}

const REFUSALS: Readonly<Record<string, string>> = {
  not_found: "The server does not have what was asked for.",
  limit: "That is more than this server allows.",
  unavailable: "The server cannot do this right now.",
  unauthorized: "This server wants a token.",
  forbidden: "You are not allowed to do this here.",
  internal: "Something went wrong on the server.",
};

/** A sentence that says what happened, and the server's own words where they add to it. */
export function errorWords(error: TapedeckError): string {
  const lead = error instanceof RequestError ? REFUSALS[error.code] : undefined;
  return lead ? `${lead} ${error.message}` : error.message;
}

/** `1 234 567` with thin spaces; decimals as given. */
export function formatCount(value: number): string {
  return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, "\u2009");
}

export function formatNumber(value: number, decimals: number): string {
  return Number.isNaN(value) ? "–" : value.toFixed(decimals);
}

const BYTE_UNITS = ["B", "kB", "MB", "GB", "TB", "PB"] as const;

/** `1.5 GB`: units of 1 024, as PostgreSQL counts them. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 1024 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || Math.abs(value) >= 100 ? 0 : 1;
  return `${value.toFixed(digits)}\u202f${BYTE_UNITS[unit] ?? ""}`;
}

const SPANS: readonly (readonly [seconds: number, name: string])[] = [
  [86_400, "d"], [3_600, "h"], [60, "min"], [1, "s"],
];

/** `3 h`, `12 s`: the largest unit that fits, never negative. */
export function formatSpan(seconds: number): string {
  const [size, name] = SPANS.find(([each]) => seconds >= each) ?? [1, "s"];
  return `${Math.max(0, Math.round(seconds / size))}\u202f${name}`;
}

/** `3 min ago`, `in 2 h`, `now`; both in milliseconds. */
export function formatWhen(at: number, now: number): string {
  const seconds = (at - now) / 1000;
  if (Math.abs(seconds) < 1) return "now";
  return seconds < 0 ? `${formatSpan(-seconds)} ago` : `in ${formatSpan(seconds)}`;
}
