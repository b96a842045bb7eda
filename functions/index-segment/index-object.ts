// Indexes one stored object. Deliveries are at least once and in any order: running this again, or
// beside itself, leaves the same rows. One object's damage marks its own session and stops there.

import type { VerifyInput, VerifyReport } from '../../core/recording/verify.ts';
import type { SessionOpened } from '../../core/recording/facts/session.ts';
import { SegmentChain } from '../../core/recording/verify-chain.ts';
import { readAhead } from '../../core/recording/read-ahead.ts';
import { FrameDamage } from '../../core/recording/frame.ts';
import {
  decodeSegment,
  parseRecordingKey,
  type RecordingKey,
  type RecordingPlatform,
  type Segment,
  SegmentDamage,
  toHex,
} from '../../core/recording/segment.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { madeAtMs } from '../../core/ids.ts';
import { dayOf, dueDayOf } from '../../core/retention/due-day.ts';
import { openingOf } from '../../core/session-evidence.ts';
import type { Item } from '../catalogue-table/table.ts';
import type { CatalogueWriter } from '../catalogue-table/writer.ts';
import { type PermanentFault, type Reporter, RetriableFault } from '../faults.ts';
import { type RecordingReader, textOfKey } from '../store/recording-reader.ts';
import { readManifest } from '../store/read-manifest.ts';
import { recordingSource } from '../store/recording-source.ts';
import { FactDamage } from '../../core/recording/facts/fact-reader.ts';
import type { SearchAnnouncer } from '../search/announce.ts';
import { readContents } from './contents.ts';
import type { KeysOf, KnownKeys } from './known-keys.ts';

export interface IndexDeps {
  readonly reader: RecordingReader;
  readonly writer: CatalogueWriter;
  readonly search: SearchAnnouncer;
  readonly platform: RecordingPlatform;
  readonly verify: (input: VerifyInput) => Promise<VerifyReport>;
  readonly keysOf: KeysOf;
  readonly report: Reporter;
  readonly now: () => number;
}

type SegmentKey = Extract<RecordingKey, { kind: 'segment' }>;
type ManifestKey = Extract<RecordingKey, { kind: 'manifest' }>;

const DIGEST_BYTES = 32;
/** Segments between two steps of `advance`: so many are left to read when the manifest comes, however long the session was. */
const ADVANCE_EVERY = 16;
/** In one step, where deliveries came in disorder. */
const ADVANCE_AT_MOST = 256;
const MAX_FAULT_TEXT = 1000;

/** Resolves when the object is dealt with for good, damaged ones included; throws when it must be tried again. */
export async function indexObject(key: string, deps: IndexDeps): Promise<void> {
  const place = parseRecordingKey(key);
  if (!place) {
    deps.report({ kind: 'event.ignored', object: key });
    return;
  }
  const known = await deps.keysOf(place.connector, beginsOrSeals(place) ? 'freshly' : 'lately');
  const revoked = revokedBefore(place, known);
  if (revoked !== undefined) {
    const fault = `its connector was revoked at ${revoked}, before the session began`;
    deps.report({ kind: 'recording.refused', session: place.session, object: key, fault });
    return;
  }
  const row = await deps.writer.claim(place);
  // Its connector was away. What came late is purged when its own lock is over, and brings no row back.
  if (row === 'purged') {
    await deps.writer.putDue(place, dayOf(deps.now()));
    deps.report({ kind: 'recording.late', session: place.session, object: key });
    return;
  }
  if (row === 'anothers') {
    const fault = 'the session belongs to another connector';
    deps.report({ kind: 'recording.refused', session: place.session, object: key, fault });
    return;
  }
  // Sealed: nothing of it is for an index.
  if (place.kind === 'original') return;
  if (place.kind === 'manifest') return indexManifest(place, known, deps);
  const indexed = await indexSegment(place, row, deps);
  if (indexed.ok) return;
  const fault = `segment ${place.number}: ${indexed.error.message}`;
  await deps.writer.putDamage(place, place.number, fault);
  deps.report({ kind: 'recording.broken', session: place.session, object: key, fault });
}

const beginsOrSeals = (place: RecordingKey): boolean => place.kind === 'manifest' || place.number === 0;

/** When its connector was revoked, where that was before the session was made. What is dated back is told by when it was stored. */
function revokedBefore({ session }: RecordingKey, known: KnownKeys): string | undefined {
  const revoked = known.kind === 'known' ? known.keys.revoked : undefined;
  return revoked !== undefined && madeAtMs(session) > Date.parse(revoked) ? revoked : undefined;
}

async function indexSegment(key: SegmentKey, row: Item, deps: IndexDeps): Promise<Result<void, PermanentFault>> {
  const bytes = await deps.reader.get(key);
  if (bytes === undefined) throw new RetriableFault(`${textOfKey(key)} is not in the store`);
  if (bytes === 'too_large') return err({ reason: 'too_large', message: 'it is larger than a segment can be' });
  const decoded = decode(bytes, deps.platform);
  if (!decoded.ok) return decoded;
  const { segment, contents } = decoded.value;
  const placed = await checkPlace(key, segment, deps);
  if (!placed.ok) return placed;
  const { opened } = contents;
  if (opened) await putOpened(key, opened, 'segment', deps);
  const blocks = await deps.writer.putActions(key, key.number, contents);
  // After the actions, so that whoever folds them finds them; before the rest, so that a crash between leaves an event that comes again.
  await deps.search.announce(key.session, key.number, contents, blocks, opened ? undefined : row);
  const stored = { digest: segment.digest, bytes: bytes.length };
  await deps.writer.putSegment(key, segment.header, stored, contents);
  if ((key.number + 1) % ADVANCE_EVERY === 0) await advance(key, deps);
  return ok(undefined);
}

