// Proves a copy of recordings offline: a session's folder, or a tree with such folders in it.

import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ConnectorId, SessionId } from '../../core/ids.ts';
import type { Checkpoint } from '../../core/tlog/checkpoint.ts';
import { type LoggedSessions, missingFrom } from '../../core/tlog/whole-log.ts';
import { sessionDigest } from '../../core/tlog/session-entry.ts';
import { Envelope, Manifest } from '../../core/recording/manifest.ts';
import { MAX_ORIGINAL_BYTES } from '../../core/recording/originals/original-object.ts';
import { decodeSegment } from '../../core/recording/segment.ts';
import { type RecordingSource, UnreadableObject } from '../../core/recording/recording-source.ts';
import { type VerifyReport, verifySession } from '../../core/recording/verify.ts';
import { Failure, usage } from '../failure.ts';
import { purgesInCopy, purgeWords } from './purges-in-copy.ts';
import { readLogCopy } from './read-log-copy.ts';
import { recordingPlatform } from './recording-platform.ts';
import type { ProofBasis, UnprovenPlace } from './report-page.ts';
import { basisKeys, type TrustedKeys } from './trusted-keys.ts';
import { codeOf, isCode } from '../files/file-error.ts';

const isRecordingObject = (name: string): boolean => /^(\d{8}\.seg|manifest\.json)$/.test(name);
/** Anything above is not ours, and must not fill the memory. */
const MAX_OBJECT_BYTES = MAX_ORIGINAL_BYTES;

interface VerifiedCopy {
  readonly reports: readonly VerifyReport[];
  readonly unproven: readonly UnprovenPlace[];
  readonly basis: ProofBasis;
}

/**
 * One that cannot be read is reported and does not keep the others from being proven. With keys of a log the copy holds
 * that too. `kept`: a checkpoint from elsewhere, which that must continue.
 */
export async function verifyCopy(dir: string, keys: TrustedKeys | undefined, kept?: Checkpoint): Promise<VerifiedCopy> {
  const root = resolve(dir);
  const { folders, unreadable, links } = await sessionFolders(root, dir);
  if (folders.length === 0 && unreadable.length === 0)
    throw new Failure(2, 'nothing_to_verify', `no recording stands in ${dir}`);
  const log = keys?.policy && (await readLogCopy(join(root, LOG), keys.policy, kept));
  const reports: VerifyReport[] = [];
  const unproven = [
    ...unreadable,
    ...links,
    ...(log && !log.ok ? [{ path: join(root, LOG), message: log.error }] : []),
  ];
  const logged = log?.ok ? log.value.sessions : undefined;
  const isKeyKnown = logged !== undefined || (keys?.connectors ?? []).length > 0;
  for (const folder of folders) {
    const source = folderSource(folder);
    const named = await namesOf(folder, source);
    if (!named) {
      unproven.push({ path: folder, message: 'nothing that can be read in it says which session it is' });
      continue;
    }
    const report = await verifySession({
      ...named,
      source,
      platform: recordingPlatform,
      trustedKeys: keys?.connectors,
    });
    const compared = await withLog(report, logged);
    // Whoever forges a recording signs it with a key of their own.
    reports.push(compared.proven && !isKeyKnown ? { ...compared, proven: false, intact: true } : compared);
  }
  const lacking = logged
    ? await missingFrom(
        logged,
        reports.map(({ session }) => session),
      )
    : [];
  if (lacking.length > 0) {
    const purges = await purgesInCopy(join(root, AUDIT));
    for (const digest of lacking)
      unproven.push({
        path: join(root, LOG),
        message: `the log has a session that is not in this copy: SHA-256 of its id ${digest}; ${purgeWords(purges, digest)}`,
      });
  }
  const basis = {
    source: root,
    keys: keys ? basisKeys(keys) : [],
    checkpoint: log?.ok ? log.value.checkpoint : undefined,
    cosigned: log?.ok ? log.value.cosigned : [],
  };
  return { reports, unproven, basis };
}

/** What else than a forgery it may be. */
const NEWER = 'the log is about a minute behind, so copy it again where the session was new when it was copied';

const LOG = 'log';
const AUDIT = 'audit';

