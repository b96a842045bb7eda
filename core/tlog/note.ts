// Signed notes (c2sp.org/signed-note): a text, an empty line, and lines of signatures. Keys that sign checkpoints
// (Ed25519, type 0x01) and those of witnesses (timestamped Ed25519, type 0x04; c2sp.org/tlog-cosignature).

import { err, ok, type Result } from '../result.ts';
import { equalBytes, fromBase64, toBase64 } from '../scram.ts';

const MAX_NOTE_LENGTH = 64 * 1024;
const MAX_SIGNATURES = 64;
const KEY_BYTES = 32;
const KEY_ID_BYTES = 4;
const SIGNATURE_LINE = /^— (?<name>[^\s+\p{Z}]+) (?<base64>[A-Za-z0-9+/]+={0,2})$/u;
const NAME = /^[^\s+\p{Z}\p{Cc}]+$/u;

export type NoteKeyType = 'log' | 'witness';
const TYPE_BYTES: Readonly<Record<NoteKeyType, number>> = { log: 0x01, witness: 0x04 };

export interface NoteKey {
  readonly name: string;
  readonly type: NoteKeyType;
  /** 4 bytes, of name, type and key. */
  readonly id: Uint8Array;
  /** Ed25519, raw, 32 bytes. */
  readonly publicKey: Uint8Array;
}

interface NoteSignature {
  readonly name: string;
  readonly id: Uint8Array;
  readonly signature: Uint8Array;
}

export interface SignedNote {
  /** With the line break at its end. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Throws RangeError for a name or a key that none may have. */
export async function noteKey(name: string, type: NoteKeyType, publicKey: Uint8Array): Promise<NoteKey> {
  if (!NAME.test(name)) throw new RangeError(`${JSON.stringify(name)} is no name of a key: no spaces, no plus`);
  if (publicKey.length !== KEY_BYTES) throw new RangeError(`an Ed25519 key has ${KEY_BYTES} bytes`);
  const typed = typedKey(type, publicKey);
  const named = new TextEncoder().encode(`${name}\n`);
  const all = new Uint8Array(named.length + typed.length);
  all.set(named);
  all.set(typed, named.length);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', all));
  return { name, type, id: digest.slice(0, KEY_ID_BYTES), publicKey };
}

/** `NAME+ID+KEY`, as keys are written into policies: the id in hex, the key in base64 behind its type. */
export const showNoteKey = ({ name, type, id, publicKey }: NoteKey): string =>
  `${name}+${hexOf(id)}+${toBase64(typedKey(type, publicKey))}`;

export async function parseNoteKey(text: string): Promise<Result<NoteKey, string>> {
  const [, name, id, base64] = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text) ?? [];
  const bytes = base64 === undefined ? undefined : bytesOf(base64);
  if (name === undefined || !bytes || !NAME.test(name))
    return err('expected a key as NAME+ID+KEY, the id as 8 hex digits and the key in base64');
  const type = (['log', 'witness'] as const).find((one) => TYPE_BYTES[one] === bytes[0]);
  if (!type) return err(`the key of ${name} is of a type that is not known here: Ed25519 (1, and 4 of witnesses) is`);
  if (bytes.length !== 1 + KEY_BYTES) return err(`the key of ${name} has not the length of an Ed25519 key`);
  const key = await noteKey(name, type, bytes.subarray(1));
  return hexOf(key.id) === id ? ok(key) : err(`the id of the key of ${name} is another: ${hexOf(key.id)}`);
}

export function parseNote(note: string): Result<SignedNote, string> {
  if (note.length > MAX_NOTE_LENGTH) return err('it is too long for a signed note');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the specification rules them out.
  if (/[\x00-\x09\x0b-\x1f]/.test(note)) return err('it has control characters');
  const at = note.lastIndexOf('\n\n');
  if (at < 0 || !note.endsWith('\n')) return err('it is no signed note: a text, an empty line, lines of signatures');
  const lines = note.slice(at + 2, -1).split('\n');
  if (lines.length > MAX_SIGNATURES) return err(`it has more than ${MAX_SIGNATURES} signatures`);
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const { name, base64 } = SIGNATURE_LINE.exec(line)?.groups ?? {};
    const bytes = base64 === undefined ? undefined : bytesOf(base64);
    if (name === undefined || !bytes || bytes.length <= KEY_ID_BYTES) return err('one of its signatures is none');
    signatures.push({ name, id: bytes.slice(0, KEY_ID_BYTES), signature: bytes.slice(KEY_ID_BYTES) });
  }
  return ok({ text: note.slice(0, at + 1), signatures });
}

