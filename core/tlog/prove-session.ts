// Whether what is stored of a session is what the log of sessions has of it.

import type { SessionId } from '../ids.ts';
import { MANIFEST_NAME } from '../recording/manifest.ts';
import type { VerifyFault } from '../recording/verify-faults.ts';
import { isProven, parseLogProof } from './checkpoint.ts';
import { hashLeaf } from './merkle.ts';
import { parseLogEntry, type SessionLogEntry, sessionDigest } from './session-entry.ts';
import { trustOf, type WitnessPolicy } from './witness-policy.ts';

interface InLog {
  readonly faults: readonly VerifyFault[];
  /** Sentences for a person. */
  readonly proofs: readonly string[];
}

/** `manifest`: the digest of the one that is stored, if one is. */
export async function proveInLog(
  session: SessionId,
  manifest: string | undefined,
  proofs: readonly { readonly entry: string; readonly proof: string }[],
  policy: WitnessPolicy,
): Promise<InLog> {
  const subject = await sessionDigest(session);
  const entries: (SessionLogEntry & { readonly index: number })[] = [];
  let size = 0;
  for (const { entry, proof } of proofs) {
    const read = await readProof(entry, proof, policy);
    if ('wrong' in read) return faulty(read.wrong);
    if (read.entry.session !== subject) return faulty('the log gave an entry of another session');
    entries.push({ ...read.entry, index: read.index });
    size = read.size;
  }
  if (!entries.some(({ event }) => event === 'opened')) return faulty('the log does not have that it was opened');
  const logged = entries.filter(({ event }) => event === 'manifest');
  if (manifest === undefined && logged.length > 0)
    return faulty('the log has a manifest of it, and none is stored', MANIFEST_NAME);
  if (manifest === undefined) return { faults: [], proofs: [] };
  const own = logged.find(({ digest }) => digest === manifest);
  if (!own && logged.length > 0) return faulty('the manifest is not the one in the log', MANIFEST_NAME);
  if (!own) return faulty('the manifest is not in the log', MANIFEST_NAME);
  return {
    faults: [],
    proofs: [`its manifest is entry ${own.index} of the edge's log, by a checkpoint of ${size} entries`],
  };
}

const faulty = (message: string, object = 'session'): InLog => ({
  faults: [{ object, reason: 'not_in_log', message }],
  proofs: [],
});

async function readProof(
  text: string,
  proof: string,
  policy: WitnessPolicy,
): Promise<
  { readonly wrong: string } | { readonly entry: SessionLogEntry; readonly index: number; readonly size: number }
> {
  const entry = parseLogEntry(text);
  if (!entry.ok) return { wrong: entry.error };
  const parsed = parseLogProof(proof);
  if (!parsed.ok) return { wrong: `a proof of the log cannot be read: ${parsed.error}` };
  const trusted = await trustOf(policy, parsed.value.checkpoint);
  if (!trusted.ok) return { wrong: trusted.error };
  if (!(await isProven(await hashLeaf(new TextEncoder().encode(text)), parsed.value)))
    return { wrong: `the log does not have entry ${parsed.value.index} as it was given` };
  return { entry: entry.value, index: parsed.value.index, size: parsed.value.checkpoint.size };
}
