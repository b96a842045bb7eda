// SSH messages: the numbers (RFC 4250), and reading and writing of their fields (RFC 4251 section 5).
//
//    byte  message number | fields
//    string    u32 length | bytes          boolean    byte, 0 is false          uint32    big endian

export const SSH_DISCONNECT = 1;
export const SERVICE_REQUEST = 5;
export const SERVICE_ACCEPT = 6;
export const USERAUTH_REQUEST = 50;
export const USERAUTH_FAILURE = 51;
export const USERAUTH_SUCCESS = 52;
export const USERAUTH_BANNER = 53;
/** Also the number of USERAUTH_PK_OK and USERAUTH_PASSWD_CHANGEREQ. */
export const USERAUTH_INFO_REQUEST = 60;
export const USERAUTH_INFO_RESPONSE = 61;
export const GLOBAL_REQUEST = 80;
export const REQUEST_SUCCESS = 81;
export const REQUEST_FAILURE = 82;
export const CHANNEL_OPEN = 90;
export const CHANNEL_OPEN_CONFIRMATION = 91;
export const CHANNEL_OPEN_FAILURE = 92;
export const CHANNEL_WINDOW_ADJUST = 93;
export const CHANNEL_DATA = 94;
export const CHANNEL_EXTENDED_DATA = 95;
export const CHANNEL_EOF = 96;
export const CHANNEL_CLOSE = 97;
export const CHANNEL_REQUEST = 98;
export const CHANNEL_SUCCESS = 99;
export const CHANNEL_FAILURE = 100;

export const DISCONNECT_PROTOCOL_ERROR = 2;
export const DISCONNECT_BY_APPLICATION = 11;
export const DISCONNECT_NO_MORE_AUTH_METHODS = 14;

export const OPEN_PROHIBITED = 1;
export const OPEN_UNKNOWN_TYPE = 3;
export const OPEN_SHORTAGE = 4;

export const EXTENDED_DATA_STDERR = 1;

/** What came is no message of its kind. */
export class Malformed extends Error {}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Undefined: it is no UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

/** Reads fields one after the other; throws Malformed where one is not there. */
export class FieldReader {
  readonly #bytes: Buffer;
  #at: number;

  /** Behind the message number unless said otherwise. */
  constructor(bytes: Buffer, at = 1) {
    this.#bytes = bytes;
    this.#at = at;
  }

  byte(): number {
    return this.#bytes.readUInt8(this.#take(1));
  }

  boolean(): boolean {
    return this.byte() !== 0;
  }

  uint32(): number {
    return this.#bytes.readUInt32BE(this.#take(4));
  }

  /** A view. */
  string(): Buffer {
    const length = this.uint32();
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Names and words, where a byte that is no UTF-8 has no place. */
  text(): string {
    const text = decodeUtf8(this.string());
    if (text === undefined) throw new Malformed('a text is no UTF-8');
    return text;
  }

  rest(): Buffer {
    return this.#bytes.subarray(this.#at);
  }

  #take(count: number): number {
    const at = this.#at;
    if (at + count > this.#bytes.length) throw new Malformed('a message is cut short');
    this.#at += count;
    return at;
  }
}

/** A number: uint32; bytes or text: string; a boolean; `raw`: as it is. */
type Field = number | boolean | string | Uint8Array | { readonly raw: Uint8Array };

export function fieldsOf(...fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.flatMap(encode));
}

export const sshMessage = (type: number, ...fields: readonly Field[]): Buffer =>
  Buffer.concat([Buffer.from([type]), fieldsOf(...fields)]);

function encode(field: Field): Uint8Array[] {
  if (typeof field === 'number') return [uint32(field)];
  if (typeof field === 'boolean') return [Buffer.from([field ? 1 : 0])];
  if (typeof field === 'string') return encode(Buffer.from(field));
  if (field instanceof Uint8Array) return [uint32(field.length), field];
  return [field.raw];
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
