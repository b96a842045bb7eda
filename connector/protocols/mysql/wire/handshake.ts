// The packets of a login, in both roles.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_connection_phase.html

import { CAPABILITIES, has } from './capabilities.ts';
import { lengthBytes, lengthInt, littleEndian, MalformedPacket, PayloadReader } from './values.ts';

const PROTOCOL_10 = 10;
/** utf8mb4_general_ci, which every server since 5.5 knows. */
export const UTF8MB4 = 45;
export const NONCE_BYTES = 20;
/** SSLRequest is the beginning of a HandshakeResponse41. */
const SSL_REQUEST_BYTES = 32;

export const AUTH_SWITCH = 0xfe;
export const AUTH_MORE_DATA = 0x01;
/** SERVER_STATUS_AUTOCOMMIT */
const AUTOCOMMIT = 2;

export interface Greeting {
  readonly version: string;
  readonly threadId: number;
  /** What the client's answer is to be made of; without the NUL behind it. */
  readonly nonce: Buffer;
  readonly capabilities: number;
  /** Undefined before 5.5. */
  readonly plugin: string | undefined;
}

/** Initial handshake packet v10. */
export const greeting = ({ version, threadId, nonce, capabilities, plugin = '' }: Greeting): Buffer =>
  Buffer.concat([
    Buffer.from(`${String.fromCharCode(PROTOCOL_10)}${version}\0`, 'latin1'),
    littleEndian(threadId, 4),
    nonce.subarray(0, 8),
    Buffer.of(0),
    littleEndian(capabilities & 0xffff, 2),
    Buffer.of(UTF8MB4),
    littleEndian(AUTOCOMMIT, 2),
    littleEndian(capabilities >>> 16, 2),
    Buffer.of(NONCE_BYTES + 1),
    Buffer.alloc(10),
    nonce.subarray(8),
    Buffer.from(`\0${plugin}\0`, 'latin1'),
  ]);

/** Undefined: it is another protocol, or older than 4.1. */
export function readGreeting(payload: Buffer): Greeting | undefined {
  return read(payload, (r) => {
    if (r.int(1) !== PROTOCOL_10) return undefined;
    const version = r.terminated().toString('latin1');
    const threadId = r.int(4);
    const first = r.take(8);
    r.take(1);
    let capabilities = r.int(2);
    if (r.left < 13) return undefined;
    r.take(3);
    capabilities |= r.int(2) << 16;
    const nonceBytes = r.int(1);
    r.take(10);
    const second = r.take(Math.max(13, nonceBytes - 8));
    // Some servers of 5.5 leave the NUL behind the plugin's name out.
    const named = r.rest().toString('latin1').split('\0', 1)[0];
    const nonce = Buffer.concat([first, second]).subarray(0, NONCE_BYTES);
    return { version, threadId, nonce, capabilities, plugin: has(capabilities, 'PLUGIN_AUTH') ? named : undefined };
  });
}

export interface HandshakeResponse {
  readonly capabilities: number;
  readonly maxPacketBytes: number;
  readonly collation: number;
  readonly user: Buffer;
  readonly answer: Buffer;
  readonly database: Buffer | undefined;
  readonly plugin: string | undefined;
  /** Names and values, as they came. */
  readonly attributes: Buffer | undefined;
}

type Head = Pick<HandshakeResponse, 'capabilities' | 'maxPacketBytes' | 'collation'>;

/** The first 32 bytes, which an SSLRequest is as a whole. */
export const responseHead = ({ capabilities, maxPacketBytes, collation }: Head): Buffer =>
  Buffer.concat([
    littleEndian(capabilities >>> 0, 4),
    littleEndian(maxPacketBytes >>> 0, 4),
    Buffer.of(collation),
    Buffer.alloc(23),
  ]);

