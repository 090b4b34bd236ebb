import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./components/App.js";
import { Session } from "./model/session.js";
import { exposeStats } from "./model/stats.js";
import "./style.css";
import "./header.css";
import "./stage.css";
import "./transport.css";
import "./words.css";
import "./operations.css";

/** The socket lies beside the page, so that both can be served under any path. */
function socketUrl(): string {
  const url = new URL("ws", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.hash = "";
  return url.href;
}

const root = document.getElementById("root");
if (root) {
  const session = new Session(socketUrl(), location.hash);
  window.addEventListener("hashchange", () => session.followLink(location.hash));
  exposeStats(session);
  createRoot(root).render(
    <StrictMode>
      <App session={session} />
    </StrictMode>,
  );
}