/**
 * Verifies the session's segments up to this one, in their order, behind those that were before. What is wrong stays for the
 * reading at the end, which names it.
 */
async function advance(key: SegmentKey, { writer, reader, platform }: IndexDeps): Promise<void> {
  const from = await writer.chain(key);
  const first = from?.next ?? 0;
  const count = Math.min(key.number + 1 - first, ADVANCE_AT_MOST);
  const chain = new SegmentChain(key.session, key.connector, undefined, platform, { from, complete: true });
  for await (const bytes of readAhead(count, (behind) => reader.get({ ...key, number: first + behind }))) {
    if (bytes === undefined || bytes === 'too_large') return;
    if (chain.next(chain.digests.length, bytes).length > 0) return;
  }
  const state = count > 0 ? chain.state() : undefined;
  if (state) await writer.putChain(key, state);
}

function decode(bytes: Uint8Array, platform: RecordingPlatform) {
  try {
    const segment = decodeSegment(bytes, platform);
    const contents = readContents(segment);
    if (contents.counts.frames !== segment.header.frames)
      return err({ reason: 'segment_damaged' as const, message: 'it holds another number of frames than it says' });
    return ok({ segment, contents });
  } catch (fault) {
    if (fault instanceof SegmentDamage || fault instanceof FrameDamage || fault instanceof FactDamage)
      return err({ reason: 'segment_damaged' as const, message: fault.message });
    throw fault;
  }
}

/** Does the segment stand where it says, behind the one that it says? */
async function checkPlace(
  key: SegmentKey,
  { header }: Segment,
  deps: IndexDeps,
): Promise<Result<void, PermanentFault>> {
  if (header.session !== key.session || header.connector !== key.connector || header.number !== key.number)
    return err({ reason: 'segment_swapped', message: 'its header names another place than its key' });
  if (key.number === 0)
    return header.previous === null
      ? ok(undefined)
      : err({ reason: 'chain_broken', message: 'it is the first and names one before it' });
  const before: SegmentKey = { ...key, number: key.number - 1 };
  // The digest is a segment's last 32 bytes; whether it is true is checked by that segment's own event.
  const digest = await deps.reader.tail(before, DIGEST_BYTES);
  if (digest === undefined) throw new RetriableFault(`${textOfKey(before)} is not there yet`);
  return toHex(digest) === header.previous
    ? ok(undefined)
    : err({ reason: 'chain_broken', message: 'it does not follow the segment before it' });
}

async function putOpened(
  key: RecordingKey,
  opened: SessionOpened,
  source: 'segment' | 'manifest',
  { writer, search }: IndexDeps,
): Promise<void> {
  await writer.putDue(key, dueDayOf(opened));
  await writer.putOpened(key, openingOf(opened), opened.grant.obligations.record.retainDays, source);
  await search.placeAll(key.session);
}

async function indexManifest(key: ManifestKey, known: KnownKeys, deps: IndexDeps): Promise<void> {
  const bytes = await deps.reader.get(key);
  if (bytes === undefined) throw new RetriableFault(`${textOfKey(key)} is not in the store`);
  const manifest = bytes === 'too_large' ? undefined : readManifest(bytes, deps.platform);
  if (manifest && manifest.session === key.session && manifest.connector.id === key.connector) {
    const { opened } = manifest;
    if (opened && opened.session === key.session && opened.connector.id === key.connector)
      await putOpened(key, opened, 'manifest', deps);
    await deps.writer.putEnded(key, manifest);
  }
  if (known.kind === 'forged') deps.report({ kind: 'keys.forged', connector: key.connector });
  if (known.kind === 'unknown' || known.kind === 'forged')
    throw new RetriableFault(
      known.kind === 'forged'
        ? `the keys of ${key.connector} in the catalogue are not the edge’s word`
        : `the edge has not told the keys of ${key.connector}`,
    );
  const keys = known.kind === 'known' ? known.keys : undefined;
  const input: VerifyInput = {
    session: key.session,
    connector: key.connector,
    source: recordingSource(deps.reader, key.connector, key.session),
    platform: deps.platform,
    keys,
    sealedAt: keys?.revoked === undefined ? undefined : await storedAt(key, deps.reader),
  };
  const from = await deps.writer.chain(key);
  let report = await deps.verify({ ...input, from });
  // Everything that is wrong is named, and by what is stored now.
  if (from && !report.proven) report = await deps.verify(input);
  if (report.proven) {
    await deps.writer.putVerdict(key, 'sealed');
    deps.report({ kind: 'recording.sealed', session: key.session });
    return;
  }
  const fault = report.faults
    .map(({ object, message }) => `${object}: ${message}`)
    .join('; ')
    .slice(0, MAX_FAULT_TEXT);
  await deps.writer.putVerdict(key, 'broken', fault);
  deps.report({ kind: 'recording.broken', session: key.session, object: textOfKey(key), fault });
}

/** As the store dates it: the connector has no say in that. */
async function storedAt(key: ManifestKey, reader: RecordingReader): Promise<string | undefined> {
  const wanted = textOfKey(key);
  for await (const { key: found, storedMs } of reader.walk({ of: key }))
    if (found === wanted) return new Date(storedMs).toISOString();
  return undefined;
}
