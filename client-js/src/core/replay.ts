/**
 * A replay: market history played over a connection, in either direction, given out frame by
 * frame as it falls due.
 *
 * Two pictures are held apart. `want` is what the caller asked for; `known` is what the server
 * last said on this connection. Every difference is settled by one request at a time, so wishes
 * that pile up meanwhile (a slider being dragged) end in one request, and a lost connection needs
 * no case of its own: nothing is known any more, and the replay is opened anew with all that is
 * wanted, at the edge of the last frame used.
 */
import { decodeCandles, type CandlePage, type CandleRequest } from "./candles.js";
import { browserClock, type Clock } from "./clock.js";
import type { Connection } from "./connection.js";
import { EpochCheck } from "./epoch-check.js";
import { ConnectionError, ProtocolError, TapedeckError } from "./errors.js";
import { decodeFrame, edgeOf } from "./frames.js";
import { Listeners, type Unsubscribe } from "./listeners.js";
import { Marks } from "./marks.js";
import {
  readFrame, readOpened, readStanding, type Message, type Opened, type Speed, type Standing, type StepUnit,
  type WireFrame,
} from "./messages.js";
import { Playout } from "./playout.js";
import type { Follower, HistoryQuery, ReplayOptions } from "./replay-options.js";
import { sameStatus, shownState, type ReplayStatus } from "./replay-status.js";
import { readSnapshot, type Snapshot } from "./snapshots.js";
import { isReverse } from "./speed.js";
import { Stepping } from "./stepping.js";
import { clampTime, type Micros } from "./time.js";
import {
  addSteps, afterGrant, afterRefusal, amend, nextRequest, type Control, type Settings, type Wishes,
} from "./wishes.js";

const DEFAULT_WINDOW_MS = 2_000;
const DEFAULT_FPS = 60;

/** A request that has no answer yet. */
interface Asked {
  readonly control: Control;
  readonly want: Wishes;
}

export class Replay {
  readonly #connection: Connection;
  readonly #options: ReplayOptions;
  readonly #clock: Clock;
  readonly #playout: Playout;
  readonly #check = new EpochCheck();
  readonly #marks = new Marks();
  readonly #listeners = new Listeners<() => void>();
  readonly #followers = new Listeners<Follower>();
  readonly #unsubscribe: Unsubscribe;
  #want: Wishes;
  #known: Standing | undefined;
  #set: Settings;
  #asked: Asked | undefined;
  /** The epoch is that of a step: its frames are used though nothing plays. */
  #stepping: Stepping | undefined;
  #id: number | undefined;
  #detach: Unsubscribe | undefined;
  #range: Opened | undefined;
  #at: Micros | undefined;
  #heardAt = 0;
  #destroyed = false;
  #failure: TapedeckError | undefined;
  #refusal: TapedeckError | undefined;
  #status: ReplayStatus;

