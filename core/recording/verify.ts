// Proves a session's recording, or says what is wrong with which object. Runs offline over any
// copy of the objects; what is compared with the edge (key, witnessed heads) is passed in.

import { type ConnectorKeys, judgeKey } from '../connectors/connector-keys.ts';
import { END_WORDS, hiddenWords, notKeptWords, originalsWords } from './coverage-words.ts';
import type { ConnectorId, SessionId } from '../ids.ts';
import { type DecodedManifest, decodeManifest, type Manifest, MANIFEST_NAME, ManifestDamage } from './manifest.ts';
import { actionsOf } from '../protocols.ts';
import { readAhead } from './read-ahead.ts';
import { type RecordingSource, UnreadableObject } from './recording-source.ts';
import { originalName, type RecordingPlatform, segmentName } from './segment.ts';
import { type ChainState, listingOf, SegmentChain } from './verify-chain.ts';
import { faultsOfOriginal } from './originals/verify-original.ts';
import { compareCounts, compareCoverage } from './verify-claims.ts';
import type { VerifyFault } from './verify-faults.ts';

/** A segment head as the edge witnessed it. */
interface WitnessedHead {
  readonly number: number;
  readonly digest: string;
  readonly at: string;
}

export interface VerifyInput {
  readonly session: SessionId;
  readonly connector: ConnectorId;
  readonly source: RecordingSource;
  readonly platform: RecordingPlatform;
  /** Keys of connectors that are trusted (raw, 32 bytes): as the edge registered them, or as an auditor has them. None: not compared, and the report says so. */
  readonly trustedKeys?: readonly Uint8Array[] | undefined;
  /** Instead of those: what the edge knows of this connector's keys, and since when each is good, or was. */
  readonly keys?: Pick<ConnectorKeys, 'revoked' | 'keys'> | undefined;
  /** When the manifest was there, by somebody's word who is not the connector; undefined: nobody knows. */
  readonly sealedAt?: string | undefined;
  /** undefined: not compared, and the report says so. */
  readonly heads?: readonly WitnessedHead[] | undefined;
  /** The manifest as the edge witnessed it; undefined: not compared. */
  readonly witnessedManifest?: { readonly digest: string; readonly segments: number } | undefined;
  /** The edge witnessed that the session was refused before anything of it was recorded or forwarded. */
  readonly neverBegan?: { readonly reason: string; readonly at: string } | undefined;
  /** Of an earlier reading of its first segments, by somebody who is believed: they are not read again, only looked for. */
  readonly from?: ChainState | undefined;
  /** The edge witnessed that it was purged, by that entry of the audit log. */
  readonly purged?: { readonly at: string; readonly audit: number } | undefined;
}

export interface VerifyReport {
  readonly session: SessionId;
  readonly proven: boolean;
  /** Why the policy had nothing of what went over the wire recorded: what is proven then is that there is nothing more. */
  readonly exempt?: string;
  /** The session ended before anything of it was recorded or forwarded: what is proven is that there is nothing. */
  readonly neverBegan?: true;
  /** Its recording was purged, and nothing of it is stored. */
  readonly purged?: true;
  /** Its purge was ordered and is under way: what is missing of it is no fault, and what is left is not proven. Only who asks the edge can tell. */
  readonly purging?: true;
  /** It has no manifest as yet, and what there is of it holds: neither proven nor a fault. Only who asks the edge can tell. */
  readonly running?: true;
  /** Whole, and unaltered since it was signed; whose key signed it nobody said: neither proven nor a fault. Only of a copy without keys. */
  readonly intact?: true;
  /** What was checked and holds, as sentences for a person. */
  readonly proofs: readonly string[];
  /** What could not be compared (no witness, no registered key): not faults. */
  readonly notCompared: readonly string[];
  readonly faults: readonly VerifyFault[];
  readonly manifest?: Manifest;
  /** SHA-256 of the manifest as it is stored, hex. */
  readonly manifestDigest?: string;
  /** Of the whole recording, to compare with the catalogue's row. Missing: it is not whole, or was read on from what an earlier release left. */
  readonly failedCommands?: number;
}

