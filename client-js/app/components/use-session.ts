import { useSyncExternalStore } from "react";
import type { Session, SessionState } from "../model/session.js";

export interface SessionProps {
  readonly session: Session;
}

export function useSession(session: Session): SessionState {
  return useSyncExternalStore(session.subscribe, () => session.state);
}
