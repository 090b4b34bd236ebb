/**
 * The whole product as a newcomer meets it: `./run` in a fresh home, then the page in a real browser,
 * playing generated ticks out of a real database. Leaves a screenshot in artefacts/.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Stats } from "../app/model/stats.js";
import { listSymbols, micros } from "../src/core/index.js";
import { Oracle } from "./oracle.js";
import { connectTo, readTicks, walkThrough } from "./real-walk.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const BUILD_MS = 600_000;
/** For what hangs, not for what is slow. */
const TIMEOUT_MS = 120_000;
/** Chromium must not look for anything outside this machine. */
const ARGUMENTS = [
  "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
  "--disable-sync", "--disable-quic",
];

describe("./run", { timeout: 240_000 }, () => {
  let home: string;
  let server: ChildProcess;
  let url: string;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  /** Starts ./run and waits for the line that ends with the URL. */
  async function run(): Promise<{ process: ChildProcess; url: string; ms: number }> {
    const began = Date.now();
    const child = spawn("./run", ["--port", "0"], { cwd: ROOT, env: { ...process.env, TAPEDECK_HOME: home } });
    let said = "";
    const found = await new Promise<string>((resolve, reject) => {
      const hear = (chunk: Buffer): void => {
        said += chunk.toString();
        const match = /ready: (http:\S+)/.exec(said);
        if (match?.[1] !== undefined) resolve(match[1]);
      };
      child.stdout.on("data", hear);
      child.stderr.on("data", hear);
      child.on("exit", (code) => reject(new Error(`./run ended with ${code}:\n${said}`)));
    });
    return { process: child, url: found, ms: Date.now() - began };
  }

  async function stop(child: ChildProcess): Promise<number | null> {
    const ended = new Promise<number | null>((resolve) => child.on("exit", resolve));
    child.kill("SIGTERM");
    return ended;
  }

  /** What the page says of itself. */
  async function stats(): Promise<Stats> {
    return page.evaluate(() => window.__tapedeck ?? Promise.reject(new Error("no stats")));
  }

  async function waitFor(state: string): Promise<void> {
    await page.waitForFunction((wanted) => window.__tapedeck?.state === wanted, state);
  }

  async function waitForAt(wanted: number): Promise<void> {
    await page.waitForFunction((at) => window.__tapedeck?.at === at, wanted);
  }

  /** Waits until it plays and is past `at`; where it is then, and when by the page's clock. */
  async function playedPast(at: number): Promise<{ at: number; ms: number }> {
    const passed = await page.waitForFunction((instant) => {
      const { state, at: now } = window.__tapedeck ?? {};
      return state === "playing" && (now ?? 0) > instant && { at: now ?? 0, ms: performance.now() };
    }, at);
    return (await passed.jsonValue()) as { at: number; ms: number };
  }

  /** Lets the page paint so often. */
  async function paint(times: number): Promise<void> {
    await page.evaluate(async (count) => {
      for (let i = 0; i < count; i++) await new Promise(requestAnimationFrame);
    }, times);
  }

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), "tapedeck-run-"));
    chmodSync(home, 0o755);
    ({ process: server, url } = await run());
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
    page = await browser.newPage({ viewport: { width: 1400, height: 860 } });
    page.setDefaultTimeout(TIMEOUT_MS);
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
  }, BUILD_MS);

  afterAll(async () => {
    await browser?.close();
    if (server?.exitCode === null) await stop(server);
    rmSync(home, { recursive: true, force: true });
  });

  it("serves a page that plays the sample ticks", async () => {
    await page.goto(`${url}#speed=60&play=1`);
    const before = await playedPast(0);
    const after = await playedPast(before.at + 120e6);
    expect((await stats()).ticks).toBeGreaterThan(400);
    // Two seconds at 60x are two minutes of market: never more, but for a lag that is caught up. On a busy
    // machine they are less, for nothing is skipped; the pace itself is tested on a clock of its own.
    expect((after.at - before.at) / 1000 / (after.ms - before.ms)).toBeLessThan(80);
    mkdirSync(join(ROOT, "artefacts"), { recursive: true });
    await page.screenshot({ path: join(ROOT, "artefacts", "page.png") });
  });

  it("pauses when the space bar is pressed, and goes on", async () => {
    await page.keyboard.press("Space");
    await waitFor("paused");
    const { ticks } = await stats();
    await paint(30);
    expect((await stats()).ticks).toBe(ticks);
    await page.keyboard.press("Space");
    await page.waitForFunction((count) => (window.__tapedeck?.ticks ?? 0) > count, ticks);
    expect(complaints).toEqual([]);
  });

  it("turns round in flight, and takes back all that it showed", async () => {
    await page.keyboard.press("]");
    await page.keyboard.press("]");
    await page.keyboard.press("r");
    await waitFor("ended");
    expect(await stats()).toMatchObject({ speed: -200, newest: null, known: 0, candles: 0 });
    expect(complaints).toEqual([]);
  });

  it("steps by ticks and by candles, ahead and back", async () => {
    const known = async (count: number): Promise<void> => {
      await page.waitForFunction((wanted) => window.__tapedeck?.known === wanted, count);
    };
    const start = (await stats()).at ?? 0;
    for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowRight");
    await known(3);
    await page.keyboard.press("ArrowLeft");
    await known(2);
    await page.keyboard.press("Shift+ArrowRight");
    await waitForAt(start + 1e6);
    expect((await stats()).known).toBe(4);
    await page.keyboard.press("Shift+ArrowLeft");
    await waitForAt(start);
    expect((await stats()).known).toBe(0);
    expect(complaints).toEqual([]);
  });

  it("shows what led up to the end when it goes there, and plays it back from there", async () => {
    await page.keyboard.press("End");
    await page.waitForFunction(() => (window.__tapedeck?.known ?? 0) > 10_000);
    const end = (await stats()).at ?? 0;
    await page.keyboard.press("Space");
    await page.waitForFunction((at) => (window.__tapedeck?.at ?? at) < at - 60e6, end);
    await page.keyboard.press("Space");
    await waitFor("paused");
    await page.screenshot({ path: join(ROOT, "artefacts", "page-backwards.png") });
    const { at, newest } = await stats();
    expect(newest).toBeLessThan(at ?? 0);
    // Where it has played through those that were loaded, a page of older ones is on its way.
    await page.waitForFunction(() => (window.__tapedeck?.candles ?? 0) > 100);
    expect(complaints).toEqual([]);
  });

  it("shows the very candles that its ticks make", async () => {
    await page.getByRole("button", { name: "1m", exact: true }).click();
    await page.waitForFunction(() => window.__tapedeck?.interval === "1m");
    const { at, tail, candles } = await stats();
    const connection = connectTo(url);
    const [first] = await listSymbols(connection);
    const edge = micros(at ?? 0);
    const ticks = await readTicks(connection, first?.symbol ?? "", micros(edge - 600e6), edge);
    connection.destroy();
    const wanted = new Oracle(ticks).candles("1m", edge).slice(-2);
    expect(wanted).toHaveLength(2);
    expect([tail, candles > 100]).toEqual([wanted, true]);
    const close = wanted[1]?.close ?? NaN;
    const legend = async () => Number(/C ([\d.]+)/.exec(await page.locator(".legend").innerText())?.[1]);
    await expect.poll(legend, { timeout: TIMEOUT_MS }).toBe(close);
    await page.screenshot({ path: join(ROOT, "artefacts", "page-candles.png") });
    await page.getByRole("button", { name: "1s", exact: true }).click();
    await page.waitForFunction(() => window.__tapedeck?.interval === "1s");
    expect(complaints).toEqual([]);
  });

  it("gives the picture of all ticks before the playhead, whatever is done with the transport", async () => {
    const said = await walkThrough(url, 1, 60);
    expect(said).toHaveLength(61);
  });

  it("stops cleanly, and starts again with what it had", async () => {
    expect(await stop(server)).toBe(0);
    const again = await run();
    server = again.process;
    console.log(`the second ./run was ready after ${(again.ms / 1000).toFixed(1)} s`);
    // Another page, even where the port is the same: else only the fragment would change.
    await page.goto("about:blank");
    await page.goto(`${again.url}#speed=max&play=1`);
    await waitFor("ended");
    expect(await stats()).toMatchObject({ ticks: 345_600, speed: "max" });
    await page.keyboard.press("r");
    await waitFor("ended");
    expect(await stats()).toMatchObject({ ticks: 2 * 345_600, speed: "-max", known: 0 });
  });
});
