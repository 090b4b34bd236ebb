/**
 * A replay: market history played over a connection, given out frame by frame as it falls due.
 *
 * Two pictures are held apart. `want` is what the caller asked for; `known` is what the server
 * last said on this connection. Every difference is settled by one request at a time, so wishes
 * that pile up meanwhile (a slider being dragged) end in one request, and a lost connection needs
 * no case of its own: nothing is known any more, and the replay is opened anew with all that is
 * wanted, at the edge of the last frame used.
 */
import { browserClock, type Clock } from "./clock.js";
import type { Connection } from "./connection.js";
import { ConnectionError, ProtocolError, TapedeckError } from "./errors.js";
import { decodeFrame, edgeOf } from "./frames.js";
import { Listeners, type Unsubscribe } from "./listeners.js";
import {
  readFrame, readOpened, readSnapshot, readStanding,
  type Message, type Opened, type Snapshot, type Speed, type Standing, type WireFrame,
} from "./messages.js";
import { Playout } from "./playout.js";
import type { Follower, ReplayOptions } from "./replay-options.js";
import { sameStatus, shownState, type ReplayStatus } from "./replay-status.js";
import { clampTime, type Micros } from "./time.js";
import { afterGrant, afterRefusal, amend, nextStep, type Control, type Wishes } from "./wishes.js";

const DEFAULT_WINDOW_MS = 2_000;

export class Replay {
  readonly #connection: Connection;
  readonly #options: ReplayOptions;
  readonly #clock: Clock;
  readonly #playout: Playout;
  readonly #listeners = new Listeners<() => void>();
  readonly #followers = new Listeners<Follower>();
  readonly #unsubscribe: Unsubscribe;
  #want: Wishes;
  #known: Standing | undefined;
  /** The request that has no answer yet. */
  #asked: { readonly control: Control; readonly want: Wishes } | undefined;
  #id: number | undefined;
  #detach: Unsubscribe | undefined;
  #range: Opened | undefined;
  #at: Micros | undefined;
  #heardAt = 0;
  #failure: TapedeckError | undefined;
  #refusal: TapedeckError | undefined;
  #status: ReplayStatus;

