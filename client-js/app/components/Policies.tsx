import { useState } from "react";
import type { Aggregate, Policy, PolicyAction } from "../../src/core/index.js";
import type { Operations, SeenEvent } from "../model/operations.js";
import { formatSpan, formatWhen } from "../model/words.js";
import { useNow, useOperations } from "./use-operations.js";

interface PoliciesProps {
  readonly operations: Operations;
  readonly canOperate: boolean;
}

export function Policies({ operations, canOperate }: PoliciesProps) {
  const { policies, aggregates, events } = useOperations(operations);
  const now = useNow();
  if (!policies) return <p className="operations-empty">The server has not told yet.</p>;
  return (
    <>
      <div className="operations-scroll">
        <table className="operations-table">
          <thead>
            <tr>
              <th>Policy</th><th>Every</th><th>Last run</th><th>Took</th><th>Next run</th><th>Runs</th>
              {canOperate && <th>Do</th>}
            </tr>
          </thead>
          <tbody>
            {policies.map((policy) => (
              <PolicyRow key={policy.job} policy={policy} now={now} operations={canOperate ? operations : undefined} />
            ))}
          </tbody>
        </table>
      </div>
      <Watermarks aggregates={aggregates} />
      <Events events={events} policies={policies} now={now} />
    </>
  );
}

interface PolicyRowProps {
  readonly policy: Policy;
  readonly now: number;
  /** Undefined: this user may only look. */
  readonly operations: Operations | undefined;
}

function PolicyRow({ policy, now, operations }: PolicyRowProps) {
  const { job, kind, target, enabled, lastOutcome, lastRunAt, lastMillis, lastError, nextRunAt, runs, failures } = policy;
  return (
    <tr data-enabled={enabled}>
      <th scope="row" title={JSON.stringify(policy.config)}>{target}<span className="tag">{kind} {job}</span></th>
      <td>{formatSpan(policy.everySeconds)}</td>
      <td>
        <span className="outcome" data-outcome={lastOutcome ?? "none"} title={lastError ?? undefined}>
          {lastOutcome ?? "never"}
        </span>{" "}
        {lastRunAt !== null && formatWhen(lastRunAt / 1000, now)}
        {lastError !== null && <span className="outcome-error">{lastError}</span>}
      </td>
      <td>{lastMillis === null ? "–" : `${Math.round(lastMillis)} ms`}</td>
      <td>{!enabled ? "paused" : nextRunAt === null ? "–" : formatWhen(nextRunAt / 1000, now)}</td>
      <td>{runs}{failures > 0 && <span className="failures" title={`${failures} failed`}> {failures}</span>}</td>
      {operations && <td><Actions policy={policy} operations={operations} /></td>}
    </tr>
  );
}

function Actions({ policy, operations }: { readonly policy: Policy; readonly operations: Operations }) {
  const [busy, setBusy] = useState(false);
  const act = (action: PolicyAction): void => {
    setBusy(true);
    void operations.act(action, policy.job).finally(() => setBusy(false));
  };
  const name = `${policy.kind} of ${policy.target}`;
  return (
    <span className="actions">
      <button type="button" disabled={busy || !policy.enabled} aria-label={`Run ${name} now`} onClick={() => act("run")}>Run</button>
      {policy.enabled ? (
        <button type="button" disabled={busy} aria-label={`Pause ${name}`} onClick={() => act("pause")}>Pause</button>
      ) : (
        <button type="button" disabled={busy} aria-label={`Resume ${name}`} onClick={() => act("resume")}>Resume</button>
      )}
    </span>
  );
}

function Watermarks({ aggregates }: { readonly aggregates: readonly Aggregate[] }) {
  if (aggregates.length === 0) return null;
  return (
    <dl className="watermarks" aria-label="Candles stored up to">
      {aggregates.map(({ view, watermark, lagSeconds }) => (
        <div key={view}>
          <dt>{view}</dt>
          <dd>{watermark === null ? "nothing stored" : new Date(watermark / 1000).toISOString().slice(0, 16).replace("T", " ")}</dd>
          <dd>{lagWords(lagSeconds)}</dd>
        </div>
      ))}
    </dl>
  );
}

function lagWords(lag: number | null): string {
  if (lag === null) return "";
  if (lag < 0) return "in the future";
  return lag === 0 ? "up to date" : `${formatSpan(lag)} behind`;
}

interface EventsProps {
  readonly events: readonly SeenEvent[];
  readonly policies: readonly Policy[];
  readonly now: number;
}

function Events({ events, policies, now }: EventsProps) {
  if (events.length === 0) return null;
  const nameOf = (job: number): string => {
    const policy = policies.find((each) => each.job === job);
    return policy ? `${policy.kind} of ${policy.target}` : `job ${job}`;
  };
  return (
    <ol className="events" aria-label="Runs seen">
      {events.map(({ number, job, outcome, error, seenAt }) => (
        <li key={number}>
          <span className="outcome" data-outcome={outcome}>{outcome}</span>
          <span>{nameOf(job)}{error !== undefined && `: ${error}`}</span>
          <time>{formatWhen(seenAt, now)}</time>
        </li>
      ))}
    </ol>
  );
}
