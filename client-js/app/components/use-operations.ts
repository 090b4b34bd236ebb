import { useEffect, useState, useSyncExternalStore } from "react";
import type { Operations, OperationsState } from "../model/operations.js";

export interface OperationsProps {
  readonly operations: Operations;
}

export function useOperations(operations: Operations): OperationsState {
  return useSyncExternalStore(operations.subscribe, () => operations.state);
}

/** The wall clock in milliseconds, once a second. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
