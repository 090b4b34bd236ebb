/**
 * The app's state outside React: one connection, the symbols there are, and one replay of the
 * chosen ones. `state` changes seldom; what changes with every frame is in `markets` and is
 * painted from there.
 */
import {
  Connection, isReverse, Listeners, listSymbols, Replay, TapedeckError, turnedRound,
  type Candle, type ConnectionStatus, type Micros, type ReplayStatus, type Speed, type StepUnit, type SymbolInfo,
  type Unsubscribe,
} from "../../src/core/index.js";
import { candlesOf, canStep, MAX_CHOSEN, neighbourSpeed, type IntervalName } from "./choices.js";
import { readLink, writeLink, type Link } from "./hash.js";
import type { Market } from "./market.js";
import { lookBackSpan } from "./look-back.js";
import { Markets, TICK_LIMITS } from "./markets.js";
import { Operations } from "./operations.js";
import { PaintLoop } from "./paint-loop.js";
import { TokenKeeper, type TokenWanted } from "./token.js";

/** As many as the server gives in one answer. */
const SYMBOLS_LIMIT = 10_000;
/** How often to look whether the first symbol has come. */
const EMPTY_POLL_MS = 3_000;

export interface EditedRange {
  readonly from: Micros | undefined;
  readonly to: Micros | undefined;
}

export interface SessionState {
  readonly connection: ConnectionStatus;
  /** Undefined until the server has told. */
  readonly symbols: readonly SymbolInfo[] | undefined;
  readonly chosen: readonly string[];
  /** The chosen symbol that the charts show. */
  readonly focus: string | undefined;
  readonly interval: IntervalName;
  readonly speed: Speed;
  /** What the step buttons go by. */
  readonly step: StepUnit;
  readonly playing: boolean;
  readonly edited: EditedRange;
  readonly replay: ReplayStatus | undefined;
  /** The server wants a token, and there is none. */
  readonly tokenWanted: TokenWanted | undefined;
  /** A hint to the user that is no failure. */
  readonly hint: string | undefined;
}

export class Session {
  readonly connection: Connection;
  readonly operations: Operations;
  readonly markets = new Markets();
  readonly paint = new PaintLoop();
  readonly #tokens: TokenKeeper;
  readonly #listeners = new Listeners<() => void>();
  readonly #unsubscribe: Unsubscribe;
  readonly #emptyPoll: ReturnType<typeof setInterval>;
  #replay: Replay | undefined;
  #link: Link;
  #state: SessionState;

