// A copy of the audit log's exported pieces: a folder of them, or a tree with such folders in it.

import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { MAX_PIECE_BYTES } from '../../core/audit/audit-archive.ts';
import type { AuditCopy } from '../../core/audit/audit-proof.ts';
import { Failure, usage } from '../failure.ts';
import { codeOf, isCode } from '../files/file-error.ts';

/** Also what is named almost like a piece: a renamed one must not look like one that is not there. */
const LIKE_A_PIECE = /^\d+-\d+\.ndjson$/;

/** One for each folder with pieces in it. Fails when there is none, or a folder cannot be read. */
export async function readAuditCopies(dir: string): Promise<(AuditCopy & { readonly folder: string })[]> {
  const copies: (AuditCopy & { readonly folder: string })[] = [];
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      throw usage(isCode(error, 'ENOENT') ? `${dir} is not there` : `cannot read ${folder}: ${codeOf(error)}`);
    });
    const names = entries.filter((entry) => entry.isFile() && LIKE_A_PIECE.test(entry.name)).map(({ name }) => name);
    if (names.length > 0) copies.push({ folder, names, read: (name) => readPiece(join(folder, name)) });
    for (const entry of entries) if (entry.isDirectory()) await visit(join(folder, entry.name));
  };
  await visit(resolve(dir));
  if (copies.length === 0) throw new Failure(2, 'nothing_to_verify', `no piece of an audit log stands in ${dir}`);
  return copies.sort((a, b) => (a.folder < b.folder ? -1 : 1));
}

async function readPiece(path: string): Promise<Uint8Array | undefined> {
  try {
    // Anything far above is not ours, and must not fill the memory.
    if ((await stat(path)).size > MAX_PIECE_BYTES) return new Uint8Array(MAX_PIECE_BYTES + 1);
    return await readFile(path);
  } catch {
    // The proof names it, and goes on with the others.
    return undefined;
  }
}
