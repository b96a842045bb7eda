// `gatehouse checkpoint`: the newest checkpoint of the edge's log of sessions, for those who keep it. With one kept
// earlier it proves that the log only grew. Exit 1: it did not, or nobody who is trusted signed it.

import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { LogContinues, LogEntries, LogHead } from '../../core/api.ts';
import { toBase64 } from '../../core/scram.ts';
import { type Checkpoint, hashesOf, parseCheckpoint } from '../../core/tlog/checkpoint.ts';
import { isContinued } from '../../core/tlog/merkle.ts';
import { parseWitnessPolicy, trustOf, type WitnessPolicy } from '../../core/tlog/witness-policy.ts';
import { type ApiClient, query } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { Failure, usage } from '../failure.ts';
import { codeOf } from '../files/file-error.ts';
import { saveText } from '../files/save-stream.ts';
import { readTrustedKeys } from './trusted-keys.ts';

interface Options {
  readonly since?: string;
  readonly save?: string;
  readonly entries?: string;
  readonly keys?: string;
}

export function addCheckpoint(command: Command, cli: Cli): void {
  command
    .description(
      'The newest checkpoint of the log of sessions: a signed note (c2sp.org/tlog-checkpoint).\n' +
        'Keep it elsewhere: whoever has one can prove that nothing before it was changed or left out.',
    )
    .option('--since <FILE>', 'a checkpoint kept earlier: prove that the log continues it')
    .option('--save <FILE>', 'write the checkpoint there')
    .option('--entries <FILE>', 'write all entries of the log there, one a line (auditors)')
    .option('--keys <FILE>', "the log's and witnesses' keys; otherwise the log's as the edge names it")
    .action(async (options: Options, command: Command) => {
      const { client, output } = await cli.open(command);
      // The files first: what is wrong with them the edge need not be asked for.
      const kept = options.since === undefined ? undefined : await readNote(options.since, '--since');
      if (options.keys !== undefined) await readTrustedKeys(options.keys);
      const head = await client.get('/log', LogHead);
      const policy = await policyOf(options.keys, head.key);
      const checkpoint = await trusted(head.checkpoint, policy, 'the checkpoint of the edge');
      const since = kept === undefined ? undefined : await trusted(kept, policy, String(options.since));
      const newest = since ? await continued(client, since, policy) : { checkpoint, note: head.checkpoint };
      if (options.entries !== undefined) await writeEntries(client, newest.checkpoint.size, options.entries);
      if (options.save !== undefined) await saveText(options.save, newest.note);
      const { origin, size, root } = newest.checkpoint;
      const shown = { origin, size, root: toBase64(root), key: head.key, checkpoint: newest.note };
      await output.answer({ ...shown, ...(since && { continues: since.size }) }, () =>
        [newest.note.trimEnd(), ...(since ? [`It continues the checkpoint of ${since.size} entries.`] : [])].join(
          '\n\n',
        ),
      );
    });
}

/** With a file the edge's own word about its key counts for nothing. */
export async function policyOf(keys: string | undefined, ofEdge: string): Promise<WitnessPolicy> {
  if (keys !== undefined) {
    const { policy } = await readTrustedKeys(keys);
    if (!policy) throw usage(`--keys: ${keys} names no log`);
    return policy;
  }
  const policy = await parseWitnessPolicy(`log ${ofEdge}\nquorum none`);
  if (!policy.ok) throw new Failure(3, 'unexpected_answer', `the edge's key cannot be read: ${policy.error}`);
  return policy.value;
}

async function trusted(note: string, policy: WitnessPolicy, what: string): Promise<Checkpoint> {
  const checkpoint = parseCheckpoint(note);
  if (!checkpoint.ok) throw new Failure(1, 'not_proven', `${what} cannot be read: ${checkpoint.error}`);
  const by = await trustOf(policy, checkpoint.value);
  if (!by.ok) throw new Failure(1, 'not_proven', `${what} is not to be trusted: ${by.error}`);
  return checkpoint.value;
}

/** One that was kept elsewhere; `option` names it. */
export async function readKept(path: string, policy: WitnessPolicy, option: string): Promise<Checkpoint> {
  return trusted(await readNote(path, option), policy, path);
}

const readNote = (path: string, option: string): Promise<string> =>
  readFile(path, 'utf8').catch((error: unknown) => {
    throw usage(`${option}: cannot read ${path}: ${codeOf(error)}`);
  });

async function continued(
  client: ApiClient,
  since: Checkpoint,
  policy: WitnessPolicy,
): Promise<{ readonly checkpoint: Checkpoint; readonly note: string }> {
  const answer = await client
    .get(`/log/continues${query({ size: since.size })}`, LogContinues)
    .catch((error: unknown) => {
      if (error instanceof Failure && error.reason === 'not_found')
        throw new Failure(1, 'not_proven', `the log was cut: it has fewer than the ${since.size} entries that it had`);
      throw error;
    });
  const checkpoint = await trusted(answer.checkpoint, policy, 'the checkpoint of the edge');
  const shown = { earlier: since.size, earlierRoot: since.root, size: checkpoint.size, root: checkpoint.root };
  const proof = hashesOf(answer.proof);
  if (checkpoint.origin !== since.origin || !proof || !(await isContinued({ ...shown, proof })))
    throw new Failure(
      1,
      'not_proven',
      `the log does not continue the checkpoint of ${since.size} entries: it was changed`,
    );
  return { checkpoint, note: answer.checkpoint };
}

async function writeEntries(client: ApiClient, size: number, path: string): Promise<void> {
  const all: string[] = [];
  while (all.length < size) {
    const { entries } = await client.get(`/log/entries${query({ from: all.length })}`, LogEntries);
    if (entries.length === 0) throw new Failure(1, 'not_proven', `the log has ${size} entries, and gave ${all.length}`);
    all.push(...entries);
  }
  await saveText(
    path,
    all
      .slice(0, size)
      .map((entry) => `${entry}\n`)
      .join(''),
  );
}
