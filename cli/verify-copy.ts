// Proves a copy of recordings offline: a session's folder, or a tree with such folders in it.

import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ConnectorId, SessionId } from '../core/ids.ts';
import { Envelope, Manifest } from '../core/recording/manifest.ts';
import { decodeSegment } from '../core/recording/segment.ts';
import { type RecordingSource, type VerifyReport, verifySession } from '../core/recording/verify.ts';
import { Failure, usage } from './failure.ts';
import { recordingPlatform } from './recording-platform.ts';
import { codeOf, isCode } from './file-error.ts';

const isRecordingObject = (name: string): boolean => /^(\d{8}\.seg|manifest\.json)$/.test(name);
/** A segment is at most 4 MiB; anything far above is not ours, and must not fill the memory. */
const MAX_OBJECT_BYTES = 64 * 1024 * 1024;

export async function verifyCopy(dir: string, trustedKey: Uint8Array | undefined): Promise<VerifyReport[]> {
  const root = resolve(dir);
  const folders = await sessionFolders(root, dir);
  if (folders.length === 0) throw new Failure(2, 'nothing_to_verify', `no recording stands in ${dir}`);
  const reports: VerifyReport[] = [];
  for (const folder of folders) {
    const source = folderSource(folder);
    const named = await namesOf(folder, source);
    const report = await verifySession({ ...named, source, platform: recordingPlatform, trustedKey });
    const offline = 'That no other session was left out: only the edge knows which there were (verify --all).';
    reports.push({ ...report, notCompared: [...report.notCompared, offline] });
  }
  return reports;
}

async function sessionFolders(root: string, shown: string): Promise<string[]> {
  const found: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      throw usage(isCode(error, 'ENOENT') ? `${shown} is not there` : `cannot read ${folder}: ${codeOf(error)}`);
    });
    // A folder that is named after a session counts even when everything in it is gone.
    const named = SessionId.safeParse(basename(folder)).success;
    if (named || entries.some((entry) => entry.isFile() && isRecordingObject(entry.name))) found.push(folder);
    for (const entry of entries) if (entry.isDirectory()) await visit(join(folder, entry.name));
  };
  await visit(root);
  return found.sort();
}

function folderSource(folder: string): RecordingSource {
  return {
    list: async () => (await readdir(folder)).filter((name) => !name.startsWith('.')),
    async read(name) {
      try {
        const path = join(folder, name);
        if ((await stat(path)).size > MAX_OBJECT_BYTES) return new Uint8Array();
        return await readFile(path);
      } catch (error) {
        if (isCode(error, 'ENOENT')) return undefined;
        throw usage(`cannot read ${join(folder, name)}: ${codeOf(error)}`);
      }
    },
  };
}

/** Whose recording it should be: as the folders are named in a store, else as the objects themselves say. */
async function namesOf(
  folder: string,
  source: RecordingSource,
): Promise<{ session: SessionId; connector: ConnectorId }> {
  const session = SessionId.safeParse(basename(folder));
  const connector = ConnectorId.safeParse(basename(dirname(folder)));
  if (session.success && connector.success) return { session: session.data, connector: connector.data };
  const claimed = (await claimedByManifest(source)) ?? (await claimedBySegments(source));
  if (!claimed) throw new Failure(2, 'not_a_recording', `${folder}: nothing in it says which session it is`);
  return { session: session.data ?? claimed.session, connector: connector.data ?? claimed.connector };
}

type Claimed = { session: SessionId; connector: ConnectorId } | undefined;

async function claimedByManifest(source: RecordingSource): Promise<Claimed> {
  const bytes = await source.read('manifest.json');
  if (!bytes) return undefined;
  try {
    const envelope = Envelope.parse(JSON.parse(new TextDecoder().decode(bytes)));
    const manifest = Manifest.parse(JSON.parse(Buffer.from(envelope.payload, 'base64').toString('utf8')));
    return { session: manifest.session, connector: manifest.connector.id };
  } catch {
    return undefined;
  }
}

async function claimedBySegments(source: RecordingSource): Promise<Claimed> {
  for (const name of [...(await source.list())].filter(isRecordingObject).sort()) {
    try {
      const { header } = decodeSegment((await source.read(name)) ?? new Uint8Array(), recordingPlatform);
      return { session: header.session, connector: header.connector };
    } catch {
      // A damaged one says nothing; the next may.
    }
  }
  return undefined;
}
