/** Everything this client throws, rejects with or reports is one of these. */
export class TapedeckError extends Error {
  override readonly name: string = "TapedeckError";
}

/** The server answered a request with `error`; `code` is one of the protocol's error codes. */
export class RequestError extends TapedeckError {
  override readonly name = "RequestError";
  readonly code: string;
  readonly op: string;

  constructor(op: string, code: string, message: string) {
    super(message);
    this.op = op;
    this.code = code;
  }
}

/** The server sent something that the protocol does not allow, or that this client cannot read. */
export class ProtocolError extends TapedeckError {
  override readonly name = "ProtocolError";
}

/** There is no connection to send on, or it was lost before the answer came. */
export class ConnectionError extends TapedeckError {
  override readonly name = "ConnectionError";
  /** The WebSocket close code; 1006 when the connection just went away. */
  readonly closeCode: number;

  constructor(message: string, closeCode = 1006) {
    super(message);
    this.closeCode = closeCode;
  }
}