/** Reads every object once, a few ahead of the one being checked (READ_AHEAD). Rejects only when the source does. */
export async function verifySession(input: VerifyInput): Promise<VerifyReport> {
  const { session, source, platform } = input;
  const faults: VerifyFault[] = [];
  const proofs: string[] = [];
  const notCompared: string[] = [];
  const names = await source.list();
  if (input.purged && names.length === 0) return nothingLeft(input, input.purged);
  if (input.purged) {
    const message = `the edge witnessed at ${input.purged.at} that it was purged, by entry ${input.purged.audit} of the audit log, and ${names.length} of its objects are stored`;
    faults.push({ object: 'session', reason: 'stored_after_purge', message });
  }
  if (input.neverBegan) {
    if (names.length === 0 && !input.heads?.length && !input.witnessedManifest)
      return nothingOf(session, input.neverBegan);
    const message = `the edge witnessed at ${input.neverBegan.at} that this session never began, and there is a recording of it`;
    faults.push({ object: 'session', reason: 'began_after_all', message });
  }
  const decoded = await readManifest(input, faults);
  const manifest = decoded?.manifest;
  if (decoded) compareKey(input, decoded, { faults, proofs, notCompared });

  const from = manifest && input.from && isListed(manifest, input.from, platform) ? input.from : undefined;
  const first = from?.next ?? 0;
  const chain = new SegmentChain(session, input.connector, manifest, platform, { from });
  const expected = chain.expected(names);
  const listed = new Set<string>([MANIFEST_NAME]);
  const there = new Set(names);
  for (let number = 0; number < first; number++) {
    listed.add(segmentName(number));
    const { original } = manifest?.segments[number] ?? {};
    if (original) listed.add(originalName(number));
    if (original && !there.has(originalName(number)))
      faults.push(...faultsOfOriginal(number, original, undefined, platform));
    if (there.has(segmentName(number))) continue;
    chain.whole = false;
    faults.push({ object: segmentName(number), reason: 'segment_missing', message: `segment ${number} is missing` });
  }
  const originalOf = (number: number) => {
    if (!there.has(originalName(number))) return undefined;
    return source.originalsListed ? ('not_read' as const) : readOf(source, originalName(number));
  };
  const objectsOf = (number: number) => Promise.all([readOf(source, segmentName(number)), originalOf(number)]);
  for await (const [bytes, original] of readAhead(expected - first, (count) => objectsOf(first + count))) {
    const number = chain.digests.length;
    faults.push(...chain.next(number, bytes, original));
    listed.add(segmentName(number));
    if (chain.keepsOriginal) listed.add(originalName(number));
  }
  for (const name of names)
    if (!listed.has(name))
      faults.push({ object: name, reason: 'segment_unlisted', message: `${name} is no part of this recording` });

  const exempt = manifest && exemptionOf(manifest);
  if (manifest && chain.whole)
    faults.push(...compareCounts(manifest, chain.tally), ...compareCoverage(manifest, chain.tally));
  if (faults.length === 0 && manifest) {
    proofs.push(
      `every part of the recording is there (${manifest.segments.length}), each as it was made, in one unbroken chain`,
      `all that the connector counted is in it (${manifest.counts.actions} ${actionsOf(manifest.opened ? [manifest.opened.protocol] : [])})`,
      `the recording runs from the session's opening to its end: ${END_WORDS[manifest.end.reason]}`,
    );
    for (const hidden of manifest.coverage.hidden ?? []) proofs.push(`it does not show ${hiddenWords(hidden)}`);
    const { originals, notKept } = manifest.coverage;
    if (notKept) proofs.push(notKeptWords(notKept));
    if (originals) {
      proofs.push(originalsWords(originals));
      if (source.originalsListed)
        notCompared.push(
          'the content of what is sealed beside it: it is there, and only who unlocks it is handed it (gatehouse original)',
        );
    }
    if (exempt !== undefined) proofs.push(`it holds nothing of what went over the wire, by policy: ${exempt}`);
  }
  compareWitness(input, chain.digests, decoded, { faults, proofs, notCompared });
  return {
    session,
    proven: faults.length === 0,
    ...(exempt !== undefined && { exempt }),
    proofs,
    notCompared,
    faults,
    ...(decoded && { manifest: decoded.manifest, manifestDigest: decoded.digest }),
    ...(manifest &&
      chain.whole &&
      chain.tally.failedCommands !== undefined && { failedCommands: chain.tally.failedCommands }),
  };
}

const isListed = (manifest: Manifest, { next, listing }: ChainState, platform: RecordingPlatform): boolean =>
  next <= manifest.segments.length && listingOf(manifest.segments.slice(0, next), platform) === listing;

const nothingLeft = (
  { session, witnessedManifest }: VerifyInput,
  { at, audit }: { readonly at: string; readonly audit: number },
): VerifyReport => ({
  session,
  proven: true,
  purged: true,
  proofs: [
    `the edge witnessed at ${at} that it was purged, by entry ${audit} of the audit log: nothing of it is stored`,
  ],
  notCompared: [],
  faults: [],
  // As the edge has it: the log of sessions must have the same.
  ...(witnessedManifest && { manifestDigest: witnessedManifest.digest }),
});

const nothingOf = (
  session: SessionId,
  { reason, at }: { readonly reason: string; readonly at: string },
): VerifyReport => ({
  session,
  proven: true,
  neverBegan: true,
  proofs: [`the edge witnessed at ${at} that it never began (${reason}): nothing of it went on, and nothing is stored`],
  notCompared: [],
  faults: [],
});

