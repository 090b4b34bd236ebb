import type { Alert } from "../../src/core/index.js";
import { formatWhen } from "../model/words.js";
import { useNow } from "./use-operations.js";

export function Alerts({ alerts }: { readonly alerts: readonly Alert[] }) {
  const now = useNow();
  if (alerts.length === 0) return null;
  return (
    <ul className="alerts" aria-label="Alerts">
      {alerts.map(({ kind, severity, subject, message, since }) => (
        <li key={`${kind} ${subject}`} data-severity={severity}>
          <b>{subject}</b>
          <span>{message}</span>
          <time dateTime={new Date(since / 1000).toISOString()}>{formatWhen(since / 1000, now)}</time>
        </li>
      ))}
    </ul>
  );
}
