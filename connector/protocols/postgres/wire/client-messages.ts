// Layouts of the messages that clients send, as far as facts and verdicts need them. A body is
// `b[start, end)`; `length` is its true length, more than that when only its head is at hand.

import type { ReadText } from './encoding.ts';

export const BIND = 0x42;
const CLOSE = 0x43;
const DESCRIBE = 0x44;
export const EXECUTE = 0x45;
export const FUNCTION_CALL = 0x46;
export const PARSE = 0x50;
export const QUERY = 0x51;
export const SYNC = 0x53;
export const TERMINATE = 0x58;

/** What a target passes over behind an error and this gateway writes facts about. */
export const TO_THE_NEXT_SYNC: ReadonlySet<number> = new Set([
  BIND,
  CLOSE,
  DESCRIBE,
  EXECUTE,
  FUNCTION_CALL,
  PARSE,
  QUERY,
]);

/** NAMEDATALEN - 1: of a longer name of a statement or portal the server looks at no more, and says nothing. */
export const MAX_NAME_BYTES = 63;

/** The name that the server keeps. */
export function readName(b: Buffer, start: number, end: number, readText: ReadText): string {
  if (start === end) return '';
  const stop = start + MAX_NAME_BYTES;
  const cut = end > stop && b.subarray(start, stop).every((byte) => byte < 0x80);
  return readText(b, start, cut ? stop : end);
}

export const malformed = (name: string): string => `a ${name} message is malformed`;

/** Where the NUL is that ends the string at `start`; -1 when there is none before `end`. */
export function stringEnd(b: Buffer, start: number, end: number): number {
  if (b[start] === 0 && start < end) return start;
  const at = b.indexOf(0, start);
  return at < end ? at : -1;
}

/** text NUL. Gives where the text ends; undefined: malformed. */
export function readQuery(b: Buffer, start: number, end: number, length: number): number | undefined {
  if (end - start < length) return end;
  return b.indexOf(0, start) === end - 1 && length > 0 ? end - 1 : undefined;
}

export interface ParseMessage {
  readonly name: string;
  readonly textStart: number;
  readonly textEnd: number;
  /** Not all of the text is at hand. */
  readonly cut: boolean;
  readonly types: readonly number[];
}

/** name NUL text NUL int16 count | int32 each: type */
export function readParse(
  b: Buffer,
  start: number,
  end: number,
  length: number,
  readText: ReadText,
): ParseMessage | undefined {
  const nameEnd = stringEnd(b, start, end);
  if (nameEnd < 0) return undefined;
  const textEnd = stringEnd(b, nameEnd + 1, end);
  const cut = end - start < length;
  const types: number[] = [];
  if (textEnd < 0) {
    if (!cut) return undefined;
  } else if (textEnd + 3 <= end) {
    const count = b.readUInt16BE(textEnd + 1);
    if (!cut && textEnd + 3 + count * 4 !== end) return undefined;
    for (let at = textEnd + 3; at + 4 <= end; at += 4) types.push(b.readUInt32BE(at));
  } else if (!cut) return undefined;
  return {
    name: readName(b, start, nameEnd, readText),
    textStart: nameEnd + 1,
    textEnd: textEnd < 0 ? end : textEnd,
    cut: textEnd < 0,
    types,
  };
}

interface BindMessage {
  readonly portal: string;
  readonly statement: string;
  /** Where the parameters begin. */
  readonly parametersAt: number;
}

/** portal NUL statement NUL | parameters | result formats */
export function readBind(
  b: Buffer,
  start: number,
  end: number,
  length: number,
  readText: ReadText,
): BindMessage | undefined {
  const portalEnd = stringEnd(b, start, end);
  const nameEnd = portalEnd < 0 ? -1 : stringEnd(b, portalEnd + 1, end);
  if (nameEnd < 0 || (end - start === length && end - nameEnd < 7)) return undefined;
  return {
    portal: readName(b, start, portalEnd, readText),
    statement: readName(b, portalEnd + 1, nameEnd, readText),
    parametersAt: nameEnd + 1,
  };
}

/** What stands behind the parameters: int16 count | int16 each. Undefined: not at hand, or malformed. */
export function readResultFormats(b: Buffer, parametersAt: number, end: number): readonly number[] | undefined {
  if (parametersAt + 2 > end) return undefined;
  let at = parametersAt + 2 + b.readUInt16BE(parametersAt) * 2;
  if (at + 2 > end) return undefined;
  const values = b.readUInt16BE(at);
  at += 2;
  for (let i = 0; i < values; i++) {
    if (at + 4 > end) return undefined;
    at += 4 + Math.max(0, b.readInt32BE(at));
  }
  if (at + 2 > end) return undefined;
  const count = b.readUInt16BE(at);
  if (at + 2 + count * 2 > end) return undefined;
  return Array.from({ length: count }, (_, i) => b.readUInt16BE(at + 2 + i * 2));
}

/** portal NUL int32 rows. Gives where the name ends; undefined: malformed. */
export function readExecute(b: Buffer, start: number, end: number): number | undefined {
  const nameEnd = stringEnd(b, start, end);
  return nameEnd >= 0 && nameEnd + 5 === end ? nameEnd : undefined;
}