  constructor(connection: Connection, options: ReplayOptions, clock: Clock = browserClock) {
    const { playing = false, speed = 1, windowMs = DEFAULT_WINDOW_MS } = options;
    this.#connection = connection;
    this.#options = options;
    this.#clock = clock;
    this.#want = { playing, speed, seekTo: undefined };
    this.#playout = new Playout(clock, windowMs, {
      use: (frames) => this.#guard(() => this.#use(frames)),
      ack: ({ epoch, seq }) => connection.tell("replay.ack", { id: this.#id, epoch, seq }),
      painted: () => this.#publish(),
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

  /** Plays on; from the start of the range when it is at the end. */
  play(): void {
    const atEnd = this.#playout.empty && this.#range && this.position === this.#range.to;
    this.#wish({ playing: true, ...(atEnd ? { seekTo: this.#range?.from } : {}) });
  }

  /** Stops at once; frames that are here already stay for the next play. */
  pause(): void {
    this.#wish({ playing: false });
  }

  /** Goes to `to`, kept within the range, and goes on as before: playing or paused. */
  seek(to: Micros): void {
    const range = this.#range;
    this.#wish({ seekTo: range ? clampTime(to, range.from, range.to) : to });
  }

  setSpeed(speed: Speed): void {
    this.#wish({ speed });
  }

  destroy(): void {
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
    const { symbols, from, to, at, fps, leadMs, windowMs } = this.#options;
    const id = this.#connection.nextId();
    this.#id = id;
    this.#detach = this.#connection.attach(id, (message, bytes) => this.#receive(message, bytes));
    // Frames that wait here will come again.
    this.#playout.clear();
    this.#control("open", {
      symbols,
      from: this.#range?.from ?? from,
      to: this.#range?.to ?? to,
      at: this.position ?? at,
      speed: this.#want.speed,
      state: this.#want.playing ? "playing" : "paused",
      fps,
      lead_ms: leadMs,
      flow: "ack",
      window_ms: windowMs,
    });
  }

  /** What is known holds for one opening only. The lead stays: it is good to be used meanwhile. */
  #leave(): void {
    if (this.#id !== undefined) this.#connection.send("replay.close", { id: this.#id }, () => undefined);
    this.#detach?.();
    this.#id = undefined;
    this.#known = undefined;
    this.#asked = undefined;
  }

  /** Sends the next request that brings what is known nearer to what is wanted. */
  #settle(): void {
    if (this.#known && !this.#asked) {
      const step = nextStep(this.#want, this.#known, this.#at);
      if (step) this.#control(step.control, step.fields);
    }
    this.#publish();
  }

  #control(control: Control, fields: Message): void {
    const asked = { control, want: this.#want };
    this.#asked = asked;
    this.#connection.send(`replay.${control}`, { id: this.#id, ...fields }, (answer) => {
      // Not ours any more: the connection was lost, or the replay closed, meanwhile.
      if (this.#asked !== asked || answer instanceof ConnectionError) return;
      this.#asked = undefined;
      this.#guard(() => {
        if (answer instanceof TapedeckError) this.#refused(control, asked.want, answer);
        else this.#granted(control, asked.want, answer);
      });
      this.#settle();
    });
  }

  #granted(control: Control, asked: Wishes, answer: Message): void {
    const standing = readStanding(answer);
    const begins = !this.#known || standing.epoch > this.#known.epoch;
    this.#known = standing;
    this.#heardAt = this.#clock.now();
    this.#refusal = undefined;
    if (control === "open") this.#range = readOpened(answer);
    this.#want = amend(this.#want, asked, afterGrant(control, standing));
    if (begins) this.#begin(standing.at);
  }

  #refused(control: Control, asked: Wishes, error: TapedeckError): void {
    if (control === "open") throw error;
    this.#want = amend(this.#want, asked, afterRefusal(control, this.#known));
    // Play and pause may cross with the end of the range; the state that was pushed says it all.
    if (control !== "play" && control !== "pause") this.#refusal = error;
  }

  /** An epoch begins at `at`. The picture goes on if that is where we are. */
  #begin(at: Micros): void {
    this.#playout.clear();
    if (at === this.#at) return;
    this.#at = at;
    this.#followers.each((follower) => follower.moved?.(at));
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
    if (frame.seq !== this.#playout.nextSeq) {
      throw new ProtocolError(`Frame ${frame.seq} came where ${this.#playout.nextSeq} was due.`);
    }
    this.#playout.push(frame);
  }

  #onState(standing: Standing): void {
    if (!this.#known || standing.epoch < this.#known.epoch) return;
    if (standing.state === "closed") throw new TapedeckError("The server closed the replay.");
    this.#known = standing;
  }

  #onSnapshot(snapshot: Snapshot): void {
    if (snapshot.epoch !== this.#known?.epoch) return;
    this.#followers.each((follower) => follower.snapshot?.(snapshot));
  }

  #use(due: readonly WireFrame[]): void {
    const frames = due.map(decodeFrame);
    this.#at = edgeOf(due[due.length - 1] as WireFrame);
    this.#followers.each((follower) => follower.frames(frames));
  }

  /** What goes wrong within is the end of this replay, not of the connection. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#failure = error instanceof TapedeckError ? error : new ProtocolError(String(error));
      this.#leave();
      this.#playout.clear();
      this.#want = { ...this.#want, playing: false, seekTo: undefined };
    }
  }

  /** Every change ends here. */
  #publish(): void {
    if (this.#known?.state === "ended" && this.#playout.empty && !this.#held) {
      this.#want = { ...this.#want, playing: false };
    }
    this.#playout.run(this.#want.playing && !this.#held);
    const status = this.#makeStatus();
    if (sameStatus(status, this.#status)) return;
    this.#status = status;
    this.#listeners.each((listener) => listener());
  }

  /** While a new epoch is on its way, using more of the old one would repeat or jump. */
  get #held(): boolean {
    return this.#want.seekTo !== undefined || this.#asked?.control === "speed";
  }

  #makeStatus(): ReplayStatus {
    const shown = shownState({
      failed: this.#failure !== undefined,
      playing: this.#want.playing,
      empty: this.#playout.empty,
      silentMs: this.#clock.now() - this.#heardAt,
      known: this.#known,
    });
    return {
      ...shown,
      symbols: this.#options.symbols,
      range: this.#range,
      speed: this.#want.speed,
      seekingTo: this.#want.seekTo,
      error: this.#failure ?? this.#refusal,
    };
  }
}
