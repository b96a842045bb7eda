// The log of sessions as it stands in a copy: as `gatehouse checkpoint` saves it (`log/checkpoint`, `log/entries`), or as
// the edge keeps it in the bucket (core/tlog/log-archive.ts). Nothing of it is believed before a key that is trusted
// vouches for it.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { err, ok, type Result } from '../../core/result.ts';
import { type Checkpoint, parseCheckpoint } from '../../core/tlog/checkpoint.ts';
import {
  BUNDLE_ENTRIES,
  bundleName,
  checkpointName,
  decodeBundle,
  parseLogObjectName,
} from '../../core/tlog/log-archive.ts';
import { type LoggedSessions, readWholeLog } from '../../core/tlog/whole-log.ts';
import { trustOf, type WitnessPolicy } from '../../core/tlog/witness-policy.ts';
import { codeOf, isCode } from '../files/file-error.ts';

/** 10 million entries are 1.5 GB; what is far beyond is no log that this could hold. */
const MAX_LOG_BYTES = 2 * 1024 ** 3;

interface LogCopy {
  readonly sessions: LoggedSessions;
  readonly checkpoint: Checkpoint;
  /** Names of those who cosigned it. */
  readonly cosigned: readonly string[];
}

/** `kept`: a checkpoint that the auditor has from elsewhere, which this log must continue. */
export async function readLogCopy(
  folder: string,
  policy: WitnessPolicy,
  kept: Checkpoint | undefined,
): Promise<Result<LogCopy, string>> {
  const found = await readObjects(folder);
  if (!found.ok) return found;
  const trusted: { readonly checkpoint: Checkpoint; readonly cosigned: readonly string[] }[] = [];
  for (const { name, note } of found.value.notes) {
    const checkpoint = parseCheckpoint(note);
    if (!checkpoint.ok) return err(`${name} cannot be read: ${checkpoint.error}`);
    const by = await trustOf({ ...policy, quorum: 'none' }, checkpoint.value);
    if (!by.ok) return err(`${name}: ${by.error}`);
    const stands = parseLogObjectName(name);
    if (stands?.kind === 'checkpoint' && stands.size !== checkpoint.value.size)
      return err(`${name} is the checkpoint of ${checkpoint.value.size} entries`);
    const cosigned = by.value.cosigned.map(({ key }) => key.name);
    trusted.push({ checkpoint: checkpoint.value, cosigned });
  }
  // Witnesses may have been away for some; what one of them vouches for includes all before it.
  let newest: (typeof trusted)[number] | undefined;
  let lacking = '';
  for (const one of trusted) {
    const by = await trustOf(policy, one.checkpoint);
    if (!by.ok) lacking = by.error;
    else if (!newest || one.checkpoint.size >= newest.checkpoint.size) newest = one;
  }
  if (!newest) return err(lacking);
  if (trusted.some(({ checkpoint }) => checkpoint.origin !== newest.checkpoint.origin))
    return err('its checkpoints are of several logs');
  if (kept && kept.origin !== newest.checkpoint.origin)
    return err(`it is the log ${newest.checkpoint.origin}, and the checkpoint that was kept is of ${kept.origin}`);
  if (kept && kept.size > newest.checkpoint.size)
    return err(
      `it was rolled back: it has ${newest.checkpoint.size} entries, and the checkpoint that was kept has ${kept.size}`,
    );
  const checkpoints = trusted.map(({ checkpoint }) => checkpoint);
  const entries = await found.value.entries(Math.max(...checkpoints.map(({ size }) => size)));
  if (!entries.ok) return entries;
  // All of them must be of one tree; what counts is the largest that is vouched for.
  const whole = await readWholeLog(kept ? [...checkpoints, kept] : checkpoints, entries.value);
  if (!whole.ok) return whole;
  const sessions = await readWholeLog([newest.checkpoint], entries.value);
  return sessions.ok ? ok({ sessions: sessions.value, ...newest }) : sessions;
}

interface LogObjects {
  /** At least one. */
  readonly notes: readonly { readonly name: string; readonly note: string }[];
  entries(size: number): Promise<Result<readonly string[], string>>;
}

async function readObjects(folder: string): Promise<Result<LogObjects, string>> {
  const [note, lines] = await Promise.all(['checkpoint', 'entries'].map((name) => readText(join(folder, name))));
  if (typeof note === 'string' && typeof lines === 'string')
    return ok({ notes: [{ name: 'checkpoint', note }], entries: async () => ok(lines.split('\n').slice(0, -1)) });
  for (const [name, text] of [
    ['checkpoint', note],
    ['entries', lines],
  ] as const)
    if (text instanceof Error) return err(`${name} cannot be read: ${text.message}`);
  const kept = (await namesIn(join(folder, 'checkpoints'))).map((name) => `checkpoints/${name}`);
  const names = kept.filter((name) => parseLogObjectName(name)?.kind === 'checkpoint');
  if (names.length === 0)
    return err('holds no log: gatehouse checkpoint --save log/checkpoint --entries log/entries saves it');
  const notes: { name: string; note: string }[] = [];
  for (const name of names) {
    const text = await readText(join(folder, name));
    if (typeof text !== 'string') return err(`${name} cannot be read: ${text?.message ?? 'it is gone'}`);
    notes.push({ name, note: text });
  }
  return ok({ notes, entries: (size) => readBundles(folder, size) });
}

async function readBundles(folder: string, size: number): Promise<Result<readonly string[], string>> {
  const all: string[] = [];
  for (let index = 0; index * BUNDLE_ENTRIES < size; index++) {
    const count = Math.min(BUNDLE_ENTRIES, size - index * BUNDLE_ENTRIES);
    // A bundle may have been filled since.
    const names = [...new Set([bundleName(index, count), bundleName(index)])];
    const found = await firstOf(folder, names);
    if (!found) return err(`${names[0]} is not there: ${checkpointName(size)} needs it`);
    if (found.bytes instanceof Error) return err(`${found.name} cannot be read: ${found.bytes.message}`);
    const entries = decodeBundle(found.bytes);
    if (!entries.ok) return err(`${found.name}: ${entries.error}`);
    if (entries.value.length < count) return err(`${found.name} has ${entries.value.length} entries, not ${count}`);
    for (const entry of entries.value.slice(0, count)) all.push(entry);
  }
  return ok(all);
}

async function firstOf(folder: string, names: readonly string[]) {
  for (const name of names) {
    const bytes = await readBytes(join(folder, name));
    if (bytes) return { name, bytes };
  }
  return undefined;
}

async function readText(path: string): Promise<string | Error | undefined> {
  const bytes = await readBytes(path);
  return bytes instanceof Uint8Array ? new TextDecoder().decode(bytes) : bytes;
}

/** Undefined: there is nothing. */
async function readBytes(path: string): Promise<Uint8Array | Error | undefined> {
  try {
    const found = await stat(path);
    // A pipe would be waited for, and a device never ends.
    if (!found.isFile()) return new Error('it is no file');
    return found.size > MAX_LOG_BYTES ? new Error('it is too large') : await readFile(path);
  } catch (error) {
    return isCode(error, 'ENOENT') || isCode(error, 'ENOTDIR') ? undefined : new Error(codeOf(error));
  }
}

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
