// Objects, keys and witnessed heads through the API, for a proof made here.

import { type ListedConnector, ConnectorList, ObjectList, Witnessed, WitnessPage } from '../../core/api.ts';
import type { ConnectorKeys } from '../../core/connectors/connector-keys.ts';
import { SessionDetail, SessionPage } from '../../core/catalogue.ts';
import type { ConnectorId, SessionId } from '../../core/ids.ts';
import { type RecordingSource, UnreadableObject } from '../../core/recording/recording-source.ts';
import type { VerifyFault } from '../../core/recording/verify-faults.ts';
import { type VerifyReport, verifySession } from '../../core/recording/verify.ts';
import { LogHead } from '../../core/api.ts';
import { proveInLog } from '../../core/tlog/prove-session.ts';
import type { WitnessPolicy } from '../../core/tlog/witness-policy.ts';
import { type ApiClient, query } from '../api-client.ts';
import { Failure } from '../failure.ts';
import { policyOf } from './checkpoint.ts';
import { basisKeys, readTrustedKeys } from './trusted-keys.ts';
import type { ProofBasis } from './report-page.ts';
import { parseCheckpoint } from '../../core/tlog/checkpoint.ts';
import { trustOf } from '../../core/tlog/witness-policy.ts';
import { compareCatalogue } from './compare-catalogue.ts';
import { withPurgeEntry } from './purge-entry.ts';
import { purgeUnderWay } from './purge-under-way.ts';
import { recordingPlatform } from './recording-platform.ts';

const PAGE = 200;
/** Sessions; of each up to READ_AHEAD objects are under way. */
const AT_ONCE = 4;

interface VerifiedOnline {
  readonly reports: readonly VerifyReport[];
  readonly basis: ProofBasis;
}

export async function verifyOne(client: ApiClient, session: SessionId, keysFile?: string): Promise<VerifiedOnline> {
  const keys = await trusts(client, keysFile);
  return { reports: [await verifyWith(client, session, keys)], basis: keys.basis };
}

/**
 * What the catalogue lists and what the witness knows, once each: a session that the witness saw
 * and the store lost is in the second list only.
 */
export async function verifyEverything(
  client: ApiClient,
  progress: (text: string) => void,
  keysFile?: string,
): Promise<VerifiedOnline> {
  const keys = await trusts(client, keysFile);
  const sessions = new Set<SessionId>();
  for await (const id of catalogued(client)) sessions.add(id);
  const mine: string[] = [];
  try {
    for await (const id of witnessed(client)) sessions.add(id);
  } catch (error) {
    if (!(error instanceof Failure && error.reason === 'forbidden')) throw error;
    mine.push('That no session was left out: only auditors see which ones the edge witnessed.');
  }
  if (sessions.size === 0) throw new Failure(2, 'nothing_to_verify', 'there is no session to verify');
  const ids = [...sessions].sort();
  const reports = new Map<SessionId, VerifyReport>();
  const rest = ids.entries();
  const verifyRest = async (): Promise<void> => {
    for (const [index, id] of rest) {
      progress(`verifying ${id} (${index + 1} of ${ids.length})`);
      const report = await verifyWith(client, id, keys).catch((error: unknown) => unread(id, error));
      reports.set(id, { ...report, notCompared: [...report.notCompared, ...mine] });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, verifyRest));
  return { reports: ids.flatMap((id) => reports.get(id) ?? []), basis: keys.basis };
}

