import { useEffect, useState, type ReactNode } from "react";
import type { ConnectionStatus } from "../../src/core/index.js";
import { errorWords } from "../model/words.js";
import { useSession, type SessionProps } from "./use-session.js";

/** What the user should know, most urgent first, each with what can be done about it. */
export function Notices({ session }: SessionProps) {
  const { connection, replay, hint } = useSession(session);
  const failed = replay?.state === "failed";
  return (
    <div className="notices" aria-live="polite">
      {connection.state === "waiting" && (
        <Notice tone="warning" action="Try now" onAction={() => session.connection.retryNow()}>
          No connection to the server. <Countdown status={connection} />
        </Notice>
      )}
      {connection.state === "connecting" && connection.error && (
        <Notice tone="warning">No connection to the server. Trying again now.</Notice>
      )}
      {connection.state === "closed" && (
        <Notice tone="error" action="Reload" onAction={() => location.reload()}>
          The connection is closed for good. {errorWords(connection.error)}
        </Notice>
      )}
      {replay?.error && (
        <Notice tone="error" {...(failed ? { action: "Try again", onAction: () => session.reopen() } : {})}>
          {failed && "The replay stopped. "}
          {errorWords(replay.error)}
        </Notice>
      )}
      {hint && <Notice tone="warning" action="OK" onAction={() => session.dismissHint()}>{hint}</Notice>}
    </div>
  );
}

interface NoticeProps {
  readonly tone: "warning" | "error";
  readonly action?: string;
  readonly onAction?: () => void;
  readonly children: ReactNode;
}

function Notice({ tone, action, onAction, children }: NoticeProps) {
  return (
    <div className="notice" data-tone={tone}>
      <span>{children}</span>
      {action && <button type="button" onClick={onAction}>{action}</button>}
    </div>
  );
}

function Countdown({ status }: { readonly status: Extract<ConnectionStatus, { state: "waiting" }> }) {
  const [left, setLeft] = useState(status.retryInMs);
  useEffect(() => {
    const until = performance.now() + status.retryInMs;
    const update = (): void => setLeft(Math.max(0, until - performance.now()));
    update();
    const timer = setInterval(update, 250);
    return () => clearInterval(timer);
  }, [status]);
  return <>Trying again {left < 500 ? "now" : `in ${Math.ceil(left / 1000)} s`}.</>;
}