  constructor(connection: Connection, options: ReplayOptions, clock: Clock = browserClock) {
    const { playing = false, speed = 1, fps = DEFAULT_FPS, ticks = true, candles = [] } = options;
    this.#connection = connection;
    this.#options = options;
    this.#clock = clock;
    this.#want = { playing, speed, seekTo: undefined, step: undefined, fps, ticks, candles };
    this.#set = { fps, ticks, candles };
    this.#playout = new Playout(clock, options.windowMs ?? DEFAULT_WINDOW_MS, {
      use: (frames) => this.#guard(() => this.#use(frames)),
      ack: ({ epoch, seq }) => this.#ack(epoch, seq),
      // A request may have waited for frames to be used.
      painted: () => this.#settle(),
    });
    this.#status = this.#makeStatus();
    this.#unsubscribe = connection.subscribe(() => this.#onConnection());
    this.#onConnection();
  }

  /** What to show; a new object whenever anything in it changed. */
  get status(): ReplayStatus {
    return this.#status;
  }

  /** The playhead: the edge of the last frame used. Moves with every frame; not in `status`. */
  get at(): Micros | undefined {
    return this.#at;
  }

  /** Where the playhead is or, while a seek is under way, will be: relative seeks start here. */
  get position(): Micros | undefined {
    return this.#want.seekTo ?? this.#at;
  }

  /** Calls back after every change of `status`. */
  subscribe(listener: () => void): Unsubscribe {
    return this.#listeners.add(listener);
  }

  follow(follower: Follower): Unsubscribe {
    return this.#followers.add(follower);
  }

  /** Plays on; at the end of the range (backwards: at its start), all of it again. */
  play(): void {
    const { from, to } = this.#range ?? {};
    const [start, end] = isReverse(this.#want.speed) ? [to, from] : [from, to];
    const atEnd = end !== undefined && this.#playout.empty && this.position === end;
    this.#wish({ playing: true, ...(atEnd ? { seekTo: start } : {}) });
  }

  /** Stops at once; frames that are here already stay for the next play. */
  pause(): void {
    this.#wish({ playing: false });
  }

  /** Goes to `to`, kept within the range, and goes on as before: playing or paused. */
  seek(to: Micros): void {
    const range = this.#range;
    // A step wished before this would have come before it.
    this.#wish({ seekTo: range ? clampTime(to, range.from, range.to) : to, step: undefined });
  }

  /** Changes speed and direction, without a jump; `"-max"` and negative speeds play backwards. */
  setSpeed(speed: Speed): void {
    this.#wish({ speed });
  }

  /** Goes `count` units on, or back if it is negative, and stays paused there. */
  step(unit: StepUnit, count: number): void {
    if (count === 0) return;
    // While it plays, a step starts where the picture stands now.
    this.#wish({ playing: false, step: addSteps(this.#want.step, { unit, count }) });
  }

  /** Frames per wall second, 1 to 240. */
  setFps(fps: number): void {
    this.#wish({ fps });
  }

  /** Whether frames carry ticks. Where they come again, followers are told `moved`. */
  setTicks(ticks: boolean): void {
    this.#wish({ ticks });
  }

  /** Which candles snapshots and frames carry. A snapshot follows, also where they are the same. */
  setCandles(candles: readonly CandleRequest[]): void {
    this.#wish({ candles: [...candles] });
  }

  /** Older candles, as of the last frame used; rejects while there is no connection. */
  async history(query: HistoryQuery): Promise<CandlePage> {
    if (this.#id === undefined || !this.#known) {
      throw new ConnectionError("The replay is not open right now.");
    }
    const fields = { id: this.#id, ...query, at: this.#at };
    return decodeCandles(await this.#connection.request("replay.history", fields));
  }

  /** May be called by a follower, too: then the frames it has are the last ones. */
  destroy(): void {
    this.#destroyed = true;
    this.#unsubscribe();
    this.#leave();
    this.#playout.run(false);
    this.#listeners.clear();
    this.#followers.clear();
  }

  #wish(wishes: Partial<Wishes>): void {
    if (this.#failure) return;
    this.#want = { ...this.#want, ...wishes };
    this.#settle();
  }

  #onConnection(): void {
    if (this.#connection.status.state !== "open") this.#leave();
    else if (this.#id === undefined && !this.#failure) this.#open();
    this.#publish();
  }

  /** Rule 7 of the protocol: range and instant are all that is needed to continue anywhere. */
  #open(): void {
    const { symbols, from, to, at, leadMs, windowMs } = this.#options;
    const { speed, playing, fps, ticks, candles } = this.#want;
    const id = this.#connection.nextId();
    this.#id = id;
    this.#detach = this.#connection.attach(id, (message, bytes) => this.#receive(message, bytes));
    // Frames that wait here will come again.
    this.#playout.clear();
    this.#marks.clear();
    this.#set = { fps, ticks, candles };
    this.#control("open", {
      symbols,
      from: this.#range?.from ?? from,
      to: this.#range?.to ?? to,
      at: this.position ?? at,
      speed,
      state: playing ? "playing" : "paused",
      fps,
      ticks,
      candles: candles.length > 0 ? candles : undefined,
      lead_ms: leadMs,
      flow: "ack",
      window_ms: windowMs,
    });
  }

  /** What is known holds for one opening only. The lead stays: it is good to be used meanwhile. */
  #leave(): void {
    const id = this.#id;
    if (id !== undefined) this.#connection.send("replay.close", { id }, () => undefined);
    this.#detach?.();
    this.#keepStep();
    this.#stepping = undefined;
    this.#id = undefined;
    this.#known = undefined;
    this.#asked = undefined;
  }

  /** A step that was on its way is wished again. */
  #keepStep(): void {
    const rest = this.#asked?.control === "step" ? this.#asked.want.step : this.#stepping?.rest;
    if (!rest || this.#want.seekTo !== undefined) return;
    this.#want = { ...this.#want, step: this.#want.step ?? rest };
  }

  /** Sends the next request that brings what is known nearer to what is wanted. */
  #settle(): void {
    if (this.#destroyed) return;
    this.#dropVainStep();
    if (this.#known && !this.#asked && !this.#stepIsUnderWay) {
      const next = nextRequest(this.#want, this.#known, this.#set, this.#at);
      if (next) this.#control(next.control, next.fields);
    }
    this.#publish();
  }

  /** At the end of the range there is nothing to step to; no frame would tell that it is done. */
  #dropVainStep(): void {
    const { step } = this.#want;
    if (!step || !this.#range || this.#stepIsUnderWay) return;
    const end = step.count > 0 ? this.#range.to : this.#range.from;
    if (this.position === end) this.#want = { ...this.#want, step: undefined };
  }

  /** All but a seek has to wait for a step before it: they start where it ends. */
  get #stepIsUnderWay(): boolean {
    if (!this.#stepping || this.#want.seekTo !== undefined) return false;
    return !this.#stepping.done || !this.#playout.empty;
  }

  #control(control: Control, fields: Message): void {
    const asked = { control, want: this.#want };
    this.#asked = asked;
    // What is wished from here on comes on top of it.
    if (control === "step") this.#want = { ...this.#want, step: undefined };
    this.#connection.send(`replay.${control}`, { id: this.#id, ...fields }, (answer) => {
      // Not ours any more: the connection was lost, or the replay closed, meanwhile.
      if (this.#asked !== asked || answer instanceof ConnectionError) return;
      this.#asked = undefined;
      this.#guard(() => {
        if (answer instanceof TapedeckError) this.#refused(asked, answer);
        else this.#granted(asked, answer);
      });
      this.#settle();
    });
  }

  #granted(asked: Asked, answer: Message): void {
    const { control, want } = asked;
    const standing = readStanding(answer);
    const begins = !this.#known || standing.epoch > this.#known.epoch;
    this.#known = standing;
    this.#heardAt = this.#clock.now();
    this.#refusal = undefined;
    if (control === "open") this.#range = readOpened(answer);
    if (control === "set") this.#settled(want);
    this.#want = amend(this.#want, want, afterGrant(control, standing));
    if (!begins) return;
    const isLost = this.#marks.clear();
    this.#begin(standing.at, isLost);
    const steps = control === "step" && want.step && this.#range;
    this.#stepping = steps ? new Stepping(want.step, standing.at, steps) : undefined;
    // The snapshot that was lost showed what was set; only a seek and an opening bring another one.
    if (isLost && control !== "seek" && control !== "open") this.setCandles(this.#want.candles);
  }

  #refused({ control, want }: Asked, error: TapedeckError): void {
    if (control === "open") throw error;
    this.#want = amend(this.#want, want, afterRefusal(control, this.#known, this.#set));
    // Play and pause may cross with the end of the range; the state that was pushed says it all.
    if (control !== "play" && control !== "pause") this.#refusal = error;
  }

  /** Frames behind this answer carry ticks again, those before it did not: the past breaks off. */
  #settled({ fps, ticks, candles }: Settings): void {
    const resumes = ticks && !this.#set.ticks;
    if (candles !== this.#set.candles) this.#skipLead();
    this.#set = { fps, ticks, candles };
    if (resumes) this.#marks.add(this.#check.nextSeq, () => this.#tellMoved());
  }

  /** The snapshot of other candles would wait for the frames that are here, or on their way. */
  #skipLead(): void {
    const isStill = this.#known?.state === "paused" || this.#known?.state === "ended";
    if ((isStill && this.#playout.empty) || this.#stepIsUnderWay) return;
    this.#want = { ...this.#want, seekTo: this.position };
  }

  /** An epoch begins at `at`. The picture goes on if that is where we are, and nothing was lost. */
  #begin(at: Micros, isLost: boolean): void {
    this.#playout.clear();
    this.#check.begin(at, this.#options.symbols.length);
    if (at === this.#at && !isLost) return;
    this.#at = at;
    this.#tellMoved();
  }

  #tellMoved(): void {
    const at = this.#at;
    if (at !== undefined) this.#followers.each((follower) => follower.moved?.(at));
  }

  #receive(message: Message, bytes: number): void {
    this.#heardAt = this.#clock.now();
    this.#guard(() => {
      if (message["ev"] === "replay.frame") this.#onFrame(readFrame(message, bytes));
      else if (message["ev"] === "replay.state") this.#onState(readStanding(message));
      else if (message["ev"] === "replay.snapshot") this.#onSnapshot(readSnapshot(message));
      else if (message["ev"] === "error") throw new TapedeckError(String(message["message"]));
    });
    this.#publish();
  }

  #onFrame(frame: WireFrame): void {
    if (frame.epoch !== this.#known?.epoch) return;
    this.#check.arrived(frame);
    this.#playout.push(frame);
  }

  #onState(standing: Standing): void {
    if (!this.#known || standing.epoch < this.#known.epoch) return;
    if (standing.state === "closed") throw new TapedeckError("The server closed the replay.");
    if (standing.totals && standing.epoch === this.#known.epoch) this.#check.ended(standing.totals);
    this.#known = standing;
  }

  /** A replay that failed or was closed over these frames has no use for more. */
  #ack(epoch: number, seq: number): void {
    if (this.#id !== undefined) this.#connection.tell("replay.ack", { id: this.#id, epoch, seq });
  }

  #onSnapshot(snapshot: Snapshot): void {
    if (snapshot.epoch !== this.#known?.epoch) return;
    this.#marks.add(snapshot.seq, () => {
      this.#followers.each((follower) => follower.snapshot?.(snapshot));
    });
  }

  #use(due: readonly WireFrame[]): void {
    this.#marks.weave(due, (run) => {
      const frames = run.map(decodeFrame);
      for (const frame of run) this.#stepping?.used(frame);
      this.#at = edgeOf(run[run.length - 1] as WireFrame);
      this.#followers.each((follower) => follower.frames(frames));
    });
  }

  /** What goes wrong within is the end of this replay, not of the connection. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#failure = error instanceof TapedeckError ? error : new ProtocolError(String(error));
      this.#leave();
      this.#playout.clear();
      this.#want = { ...this.#want, playing: false, seekTo: undefined, step: undefined };
    }
  }

  /** Every change ends here. */
  #publish(): void {
    if (this.#destroyed) return;
    if (this.#known?.state === "ended" && this.#playout.empty && !this.#leaving) {
      this.#want = { ...this.#want, playing: false };
    }
    this.#playout.run((this.#want.playing || this.#stepIsUnderWay) && !this.#held);
    const status = this.#makeStatus();
    if (sameStatus(status, this.#status)) return;
    this.#status = status;
    this.#listeners.each((listener) => listener());
  }

  /** While a new epoch is on its way, using more of the old one would repeat or jump. */
  get #held(): boolean {
    const asked = this.#asked?.control;
    return this.#want.seekTo !== undefined || asked === "speed" || asked === "step";
  }

  /** The end that the server has told of is not where things stand, once something else is wished. */
  get #leaving(): boolean {
    return this.#held || this.#want.step !== undefined || this.#want.speed !== this.#known?.speed;
  }

  #makeStatus(): ReplayStatus {
    const shown = shownState({
      failed: this.#failure !== undefined,
      playing: this.#want.playing,
      leaving: this.#leaving,
      empty: this.#playout.empty,
      silentMs: this.#clock.now() - this.#heardAt,
      known: this.#known,
    });
    const { speed, seekTo, fps, ticks } = this.#want;
    return {
      ...shown,
      symbols: this.#options.symbols,
      range: this.#range,
      speed,
      seekingTo: seekTo,
      fps,
      ticks,
      totals: shown.state === "ended" ? this.#known?.totals : undefined,
      error: this.#failure ?? this.#refusal,
    };
  }
}
