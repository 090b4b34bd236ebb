import { DatabaseIcon } from "./icons.js";
import { useOperations, type OperationsProps } from "./use-operations.js";

interface OperationsButtonProps extends OperationsProps {
  readonly onOpen: () => void;
}

/** Opens the panel; tells how many alerts there are. */
export function OperationsButton({ operations, onOpen }: OperationsButtonProps) {
  const alerts = useOperations(operations).report?.alerts ?? [];
  const critical = alerts.some(({ severity }) => severity === "critical");
  const count = alerts.length === 1 ? "1 alert" : `${alerts.length} alerts`;
  return (
    <button
      type="button"
      className="operations-button"
      title={alerts.length > 0 ? `Database: ${count}` : "Database"}
      aria-label={alerts.length > 0 ? `Database, ${count}` : "Database"}
      onClick={onOpen}
    >
      <DatabaseIcon />
      {alerts.length > 0 && <span className="badge" data-critical={critical}>{alerts.length}</span>}
    </button>
  );
}
