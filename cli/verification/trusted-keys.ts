// The file of keys for `--keys`: what an auditor trusts, and nothing that a server says.
//
//   connector KEY                  a connector's key, base64url, as `gatehouse connectors` lists it
//   log VKEY, witness NAME VKEY,   as in a policy of c2sp.org/tlog-policy; without a quorum, the log's word is enough
//   group ..., quorum ...

import { readFile } from 'node:fs/promises';
import { showNoteKey } from '../../core/tlog/note.ts';
import { parseWitnessPolicy, type WitnessPolicy } from '../../core/tlog/witness-policy.ts';
import { codeOf } from '../files/file-error.ts';
import { usage } from '../failure.ts';

export interface TrustedKeys {
  /** Raw, 32 bytes. */
  readonly connectors: readonly Uint8Array[];
  /** Undefined: the file names no log. */
  readonly policy: WitnessPolicy | undefined;
}

const CONNECTOR = /^\s*connector\s+([A-Za-z0-9_-]{43})\s*$/;

export async function readTrustedKeys(path: string): Promise<TrustedKeys> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw usage(`--keys: cannot read ${path}: ${codeOf(error)}`);
  });
  const connectors: Uint8Array[] = [];
  let hasQuorum = false;
  const lines = text.split('\n').map((line) => {
    hasQuorum ||= /^\s*quorum\s/.test(line);
    if (!/^\s*connector\s/.test(line)) return line;
    const key = CONNECTOR.exec(line)?.[1];
    if (key === undefined)
      throw usage(`--keys: ${path}: expected connector KEY, the key as 43 characters of base64url`);
    connectors.push(new Uint8Array(Buffer.from(key, 'base64url')));
    // An empty one keeps the numbers of those behind it.
    return '';
  });
  const policy = await parseWitnessPolicy(hasQuorum ? lines.join('\n') : `${lines.join('\n')}\nquorum none`);
  if (!policy.ok) throw usage(`--keys: ${path}: ${policy.error}`);
  return { connectors, policy: policy.value.logs.length > 0 ? policy.value : undefined };
}

const base64url = (key: Uint8Array): string => Buffer.from(key).toString('base64url');

/** Whose they are, for a report. */
export const basisKeys = ({ connectors, policy }: TrustedKeys): readonly { of: string; key: string }[] => [
  ...connectors.map((key) => ({ of: 'a connector', key: base64url(key) })),
  ...(policy?.logs ?? []).map((key) => ({ of: `the log ${key.name}`, key: showNoteKey(key) })),
  ...[...(policy?.witnesses ?? [])].map(([name, key]) => ({ of: `the witness ${name}`, key: showNoteKey(key) })),
];
