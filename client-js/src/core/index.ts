/** The public face of the tapedeck client. */
export { CandleFeed, fetchCandles, type CandlesQuery } from "./candle-feed.js";
export { CandleSeries, MAX_CANDLES } from "./candle-series.js";
export type {
  Candle, CandleChange, CandlePage, CandleRequest, ReplayCandles,
} from "./candles.js";
export type { Clock, Cancel } from "./clock.js";
export { decodeColumn, type Column } from "./columns.js";
export { Connection, type ConnectionOptions, type ConnectionStatus, type TokenSupplier } from "./connection.js";
export { ConnectionError, ProtocolError, RequestError, TapedeckError } from "./errors.js";
export type { Frame, Ticks } from "./frames.js";
export { Listeners, type Unsubscribe } from "./listeners.js";
export type {
  Message, Opened, Speed, Step, StepUnit, SymbolInfo, Welcome,
} from "./messages.js";
export {
  PolicyFeed, type Aggregate, type Policy, type PolicyAction, type PolicyEvent, type PolicyOutcome,
} from "./policies.js";
export { Replay } from "./replay.js";
export type { Follower, HistoryQuery, ReplayOptions } from "./replay-options.js";
export type { BufferingReason, ReplayState, ReplayStatus } from "./replay-status.js";
export type { LastValues, Snapshot } from "./snapshots.js";
export { inDirection, isReverse, turnedRound } from "./speed.js";
export type { OpenSocket, Socket, SocketEvents } from "./socket.js";
export {
  fetchStorageHistory, StorageFeed,
  type Alert, type CacheUse, type Compression, type Disk, type StorageReport, type StorageSample,
  type StoredTable,
} from "./storage.js";
export type { FeedStatus } from "./subscription.js";
export { listSymbols, type SymbolsQuery } from "./symbols.js";
export {
  bucketStart, clampTime, formatTime, fromMillis, micros, parseInterval, parseTime, shift, toSeconds,
  type DurationMicros, type Micros,
} from "./time.js";
