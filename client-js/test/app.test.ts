/** The built page in a real browser, against the mock server. Skipped without either. */
import { existsSync } from "node:fs";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { INTERVALS } from "../app/model/choices.js";
import type { Stats } from "../app/model/stats.js";
import { micros } from "../src/core/index.js";
import { makeSymbol, type MockSymbol } from "./mock-data.mjs";
import { startMockServer } from "./mock-server.mjs";
import { endOf } from "./mock-steps.mjs";
import { Oracle, ticksOf } from "./oracle.js";

const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const BUILT = new URL("../dist/app/index.html", import.meta.url);

/** For what hangs, not for what is slow. */
const TIMEOUT_MS = 60_000;

const missing = !existsSync(CHROMIUM) ? `${CHROMIUM} (set CHROMIUM)` : !existsSync(BUILT) ? "dist/app (run npm run build)" : undefined;
if (missing !== undefined) console.warn(`browser tests skipped: there is no ${missing}`);

describe.skipIf(missing !== undefined)("the page", () => {
  const symbols = [
    makeSymbol({ symbol: "AAA", price: 5_710_045, exp: 2, perSecond: 40, seconds: 150, seed: 1 }),
    makeSymbol({ symbol: "BBB", price: 146_852, exp: 3, perSecond: 10, seconds: 150, seed: 2, quotesOnly: true }),
  ];
  /** Hours of market: wherever it is played from, its ends are far. */
  const long = makeSymbol({ symbol: "LONG", price: 5_000, exp: 2, perSecond: 4, seconds: 9_000, seed: 3 });
  const total = symbols.reduce((sum, { ticks }) => sum + ticks.length, 0);
  const first = symbols[0]?.ticks[0]?.time ?? 0;
  const start = Math.min(...symbols.map(({ ticks }) => ticks[0]?.time ?? Infinity));
  const end = endOf(symbols[0] ?? { symbol: "", exp: 0, ticks: [] });
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let stop: () => Promise<void>;
  /** What the browser complained about: exceptions, policies, bad responses. */
  let complaints: string[];

  async function open(hash: string, shown = symbols, token?: string): Promise<Awaited<ReturnType<typeof startMockServer>>> {
    const server = await startMockServer({ symbols: shown, ...(token === undefined ? {} : { token }) });
    stop = () => server.stop();
    page = await context.newPage();
    complaints = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    await page.goto(`${server.url}${hash}`);
    return server;
  }

  async function waitFor(state: string): Promise<void> {
    await page.waitForFunction((wanted) => window.__tapedeck?.state === wanted, state);
  }

  async function stats(): Promise<Stats> {
    return page.evaluate(() => window.__tapedeck ?? Promise.reject(new Error("no stats")));
  }

  async function waitForTicks(more: number): Promise<void> {
    await page.waitForFunction((count) => (window.__tapedeck?.ticks ?? 0) > count, more);
  }

  async function waitForAt(wanted: number): Promise<void> {
    await page.waitForFunction((instant) => window.__tapedeck?.at === instant, wanted);
  }

  /** As a quick hand does it: the next key goes down before anybody saw what the last one did. */
  async function pressAtOnce(...keys: readonly string[]): Promise<void> {
    await Promise.all(keys.map((key) => page.keyboard.press(key)));
  }

  // One context, and a tab of it for each test: a context of its own would take as long again.
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox", "--disable-gpu"] });
    context = await browser.newContext();
    context.setDefaultTimeout(TIMEOUT_MS);
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
    await page.locator(".tick-row").nth(1).filter({ hasText: /^09:3\d:\d\d\.\d{3}/ }).waitFor();
  });

  it("asks for a token where the server wants one, keeps it for the tab and out of the address", async () => {
    await open("#symbol=AAA&symbol=BBB&speed=max&play=1", symbols, "tdk_right");
    const field = page.getByLabel("API key or token");
    await field.fill("tdk_wrong");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("This token is wrong.").waitFor();
    await field.fill("tdk_right");
    await page.getByRole("button", { name: "Enter" }).click();
    await waitFor("ended");
    expect((await stats()).ticks).toBe(total);
    expect(await page.evaluate(() => location.href)).not.toContain("tdk_");
    await page.reload();
    await waitFor("paused");
    expect(await page.evaluate(() => [sessionStorage.length, localStorage.length])).toEqual([1, 0]);
  });

  /** Slow until it is lost, so that there is something left to lose; the rest as fast as it can. */
  async function expectNoneLost(direction: "" | "-", closeCode: number): Promise<void> {
    const server = await open(`#symbol=AAA&symbol=BBB&speed=${direction}10&play=1`);
    await waitForTicks(200);
    server.hangUp(closeCode);
    await expect.poll(() => server.connections, { timeout: TIMEOUT_MS }).toBe(2);
    await page.getByLabel("Speed", { exact: true }).selectOption(`${direction}max`);
    await waitFor("ended");
    expect((await stats()).ticks).toBe(total);
  }

  it("loses and repeats nothing when the connection is lost on the way", async () => {
    await expectNoneLost("", 1001);
  });

  it("plays backwards until all is taken back", async () => {
    await open("#symbol=AAA&symbol=BBB&speed=-max&play=1");
    await waitFor("ended");
    expect(await stats()).toMatchObject({ ticks: total, at: start, newest: null, known: 0, candles: 0 });
    await page.getByText("Start of the range").waitFor();
  });

  it("takes back no more and no less when the connection is lost while it plays backwards", async () => {
    await expectNoneLost("-", 1013);
    expect((await stats()).known).toBe(0);
  });

  it("knows what led up to the place that was sought", async () => {
    await open("#symbol=AAA");
    await waitFor("paused");
    await page.keyboard.press("End");
    const all = symbols[0]?.ticks.length ?? 0;
    await page.waitForFunction((count) => window.__tapedeck?.known === count, all);
    expect((await stats()).newest).toBe(symbols[0]?.ticks[all - 1]?.time);
    expect((await stats()).ticks).toBe(0);
  });

  it("obeys the keyboard: space plays and pauses, R turns round", async () => {
    await open("#symbol=AAA&interval=5s&speed=20");
    await waitFor("paused");
    await page.keyboard.press("Space");
    await waitForTicks(300);
    await page.keyboard.press("r");
    await waitFor("ended");
    expect(await stats()).toMatchObject({ at: first, speed: -20, known: 0 });
    await page.keyboard.press("r");
    await page.keyboard.press("[");
    await page.waitForFunction(() => (window.__tapedeck?.known ?? 0) > 20);
    await page.keyboard.press("Space");
    await waitFor("paused");
    expect(await page.evaluate(() => location.hash)).toMatch(/interval=5s&speed=10/);
  });

  it("turns round at the end from the key on, and back again without playing anything", async () => {
    await open("#symbol=AAA&speed=max&play=1");
    await waitFor("ended");
    const { ticks } = await stats();
    // Within one task, so that no answer of the server comes in between.
    const shown = await page.evaluate(() => ["r", "r"].map((key) => {
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
      return [window.__tapedeck?.state, window.__tapedeck?.speed];
    }));
    expect(shown).toEqual([["playing", "-max"], ["playing", "max"]]);
    await waitFor("ended");
    expect(await stats()).toMatchObject({ at: end, ticks, speed: "max" });
  });

  it("obeys the keyboard: arrows step, with shift by candles", async () => {
    await open("#symbol=AAA&interval=5s");
    await waitFor("paused");
    const instants = [...new Set(symbols[0]?.ticks.map(({ time }) => time))];
    for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowRight");
    await waitForAt((instants[2] ?? 0) + 1);
    await page.keyboard.press("ArrowLeft");
    await waitForAt(instants[2] ?? 0);
    for (let i = 0; i < 2; i++) await page.keyboard.press("Shift+ArrowRight");
    await waitForAt(first + 10_000_000);
    const there = await stats();
    await page.keyboard.press("Shift+ArrowRight");
    await waitForAt(first + 15_000_000);
    await page.keyboard.press("Shift+ArrowLeft");
    await waitForAt(first + 10_000_000);
    const back = await stats();
    expect([back.newest, back.known, back.candles]).toEqual([there.newest, there.known, there.candles]);
  });

  it("steps by what was chosen, with the buttons", async () => {
    await open("#symbol=AAA");
    await waitFor("paused");
    await page.getByLabel("Step", { exact: true }).selectOption("1m");
    await page.getByLabel("One step ahead").click();
    await waitForAt(first + 60_000_000);
    await page.getByLabel("Speed", { exact: true }).selectOption("-max");
    await page.getByLabel("Step", { exact: true }).selectOption("tick");
    await page.getByLabel("One step back").click();
    await page.waitForFunction((at) => (window.__tapedeck?.at ?? at) < at, first + 60_000_000);
    await page.getByLabel("Play", { exact: true }).click();
    await waitFor("ended");
    expect(await stats()).toMatchObject({ at: first, known: 0 });
  });

  it("shows what the keys do, and leaves them alone meanwhile", async () => {
    await open("#symbol=AAA");
    await waitFor("paused");
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await page.keyboard.press("Space");
    await pressAtOnce("Escape", "End");
    await waitForAt(end);
    expect(await page.getByRole("dialog").count()).toBe(0);
    expect((await stats()).state).toBe("paused");
  });

  it.each([
    ["the keys, by their key", () => page.keyboard.press("?")],
    ["the keys, by a click", () => page.getByRole("button", { name: "What the keys do" }).click()],
    ["the database", () => page.getByRole("button", { name: "Database" }).click()],
  ])("takes the very next key when Esc has closed %s", async (_, show) => {
    await open("#symbol=AAA");
    await waitFor("paused");
    for (const [key, at] of [["End", end], ["Home", first], ["End", end], ["Home", first]] as const) {
      await show();
      await page.getByRole("dialog").waitFor();
      await pressAtOnce("Escape", key);
      await waitForAt(at);
    }
  });

  it("leaves keys alone under a dialog, wherever the focus is", async () => {
    await open("#symbol=AAA");
    await waitFor("paused");
    await page.getByRole("button", { name: "Database" }).click();
    await page.getByRole("dialog").waitFor();
    await page.evaluate(() => document.activeElement instanceof HTMLElement && document.activeElement.blur());
    for (const key of ["Space", "End", "?"]) await page.keyboard.press(key);
    expect(await stats()).toMatchObject({ state: "paused", at: first });
    expect(await page.getByRole("dialog").count()).toBe(1);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  });

  /** The newest candles of the chart are those of all ticks before the playhead. */
  async function expectTail(interval: string, symbol: MockSymbol): Promise<void> {
    const { at, tail } = await stats();
    expect(tail).toEqual(new Oracle(ticksOf(symbol)).candles(interval, micros(at ?? 0)).slice(-2));
  }

  it("shows the candles of every interval, also while it is paused in the midst of frames", async () => {
    await open("#symbol=LONG&speed=100&step=1h", [long]);
    await waitFor("paused");
    await page.keyboard.press("ArrowRight");
    await waitForAt(Date.UTC(2024, 7, 8, 10) * 1000);
    await page.keyboard.press("Space");
    await waitForTicks((await stats()).ticks + 200);
    await page.keyboard.press("Space");
    await waitFor("paused");
    for (const interval of [...INTERVALS].reverse()) {
      await page.getByRole("button", { name: interval, exact: true }).click();
      await page.waitForFunction((name) => window.__tapedeck?.interval === name, interval);
      await expectTail(interval, long);
    }
    await page.keyboard.press("r");
    await page.keyboard.press("Space");
    await page.waitForFunction((at) => (window.__tapedeck?.at ?? at) < at - 30e6, (await stats()).at ?? 0);
    await page.keyboard.press("Space");
    await waitFor("paused");
    await expectTail("1s", long);
  });

  it("loads older candles when it is scrolled back, and never more than five thousand", async () => {
    await open("#symbol=LONG", [long]);
    await waitFor("paused");
    await page.keyboard.press("End");
    await page.waitForFunction(() => (window.__tapedeck?.candles ?? 0) >= 500);
    await page.mouse.move(400, 250);
    const scrollUntil = async (detached: boolean, delta: number): Promise<void> => {
      for (;;) {
        const { candles, detached: is } = await stats();
        expect(candles).toBeLessThanOrEqual(5_000);
        if (is === detached) return;
        await page.mouse.wheel(delta, 0);
        await page.evaluate(() => new Promise(requestAnimationFrame));
      }
    };
    await scrollUntil(true, -4_000);
    expect((await stats()).candles).toBe(5_000);
    await scrollUntil(false, 8_000);
    await expectTail("1s", long);
  });

  it("tells the average price of the candle that the crosshair rests on", async () => {
    await open("#symbol=AAA");
    await waitFor("paused");
    await page.keyboard.press("End");
    await page.waitForFunction(() => (window.__tapedeck?.candles ?? 0) >= 100);
    // Painted, and of the newest candle: its average is not asked for.
    await page.waitForFunction(() => /^O .* V [\d.,]+$/.test(document.querySelector(".legend")?.textContent ?? ""));
    const chart = await page.locator(".chart").first().boundingBox();
    await page.mouse.move((chart?.x ?? 0) + (chart?.width ?? 0) / 2, (chart?.y ?? 0) + (chart?.height ?? 0) / 2);
    await page.waitForFunction(() => /L ([\d.,]+) .*VWAP [\d.,]+$/.test(document.querySelector(".legend")?.textContent ?? ""));
    const text = (await page.locator(".legend").textContent()) ?? "";
    const value = (name: string): number => Number(new RegExp(`${name} ([\\d.,]+)`).exec(text)?.[1]?.replaceAll(",", ""));
    expect(value("VWAP")).toBeGreaterThanOrEqual(value("L"));
    expect(value("VWAP")).toBeLessThanOrEqual(value("H"));
    await page.mouse.move(0, 0);
    await page.waitForFunction(() => !/VWAP/.test(document.querySelector(".legend")?.textContent ?? ""));
  });

  it("says why there are no candles of quotes", async () => {
    await open("#symbol=BBB");
    await waitFor("paused");
    await page.getByText("candles are made of trades").waitFor();
  });

  it("has nothing beside the screen, whatever its size", async () => {
    await open("#symbol=AAA&symbol=BBB&speed=-20&play=1");
    await waitForTicks(300);
    for (const [width, height] of [[1920, 1080], [1280, 720], [390, 844]] as const) {
      await page.setViewportSize({ width, height });
      const beyond = () => page.evaluate(() => ({
        width: window.innerWidth,
        page: document.documentElement.scrollWidth - window.innerWidth,
        controls: [...document.querySelectorAll(".header > *, .transport > *, .settings > *")]
          .filter((each) => each.getBoundingClientRect().right > window.innerWidth + 1)
          .map((each) => each.className),
      }));
      // The charts take their new size a frame later.
      await expect.poll(beyond, { timeout: TIMEOUT_MS }).toEqual({ width, page: 0, controls: [] });
    }
  });

  it("tells of the database, and lets an operator run its policies", async () => {
    await open("#symbol=AAA");
    await page.getByRole("button", { name: "Database, 2 alerts" }).click();
    const panel = page.getByRole("dialog", { name: "Database" });
    await panel.getByText("The disk of the database is 84 % full.").waitFor();
    await panel.getByRole("row", { name: /tick_data.*13\.0×/ }).waitFor();
    await panel.getByRole("button", { name: "Policies" }).click();
    await panel.getByRole("row", { name: /candle_1h.*deadlock detected/ }).waitFor();
    await panel.getByRole("button", { name: "Run refresh of candle_1h now" }).click();
    await panel.getByRole("list", { name: "Runs seen" }).getByText("refresh of candle_1h").waitFor();
    await panel.getByRole("button", { name: "Resume retention of tick_data" }).click();
    await panel.getByRole("button", { name: "Pause retention of tick_data" }).waitFor();
    await page.keyboard.press("Escape");
    await panel.waitFor({ state: "detached" });
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
