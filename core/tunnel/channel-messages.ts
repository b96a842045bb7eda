// What two ends of a tunnel say to each other through the relay, one WebSocket message each. Numbers are big-endian;
// an offset counts the bytes of one direction from the tunnel's beginning, and its end counts as one more.
//
//   1 DATA   offset:u64 bytes        the bytes from `offset` on
//   2 END    offset:u64              nothing comes behind `offset`
//   3 ACK    consumed:u64            up to there it was used, and is needed no more
//   4 HELLO  version:u8 instance:16 window:u32 received:u64 consumed:u64
//                                    send from `received` on; so much may be under way behind `consumed`
//   5 PING   consumed:u64 sent:u64   answered by ACK; what is missing of what was sent is asked for by HELLO
//
// The relay reads none of them (docs/adr/0057).

import { err, ok, type Result } from '../result.ts';

export const CHANNEL_VERSION = 1;
/** Payload of a DATA message: larger ones hold up what else goes through the same connection. */
export const MAX_DATA_BYTES = 64 * 1024;
export const INSTANCE_BYTES = 16;
const OFFSET_BYTES = 8;
const HELLO_BYTES = 1 + 1 + INSTANCE_BYTES + 4 + 2 * OFFSET_BYTES;
/** A message that is longer is none of this protocol. */
export const MAX_CHANNEL_MESSAGE_BYTES = 1 + OFFSET_BYTES + MAX_DATA_BYTES;

const DATA = 1;
const END = 2;
const ACK = 3;
const HELLO = 4;
const PING = 5;

export interface Hello {
  readonly version: number;
  /** Which end it is: another one knows nothing of what was sent before. */
  readonly instance: Uint8Array;
  readonly window: number;
  readonly received: number;
  readonly consumed: number;
}

type ChannelMessage =
  | { readonly kind: 'data'; readonly offset: number; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly offset: number }
  | { readonly kind: 'ack'; readonly consumed: number }
  | { readonly kind: 'ping'; readonly consumed: number; readonly sent: number }
  | ({ readonly kind: 'hello' } & Hello);

export function writeData(offset: number, parts: readonly Uint8Array[], length: number): Uint8Array {
  const message = new Uint8Array(1 + OFFSET_BYTES + length);
  message[0] = DATA;
  writeOffset(message, 1, offset);
  let at = 1 + OFFSET_BYTES;
  for (const part of parts) {
    message.set(part, at);
    at += part.length;
  }
  return message;
}

export const writeEnd = (offset: number): Uint8Array => writeShort(END, offset);
export const writeAck = (consumed: number): Uint8Array => writeShort(ACK, consumed);

export function writePing(consumed: number, sent: number): Uint8Array {
  const message = new Uint8Array(1 + 2 * OFFSET_BYTES);
  message[0] = PING;
  writeOffset(message, 1, consumed);
  writeOffset(message, 1 + OFFSET_BYTES, sent);
  return message;
}

export function writeHello(hello: Hello): Uint8Array {
  const message = new Uint8Array(HELLO_BYTES);
  message[0] = HELLO;
  message[1] = hello.version;
  message.set(hello.instance, 2);
  new DataView(message.buffer).setUint32(2 + INSTANCE_BYTES, hello.window);
  writeOffset(message, 6 + INSTANCE_BYTES, hello.received);
  writeOffset(message, 6 + INSTANCE_BYTES + OFFSET_BYTES, hello.consumed);
  return message;
}

/** Fails with what is wrong with it. Payloads are views of `message`. */
export function readChannelMessage(message: Uint8Array): Result<ChannelMessage, string> {
  const kind = message[0];
  if (kind === HELLO) return readHello(message);
  if (message.length < 1 + OFFSET_BYTES) return err('a message is too short');
  const offset = readOffset(message, 1);
  if (offset === undefined) return err('an offset is too large');
  if (kind === DATA) {
    const bytes = message.subarray(1 + OFFSET_BYTES);
    if (bytes.length === 0 || bytes.length > MAX_DATA_BYTES) return err(`a message has ${bytes.length} bytes of data`);
    return ok({ kind: 'data', offset, bytes });
  }
  if (kind === PING) {
    const sent = message.length === 1 + 2 * OFFSET_BYTES ? readOffset(message, 1 + OFFSET_BYTES) : undefined;
    return sent === undefined ? err('a ping is not of its length') : ok({ kind: 'ping', consumed: offset, sent });
  }
  if (message.length !== 1 + OFFSET_BYTES) return err('a message is too long');
  if (kind === END) return ok({ kind: 'end', offset });
  if (kind === ACK) return ok({ kind: 'ack', consumed: offset });
  return err(`a message is of an unknown kind, ${kind}`);
}

function readHello(message: Uint8Array): Result<ChannelMessage, string> {
  const version = message[1];
  // A later version may be longer; which one it is stands at the same place.
  if (version !== undefined && version !== CHANNEL_VERSION)
    return err(`the other end speaks version ${version} of the tunnel's protocol, this end version ${CHANNEL_VERSION}`);
  if (version === undefined || message.length !== HELLO_BYTES) return err('a hello is not of its length');
  const received = readOffset(message, 6 + INSTANCE_BYTES);
  const consumed = readOffset(message, 6 + INSTANCE_BYTES + OFFSET_BYTES);
  if (received === undefined || consumed === undefined || consumed > received) return err('a hello has wrong offsets');
  const window = new DataView(message.buffer, message.byteOffset).getUint32(2 + INSTANCE_BYTES);
  if (window === 0) return err('a hello has no window');
  return ok({ kind: 'hello', version, instance: message.slice(2, 2 + INSTANCE_BYTES), window, received, consumed });
}

function writeShort(kind: number, offset: number): Uint8Array {
  const message = new Uint8Array(1 + OFFSET_BYTES);
  message[0] = kind;
  writeOffset(message, 1, offset);
  return message;
}

const writeOffset = (message: Uint8Array, at: number, offset: number): void =>
  new DataView(message.buffer).setBigUint64(at, BigInt(offset));

function readOffset(message: Uint8Array, at: number): number | undefined {
  const offset = new DataView(message.buffer, message.byteOffset).getBigUint64(at);
  return offset > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(offset);
}
