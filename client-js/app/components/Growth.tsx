import type { StorageSample } from "../../src/core/index.js";
import { formatBytes } from "../model/words.js";

const WIDTH = 600;
const HEIGHT = 72;

/** The size of the database over its daily samples. */
export function Growth({ samples }: { readonly samples: readonly StorageSample[] }) {
  const first = samples[0];
  const last = samples[samples.length - 1];
  if (!first || !last || last.at <= first.at) return null;
  const least = Math.min(...samples.map(({ bytes }) => bytes));
  const most = Math.max(...samples.map(({ bytes }) => bytes));
  const x = (at: number): number => ((at - first.at) / (last.at - first.at)) * WIDTH;
  const y = (bytes: number): number => HEIGHT - 4 - ((bytes - least) / Math.max(1, most - least)) * (HEIGHT - 8);
  const line = samples.map(({ at, bytes }) => `${x(at).toFixed(1)},${y(bytes).toFixed(1)}`);
  const day = (at: number): string => new Date(at / 1000).toISOString().slice(0, 10);
  return (
    <figure className="growth">
      <figcaption>
        <span>{day(first.at)}: {formatBytes(first.bytes)}</span>
        <span>{day(last.at)}: {formatBytes(last.bytes)}</span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label="Size of the database by day">
        <polygon points={`0,${HEIGHT} ${line.join(" ")} ${WIDTH},${HEIGHT}`} />
        <polyline points={line.join(" ")} />
      </svg>
    </figure>
  );
}