async function* catalogued(client: ApiClient): AsyncGenerator<SessionId> {
  let cursor: string | undefined;
  do {
    const page: SessionPage = await client.get(`/sessions${query({ cursor, limit: PAGE })}`, SessionPage);
    for (const session of page.sessions) yield session.id;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

async function* witnessed(client: ApiClient): AsyncGenerator<SessionId> {
  let cursor: string | undefined;
  do {
    const page: WitnessPage = await client.get(`/witness${query({ cursor })}`, WitnessPage);
    for (const { session } of page.sessions) yield session;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

type Keys = ReadonlyMap<ConnectorId, Pick<ConnectorKeys, 'revoked' | 'keys'>> | 'forbidden';

interface Trusts {
  /** As the edge registered them. */
  readonly keys: Keys;
  /** Of `--keys`, which outrank those; undefined: it names none, or was not given. */
  readonly chosen: readonly Uint8Array[] | undefined;
  /** Undefined: an edge of an earlier release keeps no log. */
  readonly policy: WitnessPolicy | undefined;
  readonly basis: ProofBasis;
}

async function trusts(client: ApiClient, keysFile: string | undefined): Promise<Trusts> {
  const file = keysFile === undefined ? undefined : await readTrustedKeys(keysFile);
  const [keys, head] = await Promise.all([
    registeredKeys(client),
    unlessRefused(client.get('/log', LogHead), 'not_found'),
  ]);
  const chosen = file && file.connectors.length > 0 ? file.connectors : undefined;
  const policy = head && (await policyOf(keysFile, head.key));
  const parsed = head && parseCheckpoint(head.checkpoint);
  // What is wrong with it, each session's own proof says.
  const vouched = policy && parsed?.ok ? await trustOf(policy, parsed.value) : undefined;
  const checkpoint = vouched?.ok && parsed?.ok ? parsed.value : undefined;
  const registered =
    chosen || keys === 'forbidden'
      ? []
      : [...keys].flatMap(([of, known]) => known.keys.map(({ key }) => ({ of, key })));
  const basis = {
    source: client.origin,
    keys: [...registered, ...basisKeys({ connectors: chosen ?? [], policy })],
    checkpoint,
    cosigned: vouched?.ok ? vouched.value.cosigned.map(({ key }) => key.name) : [],
  };
  return { keys, chosen, policy, basis };
}

async function registeredKeys(client: ApiClient): Promise<Keys> {
  const list = await unlessRefused(client.get('/connectors', ConnectorList), 'forbidden');
  if (!list) return 'forbidden';
  const known = ({ key, keys, joinedAt, revoked }: ListedConnector) => ({
    ...(revoked && { revoked: revoked.at }),
    // An edge of an earlier release knows one.
    keys: keys ?? [{ key, from: joinedAt }],
  });
  return new Map(list.connectors.map((connector) => [connector.id, known(connector)]));
}

async function verifyWith(
  client: ApiClient,
  session: SessionId,
  { keys, chosen, policy }: Trusts,
): Promise<VerifyReport> {
  const seen = await unlessRefused(client.get(`/witness/${session}`, Witnessed), 'not_found');
  const found = await client.get(`/sessions/${session}/objects`, ObjectList).catch((error: unknown) => {
    if (error instanceof Failure && error.reason === 'not_found') return error;
    throw error;
  });
  const objects = found instanceof Failure ? undefined : found;
  const connector = objects?.connector ?? seen?.connector;
  if (connector === undefined)
    throw new Failure(
      2,
      'not_found',
      `${session}: ${found instanceof Failure ? found.message : 'nothing of it is known'}`,
    );

  const names = objects?.objects.map(({ name }) => name) ?? [];
  const source: RecordingSource = {
    originalsListed: true,
    list: async () => names,
    read: (name) =>
      unlessRefused(client.bytes(`/sessions/${session}/objects/${encodeURIComponent(name)}`), 'not_found').catch(
        (error: unknown) => {
          throw isUnread(error) ? new UnreadableObject(`cannot be read: ${error.message}`) : error;
        },
      ),
  };
  const registered = keys === 'forbidden' ? undefined : keys.get(connector);
  const report = await verifySession({
    session,
    connector,
    source,
    platform: recordingPlatform,
    trustedKeys: chosen,
    keys: registered,
    // Whoever has a revoked key reports nothing to the edge any more.
    sealedAt: seen?.manifest?.at,
    heads: seen?.heads ?? [],
    witnessedManifest: seen?.manifest,
    neverBegan: seen?.neverBegan,
    purged: seen?.purged,
  });
  const further: VerifyFault[] = [];
  if (keys !== 'forbidden' && registered === undefined) {
    further.push({ object: 'session', reason: 'key_unknown', message: `no connector ${connector} is registered` });
  }
  if (!seen) {
    further.push({ object: 'session', reason: 'head_differs', message: 'the edge never admitted this session' });
  }
  if (seen && objects && seen.connector !== objects.connector) {
    const message = `the store has it under ${objects.connector}, the edge witnessed it from ${seen.connector}`;
    further.push({ object: 'session', reason: 'key_unknown', message });
  }
  const notAsked = 'the log of sessions: this edge keeps none';
  const inLog =
    seen?.log && policy && (await proveInLog(session, seen.manifest && report.manifestDigest, seen.log, policy));
  const ofRecording = [...report.faults, ...further, ...(inLog?.faults ?? [])];
  const row =
    objects &&
    compareCatalogue(objects.catalogue, {
      purged: seen?.purged !== undefined,
      ended: seen?.manifest?.at,
      proven: ofRecording.length === 0,
      now: Date.now(),
      failedCommands: report.failedCommands,
    });
  const logged = {
    ...report,
    proofs: [...report.proofs, ...(inLog?.proofs ?? []), ...(row?.proofs ?? [])],
    notCompared: [...report.notCompared, ...(inLog || !seen ? [] : [notAsked]), ...(row?.notCompared ?? [])],
  };
  const faults = [...ofRecording, ...(row?.faults ?? [])];
  const purging = purgeUnderWay({ ...logged, faults }, seen?.purgeOrdered, names);
  if (purging) return withPurgeEntry(client, purging, seen ?? {});
  if (seen?.purged) return withPurgeEntry(client, { ...logged, faults, proven: faults.length === 0 }, seen);
  if (faults.length === 0 || !(await stillLive(client, session)))
    return { ...logged, faults, proven: faults.length === 0 };
  const notCompared = [...logged.notCompared, 'The session is still running: its manifest comes at its end.'];
  // By the edge's word, which nobody who can write to the store has: once it has witnessed a manifest, one must be there.
  const lacksItsEnd = seen !== undefined && seen.manifest === undefined && faults.every(isOfItsEnd);
  return lacksItsEnd
    ? { ...logged, notCompared, faults: [], proven: false, running: true }
    : { ...logged, notCompared, faults, proven: false };
}

const isOfItsEnd = ({ reason }: VerifyFault): boolean => reason === 'manifest_missing';

/** Gatehouse is there, and what stands behind it did not give this. One of many keeps none of the others from being proven. */
const isUnread = (error: unknown): error is Failure =>
  error instanceof Failure && ['unavailable', 'answer_cut', 'unexpected_answer'].includes(error.reason);

function unread(session: SessionId, error: unknown): VerifyReport {
  if (!isUnread(error)) throw error;
  const fault = {
    object: 'session',
    reason: 'object_unreadable',
    message: `cannot be read: ${error.message}`,
  } as const;
  return { session, proven: false, proofs: [], notCompared: [], faults: [fault] };
}

async function stillLive(client: ApiClient, session: SessionId): Promise<boolean> {
  const detail = await unlessRefused(client.get(`/sessions/${session}`, SessionDetail), 'not_found');
  return detail?.session.state === 'live';
}

/** undefined when the edge refused for this one reason; every other failure goes on. */
async function unlessRefused<T>(answer: Promise<T>, reason: string): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Failure && error.reason === reason) return undefined;
    throw error;
  }
}