async function readOf(source: RecordingSource, name: string): Promise<Uint8Array | UnreadableObject | undefined> {
  try {
    return await source.read(name);
  } catch (error) {
    if (error instanceof UnreadableObject) return error;
    throw error;
  }
}

interface Findings {
  readonly faults: VerifyFault[];
  readonly proofs: string[];
  readonly notCompared: string[];
}

async function readManifest(input: VerifyInput, faults: VerifyFault[]): Promise<DecodedManifest | undefined> {
  const bytes = await readOf(input.source, MANIFEST_NAME);
  const fault = (reason: VerifyFault['reason'], message: string): undefined => {
    faults.push({ object: MANIFEST_NAME, reason, message });
  };
  if (bytes instanceof UnreadableObject) return fault('object_unreadable', `the manifest ${bytes.message}`);
  if (!bytes)
    return fault('manifest_missing', 'there is no manifest: the session has not ended, or its manifest was removed');
  let decoded: DecodedManifest;
  try {
    decoded = decodeManifest(bytes, input.platform);
  } catch (error) {
    if (!(error instanceof ManifestDamage)) throw error;
    return fault('manifest_damaged', `the manifest was altered: ${error.message}`);
  }
  if (!decoded.signed) return fault('signature_wrong', 'the manifest was altered: its signature does not verify');
  const { session, connector } = decoded.manifest;
  if (session !== input.session) return fault('manifest_damaged', `the manifest is of another session, ${session}`);
  if (connector.id !== input.connector)
    return fault('manifest_damaged', `the manifest is of another connector, ${connector.id}`);
  return decoded;
}

function compareKey(input: VerifyInput, decoded: DecodedManifest, { faults, proofs, notCompared }: Findings): void {
  if (input.keys && !input.trustedKeys?.length) {
    const { connector, endedAt } = decoded.manifest;
    const verdict = judgeKey(input.keys, { key: connector.key, endedAt, sealedAt: input.sealedAt });
    const message = `the manifest ${verdict.words}`;
    if (verdict.kind === 'good') proofs.push(message);
    else faults.push({ object: MANIFEST_NAME, reason: verdict.kind, message });
  } else if (!input.trustedKeys?.length) {
    proofs.push('the manifest is signed with the key that it names');
    notCompared.push('whether that key is the connector’s: no registered key was given');
  } else if (input.trustedKeys.some((key) => sameBytes(key, decoded.publicKey))) {
    proofs.push('the manifest is signed with the connector’s registered key');
  } else {
    const message = 'the manifest is signed with a key that is not the connector’s registered key';
    faults.push({ object: MANIFEST_NAME, reason: 'key_unknown', message });
  }
}

function exemptionOf({ opened, coverage }: Manifest): string | undefined {
  return opened?.grant.obligations.record.exempt ?? coverage.exemptions[0];
}

function compareWitness(
  input: VerifyInput,
  digests: readonly (string | undefined)[],
  decoded: DecodedManifest | undefined,
  { faults, proofs, notCompared }: Findings,
): void {
  const { heads, witnessedManifest } = input;
  const before = faults.length;
  for (const head of heads ?? []) {
    const listed = decoded?.manifest.segments;
    const object = segmentName(head.number);
    const beyond = listed ? head.number >= listed.length : digests[head.number] === undefined;
    if (beyond && listed)
      faults.push({
        object,
        reason: 'head_differs',
        message: `segment ${head.number} was witnessed at ${head.at} and the manifest ends before it: the recording was cut short`,
      });
    else if (beyond)
      faults.push({
        object,
        reason: 'head_differs',
        message: `segment ${head.number} was witnessed at ${head.at} and is not there`,
      });
    else if ((listed?.[head.number]?.digest ?? digests[head.number]) !== head.digest)
      faults.push({
        object,
        reason: 'head_differs',
        message: `segment ${head.number} is not the one that was witnessed at ${head.at}`,
      });
  }
  if (witnessedManifest && decoded && witnessedManifest.digest !== decoded.digest)
    faults.push({
      object: MANIFEST_NAME,
      reason: 'head_differs',
      message: `the manifest is not the one that was witnessed, of ${witnessedManifest.segments} segments`,
    });
  if (!heads) {
    notCompared.push('what the edge witnessed while the session ran: it was not asked');
    return;
  }
  if (faults.length === before && heads.length > 0)
    proofs.push(`every part that the edge witnessed while the session ran (${heads.length}) is the one that is stored`);
  if (!decoded) return;
  const seen = new Set(heads.map(({ number }) => number));
  const unseen = decoded.manifest.segments.filter(({ number }) => !seen.has(number)).length;
  if (unseen > 0)
    notCompared.push(`${unseen} of ${decoded.manifest.segments.length} parts: the edge witnessed none of them`);
  if (!witnessedManifest) notCompared.push('the manifest: the edge has not witnessed it');
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);
