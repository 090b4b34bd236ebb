/**
 * A stand-in for the server: synthetic ticks over the forward half of the protocol, and the built
 * web app. For tests and for working on the page: `npm run mock`, then `npm run dev`.
 */
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { decode, encode } from "@msgpack/msgpack";
import { WebSocketServer } from "ws";
import { demoSymbols } from "./mock-data.mjs";
import { endOf, MockReplay } from "./mock-replay.mjs";

const APP = fileURLToPath(new URL("../dist/app/", import.meta.url));
const TYPES = /** @type {Record<string, string>} */ ({
  ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml",
});

/** As strict as the real server, so that the browser tests find what it would forbid. */
const SECURITY = {
  "content-security-policy":
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'none'",
};

/** @typedef {Record<string, unknown>} Message */

/** @param {{port?: number, symbols?: import("./mock-data.mjs").MockSymbol[]}} [options] */
export async function startMockServer({ port = 0, symbols = demoSymbols() } = {}) {
  const http = createServer((request, response) => void serveApp(request.url ?? "/", response));
  const sockets = new WebSocketServer({
    server: http,
    path: "/ws",
    handleProtocols: (offered) => (offered.has("tapedeck.v1.msgpack") ? "tapedeck.v1.msgpack" : false),
  });
  sockets.on("connection", (socket) => serveSocket(socket, symbols));
  await new Promise((resolve) => http.listen(port, "127.0.0.1", () => resolve(undefined)));
  const address = /** @type {import("node:net").AddressInfo} */ (http.address());
  return {
    url: `http://127.0.0.1:${address.port}/`,
    symbols,
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

/** @param {import("ws").WebSocket} socket @param {import("./mock-data.mjs").MockSymbol[]} symbols */
function serveSocket(socket, symbols) {
  /** @type {Map<number, MockReplay>} */
  const replays = new Map();
  const push = (/** @type {Message} */ message) => {
    const bytes = encode(message);
    socket.send(bytes);
    return bytes.length;
  };
  push({
    ev: "welcome", protocol: 1, server: "mock", engine: "postgresql", engine_version: "0",
    auth: { required: false, role: "viewer" }, limits: { frame_bytes: 61440 }, ops: [], now: Date.now() * 1000,
  });
  socket.on("close", () => replays.forEach((replay) => replay.close()));
  socket.on("message", (data) => {
    const request = /** @type {Message} */ (decode(/** @type {Buffer} */ (data)));
    const answer = answerTo(request, { symbols, replays, push });
    if (answer) push(request["req"] === undefined ? answer : { ...answer, re: request["req"] });
  });
}

/**
 * @param {Message} request
 * @param {{symbols: import("./mock-data.mjs").MockSymbol[], replays: Map<number, MockReplay>, push: (message: Message) => number}} peer
 * @returns {Message | undefined}
 */
function answerTo(request, { symbols, replays, push }) {
  const id = Number(request["id"]);
  if (request["op"] === "symbols") return { ev: "symbols", symbols: symbols.map(describe) };
  if (request["op"] === "ping") return { ...request, ev: "pong", now: Date.now() * 1000 };
  if (request["op"] === "replay.open") {
    const names = /** @type {string[]} */ (request["symbols"]);
    const chosen = names.map((name) => symbols.find(({ symbol }) => symbol === name));
    const missing = names.find((_, index) => !chosen[index]);
    if (missing !== undefined) return error("not_found", `There is no symbol ${missing}.`);
    const replay = new MockReplay(chosen.flatMap((symbol) => symbol ?? []), request, push);
    replays.set(id, replay);
    return { ...replay.standing(), ev: "replay.opened", symbols: names, from: replay.from, to: replay.to };
  }
  const replay = replays.get(id);
  if (!replay) return error("not_found", `There is no replay ${id}.`);
  switch (request["op"]) {
    case "replay.ack":
      replay.ack(request);
      return undefined;
    case "replay.play":
    case "replay.pause":
      if (replay.state === "ended") return error("conflict", "The replay has ended.");
      replay.play(request["op"] === "replay.play");
      break;
    case "replay.seek":
      replay.seek(Number(request["to"]));
      break;
    case "replay.speed":
      replay.changeSpeed(request["speed"], request["at"]);
      break;
    case "replay.close":
      replay.close();
      replays.delete(id);
      break;
    default:
      return error("unknown_op", `There is no ${String(request["op"])}.`);
  }
  return { ev: "ok", ...replay.standing() };
}

/** @param {import("./mock-data.mjs").MockSymbol} symbol */
function describe(symbol) {
  const { ticks } = symbol;
  return { symbol: symbol.symbol, from: ticks[0]?.time ?? 0, to: endOf(symbol), ticks: ticks.length, exact: true };
}

/** @param {string} code @param {string} message */
function error(code, message) {
  return { ev: "error", code, message };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const server = await startMockServer({ port: Number(process.env["PORT"] ?? 8080) });
  console.log(`mock server at ${server.url}`);
}