export const showNote = ({ text, signatures }: SignedNote): string =>
  `${text}\n${signatures.map((one) => `${signatureLine(one)}\n`).join('')}`;

function signatureLine({ name, id, signature }: NoteSignature): string {
  const bytes = new Uint8Array(id.length + signature.length);
  bytes.set(id);
  bytes.set(signature, id.length);
  return `— ${name} ${toBase64(bytes)}`;
}

/** Ed25519 by the private half of a key. */
export type SignNote = (data: Uint8Array) => Promise<Uint8Array>;

export async function signNote(text: string, key: NoteKey, sign: SignNote): Promise<NoteSignature> {
  if (!text.endsWith('\n')) throw new RangeError('the text of a note ends with a line break');
  return { name: key.name, id: key.id, signature: await sign(new TextEncoder().encode(text)) };
}

/** A witness's word, at `seconds` since 1970, that the log of this checkpoint only ever grew. */
export async function cosignNote(
  text: string,
  key: NoteKey,
  { sign, seconds }: { readonly sign: SignNote; readonly seconds: number },
): Promise<NoteSignature> {
  const signed = await sign(cosigned(text, BigInt(seconds)));
  const signature = new Uint8Array(TIME_BYTES + signed.length);
  new DataView(signature.buffer).setBigUint64(0, BigInt(seconds));
  signature.set(signed, TIME_BYTES);
  return { name: key.name, id: key.id, signature };
}

const TIME_BYTES = 8;
const cosigned = (text: string, seconds: bigint): Uint8Array =>
  new TextEncoder().encode(`cosignature/v1\ntime ${seconds}\n${text}`);

export interface Signed {
  readonly key: NoteKey;
  /** Of a witness: when, in seconds since 1970. */
  readonly seconds?: number;
}

/**
 * Which of `keys` signed it; signatures of other keys count for nothing. An error: one is by the name and id of a key
 * and not by the key.
 */
export async function whoSigned(
  note: SignedNote,
  keys: readonly NoteKey[],
): Promise<Result<readonly Signed[], string>> {
  const found: Signed[] = [];
  for (const { name, id, signature } of note.signatures) {
    const key = keys.find((one) => one.name === name && equalBytes(one.id, id));
    if (!key || found.some((one) => one.key === key)) continue;
    const signed = await readSignature(note.text, key, signature);
    if (!signed) return err(`the signature of ${name} is not by its key, or of another text`);
    found.push(signed);
  }
  return ok(found);
}

async function readSignature(text: string, key: NoteKey, signature: Uint8Array): Promise<Signed | undefined> {
  if (key.type === 'log')
    return (await isSignature(key, signature, new TextEncoder().encode(text))) ? { key } : undefined;
  if (signature.length <= TIME_BYTES) return undefined;
  const seconds = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0);
  if (seconds > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  const isOurs = await isSignature(key, signature.subarray(TIME_BYTES), cosigned(text, seconds));
  return isOurs ? { key, seconds: Number(seconds) } : undefined;
}

async function isSignature({ publicKey }: NoteKey, signature: Uint8Array, data: Uint8Array): Promise<boolean> {
  const key = await crypto.subtle.importKey('raw', new Uint8Array(publicKey), 'Ed25519', false, ['verify']);
  return crypto.subtle.verify('Ed25519', key, new Uint8Array(signature), new Uint8Array(data));
}

function typedKey(type: NoteKeyType, publicKey: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + publicKey.length);
  bytes[0] = TYPE_BYTES[type];
  bytes.set(publicKey, 1);
  return bytes;
}

/** Undefined: it is no base64 as RFC 4648 has it. */
function bytesOf(base64: string): Uint8Array | undefined {
  if (base64.length % 4 !== 0) return undefined;
  const bytes = fromBase64(base64);
  return toBase64(bytes) === base64 ? bytes : undefined;
}

const hexOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
