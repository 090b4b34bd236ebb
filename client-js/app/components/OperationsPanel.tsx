import { useEffect, useState } from "react";
import { errorWords } from "../model/words.js";
import { Alerts } from "./Alerts.js";
import { Policies } from "./Policies.js";
import { Storage } from "./Storage.js";
import { useModal } from "./use-modal.js";
import { useOperations, type OperationsProps } from "./use-operations.js";

interface OperationsPanelProps extends OperationsProps {
  readonly canOperate: boolean;
  readonly onClose: () => void;
}

const TABS = ["Storage", "Policies"] as const;

/** What the database holds and what its background jobs do. */
export function OperationsPanel({ operations, canOperate, onClose }: OperationsPanelProps) {
  const { close, props } = useModal(onClose);
  const [tab, setTab] = useState<(typeof TABS)[number]>("Storage");
  const state = useOperations(operations);
  useEffect(() => operations.watch(), [operations]);
  return (
    <dialog className="operations" aria-label="Database" {...props}>
      <div className="operations-sheet">
        <header>
          <h2>Database</h2>
          <div className="segments" role="group" aria-label="What to show">
            {TABS.map((name) => (
              <button key={name} type="button" aria-pressed={name === tab} onClick={() => setTab(name)}>{name}</button>
            ))}
          </div>
          <span className="spring" />
          <button type="button" className="close" aria-label="Close" onClick={close}>×</button>
        </header>
        {state.problem && <p className="operations-problem" role="alert">{errorWords(state.problem)}</p>}
        <Alerts alerts={state.report?.alerts ?? []} />
        {tab === "Storage" ? (
          <Storage report={state.report} history={state.history} />
        ) : (
          <Policies operations={operations} canOperate={canOperate} />
        )}
      </div>
    </dialog>
  );
}
