// A whole log of sessions, as it was saved: its entries give the very tree of its checkpoint, so none is missing or changed;
// and what it knows is compared with the recordings that are there.

import { err, ok, type Result } from '../result.ts';
import { equalBytes } from '../scram.ts';
import type { Checkpoint } from './checkpoint.ts';
import { hashLeaf, nodesOfLeaf, rootOf } from './merkle.ts';
import { parseLogEntry, sessionDigest } from './session-entry.ts';

/** What the log says of a session, by the digest of its id. */
interface LoggedSession {
  manifest?: string;
  neverBegan?: true;
}

export type LoggedSessions = ReadonlyMap<string, LoggedSession>;

/**
 * As it was with the largest of the checkpoints, of which there is at least one: the others are of the same tree, when it
 * was smaller. More entries than that has are later ones: the error is for too few, or another tree.
 */
export async function readWholeLog(
  checkpoints: readonly Checkpoint[],
  entries: readonly string[],
): Promise<Result<LoggedSessions, string>> {
  const size = Math.max(...checkpoints.map((one) => one.size));
  if (entries.length < size) return err(`the log has ${size} entries, and ${entries.length} are there`);
  const nodes = new Map<string, Uint8Array>();
  const read = (level: number, index: number): Uint8Array => {
    const node = nodes.get(`${level}/${index}`);
    if (!node) throw new Error(`no node ${level}/${index}`);
    return node;
  };
  const sessions = new Map<string, LoggedSession>();
  for (let index = 0; index < size; index++) {
    const text = entries[index] ?? '';
    const leaf = await hashLeaf(new TextEncoder().encode(text));
    for (const node of await nodesOfLeaf(index, leaf, read)) nodes.set(`${node.level}/${node.index}`, node.hash);
    const entry = parseLogEntry(text);
    if (!entry.ok) return entry;
    const { event, session, digest } = entry.value;
    if (event === 'rows') continue;
    const known = sessions.get(session) ?? {};
    if (event === 'manifest' && digest !== undefined) known.manifest = digest;
    if (event === 'never-began') known.neverBegan = true;
    sessions.set(session, known);
  }
  for (const checkpoint of checkpoints)
    if (!equalBytes(await rootOf(checkpoint.size, read), checkpoint.root))
      return err(
        `its entries are not those of its checkpoint of ${checkpoint.size} entries: one was changed, or moved, or the checkpoint is of another log`,
      );
  return ok(sessions);
}

/** Digests of sessions that the log has and that are not among `present`, apart from those that never began. */
export async function missingFrom(logged: LoggedSessions, present: readonly string[]): Promise<string[]> {
  const there = new Set(await Promise.all(present.map(sessionDigest)));
  return [...logged].filter(([digest, { neverBegan }]) => !neverBegan && !there.has(digest)).map(([digest]) => digest);
}