async function withLog(report: VerifyReport, logged: LoggedSessions | undefined): Promise<VerifyReport> {
  if (!logged) {
    const offline = 'That no other session was left out: only the edge knows which there were (verify --all).';
    return { ...report, notCompared: [...report.notCompared, offline] };
  }
  const entry = logged.get(await sessionDigest(report.session));
  const message = !entry
    ? `the log does not have that it was opened; ${NEWER}`
    : entry.manifest === undefined
      ? `the log has no manifest of it: it is newer than the checkpoint, or was never told to the edge; ${NEWER}`
      : entry.manifest !== report.manifestDigest
        ? 'the manifest is not the one in the log'
        : undefined;
  if (message === undefined)
    return { ...report, proofs: [...report.proofs, 'its manifest is the one in the log of sessions'] };
  const fault = { object: 'manifest.json', reason: 'not_in_log', message } as const;
  return { ...report, proven: false, faults: [...report.faults, fault] };
}

async function sessionFolders(
  root: string,
  shown: string,
): Promise<{
  readonly folders: readonly string[];
  readonly unreadable: readonly UnprovenPlace[];
  /** To folders. They may lead in circles, so they are not followed, and must not be left out without a word. */
  readonly links: readonly UnprovenPlace[];
}> {
  const found: string[] = [];
  const unreadable: UnprovenPlace[] = [];
  const links: UnprovenPlace[] = [];
  const visit = async (folder: string): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
      if (folder !== root) return codeOf(error);
      throw usage(isCode(error, 'ENOENT') ? `${shown} is not there` : `cannot read ${folder}: ${codeOf(error)}`);
    });
    if (!Array.isArray(entries)) {
      unreadable.push({ path: folder, message: `cannot be read: ${entries}` });
      return;
    }
    // A folder that is named after a session counts even when everything in it is gone.
    const named = SessionId.safeParse(basename(folder)).success;
    if (named || entries.some((entry) => entry.isFile() && isRecordingObject(entry.name))) found.push(folder);
    for (const entry of entries) {
      if (entry.isDirectory()) await visit(join(folder, entry.name));
      else if (entry.isSymbolicLink() && (await leadsToFolder(join(folder, entry.name)))) {
        const message = 'is a link to a folder and was not followed: copy the folder';
        links.push({ path: join(folder, entry.name), message });
      }
    }
  };
  await visit(root);
  return { folders: found.sort(), unreadable, links };
}

const leadsToFolder = (link: string): Promise<boolean> =>
  stat(link).then(
    (found) => found.isDirectory(),
    () => false,
  );

function folderSource(folder: string): RecordingSource {
  return {
    list: async () => (await readdir(folder)).filter((name) => !name.startsWith('.')),
    async read(name) {
      try {
        const path = join(folder, name);
        const found = await stat(path);
        // A pipe would be waited for, and a device never ends.
        if (!found.isFile()) throw new UnreadableObject('cannot be read: it is no file');
        if (found.size > MAX_OBJECT_BYTES) return new Uint8Array();
        return await readFile(path);
      } catch (error) {
        if (isCode(error, 'ENOENT')) return undefined;
        if (error instanceof UnreadableObject) throw error;
        throw new UnreadableObject(`cannot be read: ${codeOf(error)}`);
      }
    },
  };
}

/** Whose recording it should be: as the folders are named in a store, else as the objects themselves say. */
async function namesOf(folder: string, source: RecordingSource): Promise<Claimed> {
  const session = SessionId.safeParse(basename(folder));
  const connector = ConnectorId.safeParse(basename(dirname(folder)));
  if (session.success && connector.success) return { session: session.data, connector: connector.data };
  const claimed = (await claimedByManifest(source)) ?? (await claimedBySegments(source));
  if (!claimed) return undefined;
  return { session: session.data ?? claimed.session, connector: connector.data ?? claimed.connector };
}

type Claimed = { session: SessionId; connector: ConnectorId } | undefined;

async function claimedByManifest(source: RecordingSource): Promise<Claimed> {
  try {
    const bytes = await source.read('manifest.json');
    if (!bytes) return undefined;
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
      // A damaged or unreadable one says nothing; the next may.
    }
  }
  return undefined;
}
