// What is stored of one session, by version id, and what the recording says of its own retention. The catalogue is not asked.

import { createHash } from 'node:crypto';
import { FrameDamage } from '../../core/recording/frame.ts';
import { FactDamage, FactReader } from '../../core/recording/facts/fact-reader.ts';
import type { SessionOpened } from '../../core/recording/facts/session.ts';
import type { Manifest } from '../../core/recording/manifest.ts';
import {
  decodeSegment,
  framesOf,
  parseRecordingKey,
  type RecordingPlatform,
  SegmentDamage,
} from '../../core/recording/segment.ts';
import type { SessionLock, StoredFacts } from '../../core/retention/may-purge.ts';
import type { PurgeEvidence } from '../../core/retention/purge.ts';
import { readManifest } from '../store/read-manifest.ts';
import { maxBytesOf } from '../store/recording-reader.ts';
import { prefixOf, type SessionPrefix, type StoredVersion, type VersionStore } from '../store/version-store.ts';
import { inParallel } from './in-parallel.ts';

interface StoredSessionFacts {
  readonly facts: StoredFacts;
  readonly evidence: PurgeEvidence;
  /** In the order in which they are deleted: what tells of the session's retention last. */
  readonly versions: readonly StoredVersion[];
}

interface Deps {
  readonly store: VersionStore;
  readonly platform: RecordingPlatform;
}

export async function readStoredFacts(place: SessionPrefix, deps: Deps): Promise<StoredSessionFacts> {
  const versions = await allVersions(place, deps.store);
  const objects = versions.filter(({ marker }) => !marker);
  const { locks, heldObjects } = await locksOf(objects, deps.store);
  const [manifestVersion, firstVersion] = [
    firstOf(objects, place, 'manifest.json'),
    firstOf(objects, place, '00000000.seg'),
  ];
  const manifestBytes = manifestVersion && (await readKnown(manifestVersion, deps.store));
  const read = manifestBytes && readManifest(manifestBytes, deps.platform);
  // Copied here from another session it would tell that one's.
  const manifest = read && read.session === place.session && read.connector.id === place.connector ? read : undefined;
  const opened = manifest?.opened ?? (await openedIn(firstVersion, place, deps));
  const stored = objects.map(({ storedMs }) => storedMs);
  return {
    facts: {
      ...openedFacts(place, opened, manifest),
      finished: manifest !== undefined,
      ...(stored.length > 0 && { storedMs: stored.reduce((a, b) => Math.max(a, b)) }),
      locks,
      heldObjects,
    },
    evidence: {
      ...(manifestBytes
        ? { manifest: createHash('sha256').update(manifestBytes).digest('hex') }
        : await lastSegmentOf(objects, deps)),
      versions: objects.length,
      markers: versions.length - objects.length,
      bytes: objects.reduce((sum, { bytes }) => sum + bytes, 0),
    },
    versions: versions.toSorted((a, b) => lastness(a, place) - lastness(b, place)),
  };
}

export async function allVersions(place: SessionPrefix, store: VersionStore): Promise<StoredVersion[]> {
  const versions: StoredVersion[] = [];
  let after: string | undefined;
  do {
    const page = await store.versions(place, after);
    versions.push(...page.versions);
    after = page.after;
  } while (after !== undefined);
  return versions;
}

function openedFacts(place: SessionPrefix, opened: SessionOpened | undefined, manifest: Manifest | undefined) {
  if (!opened || opened.session !== place.session) return { session: place.session };
  const { rule, policyVersion, obligations } = opened.grant;
  return {
    session: place.session,
    email: opened.identity.email,
    resource: opened.resource,
    startedAt: opened.startedAt,
    ...(manifest && { endedAt: manifest.endedAt }),
    retention: { rule, policyVersion, retainDays: obligations.record.retainDays },
  };
}

async function locksOf(objects: readonly StoredVersion[], store: VersionStore) {
  const strictest = new Map<SessionLock['mode'], number>();
  let heldObjects = 0;
  await inParallel(objects, async (version) => {
    const found = await store.lockOf(version);
    if (found?.held) heldObjects++;
    if (found?.lock) strictest.set(found.lock.mode, Math.max(found.lock.untilMs, strictest.get(found.lock.mode) ?? 0));
  });
  return { locks: [...strictest].map(([mode, untilMs]) => ({ mode, untilMs })), heldObjects };
}

/**
 * The oldest version of a name: a later one was put over it by somebody else than the connector. Stores list a name's newest
 * first, and tell times in seconds.
 */
function firstOf(objects: readonly StoredVersion[], place: SessionPrefix, name: string): StoredVersion | undefined {
  const key = prefixOf(place) + name;
  return objects
    .filter((each) => each.key === key)
    .reverse()
    .toSorted((a, b) => a.storedMs - b.storedMs)[0];
}

async function readKnown(version: StoredVersion, store: VersionStore): Promise<Uint8Array | undefined> {
  const key = parseRecordingKey(version.key);
  return key && store.read(version, maxBytesOf(key));
}

async function openedIn(version: StoredVersion | undefined, place: SessionPrefix, { store, platform }: Deps) {
  const bytes = version && (await readKnown(version, store));
  if (!bytes) return undefined;
  try {
    const [first] = framesOf(decodeSegment(bytes, platform));
    const fact = first && new FactReader(place, false).take(first);
    return fact?.kind === 'session.opened' ? fact : undefined;
  } catch (fault) {
    if (fault instanceof SegmentDamage || fault instanceof FrameDamage || fault instanceof FactDamage) return undefined;
    throw fault;
  }
}

async function lastSegmentOf(objects: readonly StoredVersion[], { store, platform }: Deps) {
  const last = objects.filter(({ key }) => key.endsWith('.seg')).toSorted((a, b) => (a.key < b.key ? 1 : -1))[0];
  const bytes = last && (await readKnown(last, store));
  if (!bytes) return {};
  try {
    return { lastSegment: decodeSegment(bytes, platform).digest };
  } catch (fault) {
    if (!(fault instanceof SegmentDamage)) throw fault;
    return { lastSegment: createHash('sha256').update(bytes).digest('hex') };
  }
}

function lastness({ key, marker }: StoredVersion, place: SessionPrefix): number {
  const name = key.slice(prefixOf(place).length);
  if (name !== 'manifest.json' && name !== '00000000.seg') return 0;
  // Without the marker over it the object would be seen again in between.
  return marker ? 3 : name === 'manifest.json' ? 2 : 1;
}
