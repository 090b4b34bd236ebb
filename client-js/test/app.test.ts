/** The built page in a real browser, against the mock server. Skipped without either. */
import { existsSync } from "node:fs";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Stats } from "../app/model/stats.js";
import { makeSymbol } from "./mock-data.mjs";
import { startMockServer } from "./mock-server.mjs";

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const BUILT = new URL("../dist/app/index.html", import.meta.url);

const missing = !existsSync(CHROMIUM) ? `${CHROMIUM} (set CHROMIUM)` : !existsSync(BUILT) ? "dist/app (run npm run build)" : undefined;
if (missing !== undefined) console.warn(`browser tests skipped: there is no ${missing}`);

describe.skipIf(missing !== undefined)("the page", { timeout: 60_000 }, () => {
  const symbols = [
    makeSymbol({ symbol: "AAA", price: 5_710_045, exp: 2, perSecond: 40, seconds: 150, seed: 1 }),
    makeSymbol({ symbol: "BBB", price: 146_852, exp: 3, perSecond: 10, seconds: 150, seed: 2, quotesOnly: true }),
  ];
  const total = symbols.reduce((sum, { ticks }) => sum + ticks.length, 0);
  const first = symbols[0]?.ticks[0]?.time ?? 0;
  let browser: Browser;
  let page: Page;
  let stop: () => Promise<void>;
  /** What the browser complained about: exceptions, policies, bad responses. */
  let complaints: string[];

  async function open(hash: string, shown = symbols): Promise<Awaited<ReturnType<typeof startMockServer>>> {
    const server = await startMockServer({ symbols: shown });
    stop = () => server.stop();
    page = await browser.newPage();
    complaints = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(`${server.url}${hash}`);
    return server;
  }

  async function waitFor(state: string): Promise<void> {
    await page.waitForFunction((wanted) => window.__tapedeck?.state === wanted, state, { timeout: 30_000 });
  }

  async function stats(): Promise<Stats> {
    return page.evaluate(() => window.__tapedeck ?? Promise.reject(new Error("no stats")));
  }

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
  });
  afterEach(async () => {
    await page.close();
    await stop();
    expect(complaints).toEqual([]);
  });
  afterAll(() => browser.close());

  it("plays every tick of every symbol, as fast as it can", async () => {
    await open("#symbol=AAA&symbol=BBB&speed=max&play=1");
    await waitFor("ended");
    expect((await stats()).ticks).toBe(total);
    expect(await page.locator(".tick-row").nth(1).innerText()).toMatch(/^09:3\d:\d\d\.\d{3}/);
  });

  it("loses and repeats nothing when the connection is lost on the way", async () => {
    const server = await open("#symbol=AAA&symbol=BBB&speed=50&play=1");
    await page.waitForFunction(() => (window.__tapedeck?.ticks ?? 0) > 1_000);
    server.hangUp(1001);
    await waitFor("ended");
    expect((await stats()).ticks).toBe(total);
  });

  it("obeys the keyboard: space plays and pauses, arrows go by candles", async () => {
    await open("#symbol=AAA&interval=5s");
    await waitFor("paused");
    await page.keyboard.press("Space");
    await page.waitForFunction(() => (window.__tapedeck?.ticks ?? 0) > 20);
    await page.keyboard.press("Space");
    await waitFor("paused");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await page.waitForFunction((at) => window.__tapedeck?.at === at, first + 10_000_000);
    await page.keyboard.press("ArrowLeft");
    await page.waitForFunction((at) => window.__tapedeck?.at === at, first + 5_000_000);
    expect(page.url()).toContain("interval=5s");
  });

  it("says what to do when there are no symbols", async () => {
    await open("", []);
    await page.getByText("tapedeck import FILE").waitFor();
    expect((await stats()).state).toBe("empty");
  });

  it("says so when a link names a symbol that is not there", async () => {
    await open("#symbol=ZZZ");
    await page.getByText("There is no symbol ZZZ here.").waitFor();
    await waitFor("paused");
  });
});
