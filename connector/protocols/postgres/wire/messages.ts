// The messages that the gateway writes and reads itself. Names and layouts:
// https://www.postgresql.org/docs/current/protocol-message-formats.html

/** Major 3, minor 0 and 2. 3.1 was never released. */
export const PROTOCOL_3_0 = 0x0003_0000;
export const PROTOCOL_3_2 = 0x0003_0002;
export const SSL_REQUEST = 80877103;
export const GSSENC_REQUEST = 80877104;
export const CANCEL_REQUEST = 80877102;

/** PostgreSQL's own cap (MAX_STARTUP_PACKET_LENGTH). */
export const MAX_STARTUP_BYTES = 10_000;
/** A grant's secret or a SCRAM message is far shorter. */
export const MAX_PASSWORD_BYTES = 8 * 1024;
/** What a target says during its login: notices of any length a person would read. */
export const MAX_LOGIN_MESSAGE_BYTES = 64 * 1024;

export const AUTH_OK = 0;
export const AUTH_CLEARTEXT = 3;
export const AUTH_MD5 = 5;
export const AUTH_SASL = 10;
export const AUTH_SASL_CONTINUE = 11;
export const AUTH_SASL_FINAL = 12;

/** byte type | int32 length | body */
export function message(type: string, ...parts: readonly (string | Uint8Array | number)[]): Buffer {
  const body = parts.map((part) =>
    typeof part === 'number' ? int32(part) : typeof part === 'string' ? Buffer.from(part) : part,
  );
  const length = body.reduce((sum, part) => sum + part.length, 4);
  return Buffer.concat([Buffer.from(type, 'latin1'), int32(length), ...body]);
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** 'R' int32 0 */
export const authenticationOk = (): Buffer => message('R', AUTH_OK);
/** 'R' int32 3 */
export const authenticationCleartext = (): Buffer => message('R', AUTH_CLEARTEXT);
/** 'R' int32 10, names, each ended by NUL, a NUL */
export const authenticationSasl = (mechanisms: readonly string[]): Buffer =>
  message('R', AUTH_SASL, mechanisms.map((name) => `${name}\0`).join(''), '\0');
/** 'R' int32 11 | data */
export const authenticationSaslContinue = (data: string): Buffer => message('R', AUTH_SASL_CONTINUE, data);
/** 'R' int32 12 | data */
export const authenticationSaslFinal = (data: string): Buffer => message('R', AUTH_SASL_FINAL, data);
/** 'K' int32 process id | secret: 4 bytes in 3.0, 4 to 256 in 3.2 */
export const backendKeyData = (pid: number, secret: Uint8Array): Buffer => message('K', pid, secret);
/** 'v' int32 newest version we know and not newer than asked | int32 count | names, each ended by NUL */
export const negotiateProtocolVersion = (version: number, unknown: readonly string[]): Buffer =>
  message('v', version, unknown.length, unknown.map((name) => `${name}\0`).join(''));

/** 'E' fields, each: byte code | text | NUL; then a NUL */
export function errorResponse(
  severity: 'ERROR' | 'FATAL',
  code: string,
  text: string,
  hint?: string,
  more: { readonly detail?: string; readonly position?: number | undefined } = {},
): Buffer {
  const fields = [`S${severity}`, `V${severity}`, `C${code}`, `M${text.replaceAll('\0', '')}`];
  if (more.detail) fields.push(`D${more.detail}`);
  if (hint) fields.push(`H${hint}`);
  if (more.position !== undefined) fields.push(`P${more.position}`);
  return message('E', `${fields.join('\0')}\0\0`);
}

export interface ErrorFields {
  readonly severity: string;
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
  /** Where: a line for each call. */
  readonly context?: string;
}

/** Fields of an ErrorResponse or NoticeResponse; what is missing is empty. Tolerates a body that was cut. */
export function readErrorFields(body: Buffer, start = 0, end = body.length, read = readUtf8): ErrorFields {
  let severity = '';
  let unlocalised = '';
  let code = '';
  let text = '';
  const beside: { detail?: string; hint?: string; context?: string } = {};
  for (let at = start; at < end && body[at] !== 0; ) {
    let stop = body.indexOf(0, at + 1);
    if (stop < 0 || stop > end) stop = end;
    const value = read(body, at + 1, stop);
    if (body[at] === 0x53) severity = value;
    else if (body[at] === 0x56) unlocalised = value;
    else if (body[at] === 0x43) code = value;
    else if (body[at] === 0x4d) text = value;
    else if (body[at] === 0x44) beside.detail = value;
    else if (body[at] === 0x48) beside.hint = value;
    else if (body[at] === 0x57) beside.context = value;
    at = stop + 1;
  }
  return { severity: unlocalised || severity, code, message: text, ...beside };
}

/** CommandComplete: tag NUL */
export const readCommandTag = (b: Buffer, start: number, end: number): string =>
  b.toString('latin1', start, Math.max(start, end - 1));

/** ParameterDescription: int16 count | int32 each: type */
export function readParameterTypes(b: Buffer, start: number, end: number): number[] {
  const types: number[] = [];
  for (let at = start + 2; at + 4 <= end; at += 4) types.push(b.readUInt32BE(at));
  return types;
}

const readUtf8 = (bytes: Buffer, start: number, end: number): string => bytes.toString('utf8', start, end);

/** int32 length | int32 version | name NUL value NUL ... NUL */
export function startupMessage(version: number, parameters: ReadonlyMap<string, string>): Buffer {
  const text = [...parameters].map(([name, value]) => `${name}\0${value}\0`).join('');
  const body = Buffer.concat([int32(version), Buffer.from(`${text}\0`)]);
  return Buffer.concat([int32(body.length + 4), body]);
}

/**
 * The parameters of a start-up packet, from behind its version. Undefined when it is not pairs that end with a NUL at the
 * packet's end. They are UTF-8: names in another encoding would be others at the target.
 */
export function readStartupParameters(body: Buffer): Map<string, string> | undefined {
  const parameters = new Map<string, string>();
  let at = 0;
  while (at < body.length) {
    const nameEnd = body.indexOf(0, at);
    if (nameEnd < 0) return undefined;
    if (nameEnd === at) return at === body.length - 1 ? parameters : undefined;
    const valueEnd = body.indexOf(0, nameEnd + 1);
    if (valueEnd < 0) return undefined;
    parameters.set(body.toString('utf8', at, nameEnd), body.toString('utf8', nameEnd + 1, valueEnd));
    at = valueEnd + 1;
  }
  return undefined;
}

/** int32 16 | int32 80877102 | int32 process id | secret */
export const cancelRequest = (pid: number, secret: Uint8Array): Buffer =>
  Buffer.concat([int32(12 + secret.length), int32(CANCEL_REQUEST), int32(pid), secret]);