export const handshakeResponse = (response: HandshakeResponse): Buffer => {
  const { capabilities, user, answer, database, plugin, attributes } = response;
  return Buffer.concat([
    responseHead(response),
    user,
    Buffer.of(0),
    has(capabilities, 'PLUGIN_AUTH_LENENC_CLIENT_DATA') ? lengthInt(answer.length) : Buffer.of(answer.length),
    answer,
    ...(has(capabilities, 'CONNECT_WITH_DB') ? [database ?? Buffer.alloc(0), Buffer.of(0)] : []),
    ...(has(capabilities, 'PLUGIN_AUTH') ? [Buffer.from(`${plugin ?? ''}\0`, 'latin1')] : []),
    ...(has(capabilities, 'CONNECT_ATTRS') ? [lengthBytes(attributes ?? Buffer.alloc(0))] : []),
  ]);
};

/** `offered`: what both have is what the packet's layout goes by. Undefined: it is malformed. */
export function readHandshakeResponse(payload: Buffer, offered: number): HandshakeResponse | undefined {
  return read(payload, (r) => {
    const capabilities = (r.int(4) & offered) >>> 0;
    const maxPacketBytes = r.int(4);
    const collation = r.int(1);
    r.take(23);
    const user = r.terminated();
    const answer = has(capabilities, 'PLUGIN_AUTH_LENENC_CLIENT_DATA')
      ? r.lengthBytes()
      : has(capabilities, 'SECURE_CONNECTION')
        ? r.take(r.int(1))
        : r.terminated();
    // PHP's mysqlnd and others end the packet where nothing more is to be said.
    const database = has(capabilities, 'CONNECT_WITH_DB') && r.left > 0 ? r.terminated() : undefined;
    const plugin = has(capabilities, 'PLUGIN_AUTH') && r.left > 0 ? untilNul(r).toString('latin1') : undefined;
    const attributes = has(capabilities, 'CONNECT_ATTRS') && r.left > 0 ? r.lengthBytes() : undefined;
    return { capabilities, maxPacketBytes, collation, user, answer, database, plugin, attributes };
  });
}

/** Flags of the first four bytes. Undefined: it is too short. */
export const readCapabilities = (payload: Buffer): number | undefined =>
  payload.length < SSL_REQUEST_BYTES ? undefined : payload.readUInt32LE(0);

export const isSslRequest = (payload: Buffer): boolean =>
  payload.length === SSL_REQUEST_BYTES && (payload.readUInt32LE(0) & CAPABILITIES.SSL) !== 0;

/** `program_name` and the like. Empty where they are malformed: they decide nothing. */
export function readAttributes(attributes: Buffer | undefined): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  if (attributes)
    read(attributes, (r) => {
      while (r.left > 0) found.set(r.lengthBytes().toString('utf8'), r.lengthBytes().toString('utf8'));
      return undefined;
    });
  return found;
}

/** 0xfe | string<NUL> plugin | nonce | 0 */
export const authSwitch = (plugin: string, nonce: Buffer): Buffer =>
  Buffer.concat([Buffer.of(AUTH_SWITCH), Buffer.from(`${plugin}\0`, 'latin1'), nonce, Buffer.of(0)]);

/** `data` with the NUL that may stand behind it. Undefined: it is malformed, or asks for the passwords of before 4.1. */
export const readAuthSwitch = (payload: Buffer): { plugin: string; data: Buffer } | undefined =>
  payload.length === 1
    ? undefined
    : read(payload, (r) => {
        r.take(1);
        return { plugin: r.terminated().toString('latin1'), data: r.rest() };
      });

const untilNul = (r: PayloadReader): Buffer => {
  const rest = r.rest();
  const stop = rest.indexOf(0);
  if (stop < 0) return rest;
  r.at -= rest.length - stop - 1;
  return rest.subarray(0, stop);
};

function read<T>(payload: Buffer, reading: (r: PayloadReader) => T): T | undefined {
  try {
    return reading(new PayloadReader(payload));
  } catch (error) {
    if (!(error instanceof MalformedPacket)) throw error;
    return undefined;
  }
}
