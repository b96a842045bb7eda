// Whose word a checkpoint needs (c2sp.org/tlog-policy): the logs that may sign it, and the witnesses who must have cosigned.
//
//   log VKEY [URL]
//   witness NAME VKEY [URL]
//   group NAME all|any|K MEMBER...
//   quorum NAME|none

import { err, ok, type Result } from '../result.ts';
import { equalBytes } from '../scram.ts';
import type { Checkpoint } from './checkpoint.ts';
import { type NoteKey, type NoteKeyType, parseNoteKey, type Signed, whoSigned } from './note.ts';

const MAX_LINES = 1_000;

interface Group {
  readonly threshold: number;
  readonly members: readonly string[];
}

export interface WitnessPolicy {
  readonly logs: readonly NoteKey[];
  readonly witnesses: ReadonlyMap<string, NoteKey>;
  readonly groups: ReadonlyMap<string, Group>;
  /** Of a witness or a group; `none`: nobody needs to have cosigned. */
  readonly quorum: string;
}

/** The error names the line. */
export async function parseWitnessPolicy(text: string): Promise<Result<WitnessPolicy, string>> {
  const logs: NoteKey[] = [];
  const witnesses = new Map<string, NoteKey>();
  const groups = new Map<string, Group>();
  const members = new Set<string>();
  let quorum: string | undefined;
  const isNamed = (name: string): boolean => witnesses.has(name) || groups.has(name);

  const addKey = async (type: NoteKeyType, text: string, name?: string): Promise<string | undefined> => {
    const key = await parseNoteKey(text);
    if (!key.ok) return key.error;
    if (key.value.type !== type) return `the key of ${key.value.name} is not that of a ${type}`;
    const known = [...logs, ...witnesses.values()];
    if (known.some(({ publicKey }) => equalBytes(publicKey, key.value.publicKey)))
      return `the key of ${key.value.name} stands there twice`;
    if (name === undefined) logs.push(key.value);
    else witnesses.set(name, key.value);
    return undefined;
  };
  const addGroup = (name: string, count: string, own: readonly string[]): string | undefined => {
    const threshold = count === 'all' ? own.length : count === 'any' ? 1 : Number(count);
    if (own.length === 0 || !/^(?:all|any|[1-9]\d*)$/.test(count) || threshold > own.length)
      return `group ${name} needs all, any, or a number of its members, of at least one`;
    for (const member of own) {
      if (!isNamed(member)) return `${member} is defined nowhere above`;
      if (members.has(member)) return `${member} is in a group already`;
      members.add(member);
    }
    groups.set(name, { threshold, members: own });
    return undefined;
  };
  const take = (words: readonly string[]): string | undefined | Promise<string | undefined> => {
    const [kind, name = '', third = ''] = words;
    const isNew = (kind === 'witness' || kind === 'group') && name !== '' && name !== 'none';
    if (isNew && isNamed(name)) return `${name} is defined twice`;
    if (kind === 'log' && (words.length === 2 || words.length === 3)) return addKey('log', name);
    if (kind === 'witness' && isNew && (words.length === 3 || words.length === 4))
      return addKey('witness', third, name);
    if (kind === 'group' && isNew) return addGroup(name, third, words.slice(3));
    if (kind !== 'quorum' || words.length !== 2) return 'expected log, witness, group or quorum, with what each needs';
    if (quorum !== undefined) return 'there is a quorum already';
    if (name !== 'none' && !isNamed(name)) return `${name} is defined nowhere above`;
    quorum = name;
    return undefined;
  };

  const lines = text.split('\n');
  if (lines.length > MAX_LINES) return err(`it has more than ${MAX_LINES} lines`);
  for (const [index, line] of lines.entries()) {
    const words = line.split(/[ \t]+/).filter((word) => word !== '');
    if (words.length === 0 || words[0]?.startsWith('#')) continue;
    const mistake = await take(words);
    if (mistake !== undefined) return err(`line ${index + 1}: ${mistake}`);
  }
  return quorum === undefined ? err('it has no line with a quorum') : ok({ logs, witnesses, groups, quorum });
}

interface Trusted {
  readonly log: NoteKey;
  readonly cosigned: readonly Signed[];
}

/** Who of the policy vouches for the checkpoint. An error: not enough of them. */
export async function trustOf(policy: WitnessPolicy, checkpoint: Checkpoint): Promise<Result<Trusted, string>> {
  const signed = await whoSigned(checkpoint.note, [...policy.logs, ...policy.witnesses.values()]);
  if (!signed.ok) return signed;
  const log = signed.value.find(({ key }) => key.type === 'log' && key.name === checkpoint.origin)?.key;
  if (!log) return err(`no log that is trusted signed the checkpoint of ${checkpoint.origin}`);
  const cosigned = signed.value.filter(({ key }) => key.type === 'witness');
  const has = (name: string): boolean => {
    const group = policy.groups.get(name);
    if (group) return group.members.filter(has).length >= group.threshold;
    return cosigned.some(({ key }) => key === policy.witnesses.get(name));
  };
  if (policy.quorum !== 'none' && !has(policy.quorum))
    return err(`too few witnesses have cosigned the checkpoint: the quorum is ${policy.quorum}`);
  return ok({ log, cosigned });
}
