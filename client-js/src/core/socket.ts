import { encode } from "@msgpack/msgpack";

export const SUBPROTOCOL = "tapedeck.v1.msgpack";

/** What a connection needs of a WebSocket; tests put a fake here. */
export interface Socket {
  send(bytes: Uint8Array): void;
  close(): void;
}

export interface SocketEvents {
  message(data: ArrayBuffer | string): void;
  close(code: number, reason: string): void;
}

export type OpenSocket = (url: string, events: SocketEvents) => Socket;

export const openBrowserSocket: OpenSocket = (url, events) => {
  const socket = new WebSocket(url, SUBPROTOCOL);
  socket.binaryType = "arraybuffer";
  socket.onmessage = (event: MessageEvent<ArrayBuffer | string>) => events.message(event.data);
  socket.onclose = (event) => events.close(event.code, event.reason);
  return {
    send: (bytes) => socket.send(bytes as Uint8Array<ArrayBuffer>),
    close: () => socket.close(1000),
  };
};

/** One request as bytes; fields that are undefined are left out. */
export function encodeRequest(fields: Readonly<Record<string, unknown>>): Uint8Array {
  return encode(fields, { ignoreUndefined: true });
}
