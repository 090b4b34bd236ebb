/**
 * A stand-in for the server: synthetic ticks over sections 1 to 6 of the protocol, and
 * the built web app. For tests and for working on the page: `npm run mock`, then `npm run dev`.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { WebSocketServer } from "ws";
import { demoSymbols } from "./mock-data.mjs";
import { MockPeer } from "./mock-peer.mjs";

const APP = fileURLToPath(new URL("../dist/app/", import.meta.url));
const PUMP_EVERY_MS = 4;
const TYPES = /** @type {Record<string, string>} */ ({
  ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml",
});

/** As strict as the real server, so that the browser tests find what it would forbid. */
const SECURITY = {
  "content-security-policy":
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'",
};

/** @param {{port?: number, symbols?: import("./mock-data.mjs").MockSymbol[], role?: string, token?: string}} [options] */
export async function startMockServer({ port = 0, symbols = demoSymbols(), role = "operator", token } = {}) {
  const http = createServer((request, response) => void serveApp(request.url ?? "/", response));
  const sockets = new WebSocketServer({
    server: http,
    path: "/ws",
    handleProtocols: (offered) => (offered.has("tapedeck.v1.msgpack") ? "tapedeck.v1.msgpack" : false),
  });
  let connections = 0;
  sockets.on("connection", (socket) => {
    connections += 1;
    serveSocket(socket, symbols, { role, token });
  });
  await new Promise((resolve) => http.listen(port, "127.0.0.1", () => resolve(undefined)));
  const address = /** @type {import("node:net").AddressInfo} */ (http.address());
  return {
    url: `http://127.0.0.1:${address.port}/`,
    symbols,
    /** How many there have been. */
    get connections() {
      return connections;
    },
    /** Hangs up on everybody. @param {number} code */
    hangUp(code) {
      for (const socket of sockets.clients) socket.close(code);
    },
    async stop() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

/** @param {string} url @param {import("node:http").ServerResponse} response */
async function serveApp(url, response) {
  const path = normalize(new URL(url, "http://mock").pathname);
  const file = join(APP, path === "/" ? "index.html" : path);
  try {
    const content = await readFile(file);
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", ...SECURITY });
    response.end(content);
  } catch {
    response.writeHead(404).end();
  }
}

/**
 * @param {import("ws").WebSocket} socket
 * @param {import("./mock-data.mjs").MockSymbol[]} symbols
 * @param {{role: string, token: string | undefined}} auth
 */
function serveSocket(socket, symbols, auth) {
  const peer = new MockPeer(symbols, (bytes) => socket.send(bytes), () => performance.now(), auth);
  const timer = setInterval(() => peer.pump(), PUMP_EVERY_MS);
  socket.on("close", () => clearInterval(timer));
  socket.on("message", (data) => peer.receive(/** @type {Buffer} */ (data)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = await startMockServer({ port: Number(process.env["PORT"] ?? 8080) });
  console.log(`mock server at ${server.url}`);
}
