// The log of sessions in the object store, so that a copy of the bucket can be proven by itself: each object written once,
// under lock. Entries are bundled as c2sp.org/tlog-tiles has them, each behind its length in two bytes; of a checkpoint,
// which changes there, each size is kept.
//
//   log/checkpoints/000000000300            the signed note of the tree of 300 entries
//   log/tile/entries/000                    entries 0 to 255
//   log/tile/entries/001.p/44               entries 256 to 299, as they were with that checkpoint
//   log/witness/2026-11-30/00000001         what was witnessed of sessions of that day (witness-rows.ts)

import { err, ok, type Result } from '../result.ts';
import { isRowsName } from './witness-rows.ts';

export const LOG_PREFIX = 'log/';
export const BUNDLE_ENTRIES = 256;
/** A piece of rows, with one line more than it was to have. */
export const MAX_LOG_OBJECT_BYTES = 1024 * 1024;

const CHECKPOINTS = 'checkpoints/';
const BUNDLES = 'tile/entries/';

export const checkpointName = (size: number): string => `${CHECKPOINTS}${String(size).padStart(12, '0')}`;

/** `count`: of a bundle that is not full. */
export function bundleName(index: number, count: number = BUNDLE_ENTRIES): string {
  const groups = [String(index % 1000).padStart(3, '0')];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000))
    groups.unshift(`x${String(rest % 1000).padStart(3, '0')}`);
  return `${BUNDLES}${groups.join('/')}${count === BUNDLE_ENTRIES ? '' : `.p/${count}`}`;
}

type LogObject =
  | { readonly kind: 'checkpoint'; readonly size: number }
  | { readonly kind: 'bundle'; readonly index: number; readonly count: number }
  | { readonly kind: 'rows' };

/** Of a name below LOG_PREFIX. Undefined: nothing of the log is called so. */
export function parseLogObjectName(name: string): LogObject | undefined {
  const size = /^checkpoints\/(\d{12})$/.exec(name)?.[1];
  if (size !== undefined) return { kind: 'checkpoint', size: Number(size) };
  if (isRowsName(name)) return { kind: 'rows' };
  const [, path, partial] = /^tile\/entries\/((?:x\d{3}\/){0,4}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/.exec(name) ?? [];
  if (path === undefined) return undefined;
  const index = Number(path.replaceAll(/[x/]/g, ''));
  const count = partial === undefined ? BUNDLE_ENTRIES : Number(partial);
  // There is one name for each.
  return bundleName(index, count) === name && count <= BUNDLE_ENTRIES ? { kind: 'bundle', index, count } : undefined;
}

/** Entries are ASCII and far below 64 KiB (session-entry.ts). */
export function encodeBundle(entries: readonly string[]): Uint8Array<ArrayBuffer> {
  const bodies = entries.map((entry) => new TextEncoder().encode(entry));
  const bytes = new Uint8Array(bodies.reduce((sum, { length }) => sum + 2 + length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const body of bodies) {
    view.setUint16(at, body.length);
    bytes.set(body, at + 2);
    at += 2 + body.length;
  }
  return bytes;
}

export function decodeBundle(bytes: Uint8Array): Result<string[], string> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const entries: string[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 2 <= bytes.length ? at + 2 + view.getUint16(at) : Number.POSITIVE_INFINITY;
    if (end > bytes.length) return err('it ends within an entry');
    entries.push(new TextDecoder('utf-8', { fatal: false, ignoreBOM: true }).decode(bytes.subarray(at + 2, end)));
    at = end;
  }
  return ok(entries);
}