  constructor(url: string, hash: string) {
    this.#link = readLink(hash);
    this.#tokens = new TokenKeeper(sessionStorage, (tokenWanted) => this.#set({ tokenWanted }));
    this.connection = new Connection({ url, token: this.#tokens.supply });
    this.operations = new Operations(this.connection);
    this.#state = {
      connection: this.connection.status,
      symbols: undefined,
      chosen: [],
      focus: undefined,
      interval: this.#link.interval ?? "1s",
      speed: this.#link.speed ?? 1,
      step: this.#link.step ?? "tick",
      playing: this.#link.play,
      edited: { from: this.#link.from, to: this.#link.to },
      replay: undefined,
      tokenWanted: undefined,
      hint: undefined,
    };
    this.#unsubscribe = this.connection.subscribe(() => this.#onConnection());
    this.#emptyPoll = setInterval(() => {
      if (this.#state.symbols?.length === 0) void this.refreshSymbols();
    }, EMPTY_POLL_MS);
  }

  get state(): SessionState {
    return this.#state;
  }

  get market(): Market | undefined {
    return this.markets.get(this.#state.focus);
  }

  /** The playhead, now. */
  get at(): Micros | undefined {
    return this.#replay?.at;
  }

  subscribe = (listener: () => void): Unsubscribe => this.#listeners.add(listener);

  /** Asks for the symbols again; opens a replay if there is none yet and now can be. */
  refreshSymbols = async (): Promise<void> => {
    try {
      const symbols = await listSymbols(this.connection, { limit: SYMBOLS_LIMIT });
      this.#set({ symbols });
      if (!this.#replay && symbols.length > 0) this.#chooseLinked();
    } catch (error) {
      // A lost connection shows by itself, and brings us back here when it is open again.
      if (this.connection.status.state === "open") this.#set({ hint: messageOf(error) });
    }
  };

  /** A link was opened in this page. */
  followLink(hash: string): void {
    this.#link = readLink(hash);
    const { interval, speed, step, play, from, to } = this.#link;
    this.#set({
      interval: interval ?? this.#state.interval,
      speed: speed ?? this.#state.speed,
      step: step ?? this.#state.step,
      playing: play,
      edited: { from, to },
    });
    if (this.#state.symbols) this.#chooseLinked();
  }

  giveToken(token: string): void {
    this.#tokens.give(token);
  }

  dismissHint(): void {
    this.#set({ hint: undefined });
  }

  choose(symbols: readonly string[]): void {
    const chosen = symbols.slice(-MAX_CHOSEN);
    if (chosen.length === 0) return;
    const { focus } = this.#state;
    const stays = focus !== undefined && chosen.includes(focus);
    this.#set({ chosen, focus: stays ? focus : chosen[0], hint: undefined });
    this.reopen();
  }

  focusOn(symbol: string): void {
    this.#set({ focus: symbol });
  }

  setInterval(interval: IntervalName): void {
    this.#set({ interval });
    this.showNewestCandles();
  }

  /** A snapshot of the candles, with the newest ones. */
  showNewestCandles(): void {
    this.#replay?.setCandles(candlesOf(this.#state.interval));
  }

  /** Older candles for the charts, if there are any. */
  pageBack(): void {
    const { focus } = this.#state;
    if (focus !== undefined) void this.markets.pageBack(focus);
  }

  /** The average price of a candle that is looked at. */
  lookUpAverage(candle: Candle): void {
    const { focus } = this.#state;
    if (focus !== undefined) void this.markets.lookUpAverage(focus, candle);
  }

  setSpeed(speed: Speed): void {
    this.#set({ speed });
    this.#replay?.setSpeed(speed);
  }

  setRange(edited: EditedRange): void {
    this.#set({ edited });
    this.reopen();
  }

  toggle(): void {
    if (this.#state.replay?.state === "failed") {
      this.#set({ playing: true });
      this.reopen();
    } else if (this.#state.playing) this.#replay?.pause();
    else this.#replay?.play();
  }

  /** Faster or slower by one in the list of speeds, in the direction that it has. */
  changeSpeed(by: 1 | -1): void {
    this.setSpeed(neighbourSpeed(this.#state.speed, by));
  }

  /** Turns round. From the end that it has come to, it plays back at once. */
  reverse(): void {
    const ended = this.#state.replay?.state === "ended";
    this.setSpeed(turnedRound(this.#state.speed));
    if (ended) this.#replay?.play();
  }

  setStep(step: StepUnit): void {
    this.#set({ step });
  }

  /** Goes `count` units ahead, or back: by default those of the step buttons. */
  stepBy(count: number, unit: StepUnit = this.#state.step): void {
    if (canStep(unit, this.#state.speed)) this.#replay?.step(unit, count);
  }

  seek(to: Micros): void {
    this.#replay?.seek(to);
  }

  /** To the start of the range, or to its end. */
  seekEnd(end: "from" | "to"): void {
    const range = this.#state.replay?.range;
    if (range) this.seek(range[end]);
  }

  /** Begins a new replay of what is chosen, where the old one was. */
  reopen(): void {
    const infos = (this.#state.symbols ?? []).filter(({ symbol }) => this.#state.chosen.includes(symbol));
    if (infos.length === 0) return;
    const { speed, playing, interval } = this.#state;
    const { from, to } = this.#rangeOf(infos);
    const { position } = this.#replay ?? {};
    // Not where there would be nothing left to play.
    const end = isReverse(speed) ? from : to;
    const stays = position !== undefined && position >= from && position <= to && position !== end;
    this.#replay?.destroy();
    const replay = new Replay(this.connection, {
      symbols: this.#state.chosen,
      from,
      to,
      at: stays ? position : undefined,
      speed,
      playing,
      candles: candlesOf(interval),
    });
    this.#replay = replay;
    const symbols = this.#state.chosen;
    this.markets.follow(replay, {
      open: (start, until) =>
        new Replay(this.connection, { symbols, from: start, to: until, speed: "-max", playing: true }),
      earliest: Math.min(...infos.map((info) => info.from)) as Micros,
      span: lookBackSpan(infos, TICK_LIMITS.enough),
    });
    replay.subscribe(() => this.#onReplay(replay.status));
    this.#onReplay(replay.status);
  }

  destroy(): void {
    clearInterval(this.#emptyPoll);
    this.#unsubscribe();
    this.markets.destroy();
    this.operations.destroy();
    this.#replay?.destroy();
    this.connection.destroy();
    this.paint.destroy();
    this.#listeners.clear();
  }

  /** All that the symbols have, or what was edited, unless they have nothing there. */
  #rangeOf(infos: readonly SymbolInfo[]): { from: Micros; to: Micros } {
    const first = Math.min(...infos.map((info) => info.from)) as Micros;
    const end = Math.max(...infos.map((info) => info.to)) as Micros;
    const { from = first, to = end } = this.#state.edited;
    if (from < end && to > first) return { from, to };
    this.#set({ edited: { from: undefined, to: undefined } });
    return { from: first, to: end };
  }

  #onConnection(): void {
    this.#set({ connection: this.connection.status });
    if (this.connection.status.state === "open") void this.refreshSymbols();
  }

  #onReplay(status: ReplayStatus): void {
    const { state } = status;
    const playing = state === "connecting" ? this.#state.playing : state === "playing" || state === "buffering";
    this.#set({ replay: status, playing, speed: status.speed });
  }

  /** The symbols of the link, as far as there are such; else the one with most ticks. */
  #chooseLinked(): void {
    const symbols = this.#state.symbols ?? [];
    const known = this.#link.symbols.filter((name) => symbols.some(({ symbol }) => symbol === name));
    const missing = this.#link.symbols.filter((name) => !known.includes(name));
    const busiest = symbols.reduce<SymbolInfo | undefined>((most, info) => (most && most.ticks >= info.ticks ? most : info), undefined);
    this.choose(known.length > 0 ? known : busiest ? [busiest.symbol] : []);
    if (missing.length > 0) this.#set({ hint: `There is no symbol ${missing.join(", ")} here.` });
  }

  #set(changes: Partial<SessionState>): void {
    this.#state = { ...this.#state, ...changes };
    this.#listeners.each((listener) => listener());
    if (this.#replay) this.#writeLink();
  }

  /** Only when it changed: browsers complain of pages that do this often. */
  #writeLink(): void {
    const { chosen, interval, speed, step, playing, edited } = this.#state;
    const hash = writeLink({ symbols: chosen, interval, speed, step, play: playing, ...edited });
    if (hash !== location.hash) history.replaceState(null, "", hash);
  }
}

function messageOf(error: unknown): string {
  return error instanceof TapedeckError ? error.message : String(error);
}
