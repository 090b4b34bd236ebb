import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// `npm run dev` forwards the socket to a running server (or to `npm run mock`).
const server = process.env["TAPEDECK_URL"] ?? "http://localhost:8080";

export default defineConfig({
  root: "app",
  base: "./",
  plugins: [react()],
  build: {
    outDir: "../dist/app",
    emptyOutDir: true,
    target: "es2022",
  },
  server: { proxy: { "/ws": { target: server, ws: true } } },
  test: {
    root: ".",
    // For what hangs, not for what is slow: a busy machine is no failure.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // `npm run test:browser`: the whole product, from ./run to the page.
    include: [process.env["TAPEDECK_WHOLE"] === undefined ? "test/**/*.test.ts" : "test/**/*.whole.ts"],
  },
});
