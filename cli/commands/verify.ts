// `gatehouse verify`: proves recordings on this machine. The servers only hand over bytes; what is
// proven is proven here. Exit 0: all proven. 1: not proven. 2: could not run. 3: unreachable.

import type { Command } from 'commander';
import { SessionId } from '../../core/ids.ts';
import type { VerifyReport } from '../../core/recording/verify.ts';
import type { Checkpoint } from '../../core/tlog/checkpoint.ts';
import { showNote } from '../../core/tlog/note.ts';
import packageJson from '../../package.json' with { type: 'json' };
import { checked, type Cli } from '../cli.ts';
import { Failure, usage } from '../failure.ts';
import type { Output } from '../output.ts';
import { line } from '../terminal-text.ts';
import { saveText } from '../files/save-stream.ts';
import { reportPage, type UnprovenPlace, type Verified } from '../verification/report-page.ts';
import { readKept } from '../verification/checkpoint.ts';
import { verifyCopy } from '../verification/verify-copy.ts';
import { readTrustedKeys, type TrustedKeys } from '../verification/trusted-keys.ts';
import { verifyEverything, verifyOne } from '../verification/verify-online.ts';

interface Options {
  readonly all?: boolean;
  readonly dir?: string;
  readonly key?: string;
  readonly keys?: string;
  readonly checkpoint?: string;
  readonly report?: string;
}

export function addVerify(command: Command, cli: Cli): void {
  command
    .description(
      'Proves on this machine that recordings are whole and unaltered: digests,\n' +
        "chain, signature, the connector's registered key, what the edge witnessed.\n" +
        'Exit 0: proven. 1: not proven. 2: could not run. 3: unreachable.',
    )
    .argument('[SESSION]', 'its id, ses_...')
    .option('--all', 'every session, listed or witnessed')
    .option('--dir <COPY>', 'offline: a copy of sessions, or of the bucket')
    .option('--keys <FILE>', 'keys that are trusted (docs/cli.md)')
    .option('--checkpoint <FILE>', 'with --dir: one kept elsewhere, to continue')
    .option('--report <FILE.html>', 'also write a page to keep, and its JSON')
    .option('--key <BASE64URL>', "with --dir: one connector's key alone")
    .action(async (session: string | undefined, options: Options, command: Command) => {
      const chosen = [session !== undefined, options.all === true, options.dir !== undefined].filter(Boolean).length;
      if (chosen !== 1) throw usage('name one of SESSION, --all and --dir COPY');
      if (options.key !== undefined && options.dir === undefined) throw usage('--key goes with --dir');
      if (options.key !== undefined && options.keys !== undefined) throw usage('name one of --key and --keys');
      if (options.checkpoint !== undefined && (options.dir === undefined || options.keys === undefined))
        throw usage('--checkpoint goes with --dir and --keys');
      if (options.report !== undefined && !options.report.endsWith('.html'))
        throw usage('--report: expected a name that ends with .html');
      const output = cli.output(command);
      const id = session === undefined ? undefined : checked(SessionId, session, 'SESSION');
      const prove = async (): Promise<boolean> => {
        if (options.dir !== undefined) {
          const keys = await keysOf(options);
          const kept = options.checkpoint === undefined ? undefined : await keptOf(options.checkpoint, keys);
          const { reports, unproven, basis } = await verifyCopy(options.dir, keys, kept);
          if (options.report !== undefined) await writeReport(options.report, { basis, reports, unproven });
          return conclude(output, reports, unproven);
        }
        const { client } = await cli.open(command);
        const progress = output.isTerminal ? (text: string) => output.note(text) : () => {};
        const { reports, basis } = await (id === undefined
          ? verifyEverything(client, progress, options.keys)
          : verifyOne(client, id, options.keys));
        if (options.report !== undefined) await writeReport(options.report, { basis, reports, unproven: [] });
        const [one] = reports;
        return id !== undefined && one ? concludeOne(output, one) : conclude(output, reports, []);
      };
      try {
        if (!(await prove())) cli.exitCode = 1;
      } catch (error) {
        // Somebody who may not look, or a session that nobody knows, proves nothing either way.
        if (error instanceof Failure && error.exitCode === 1 && error.reason !== NOT_PROVEN) {
          throw new Failure(2, error.reason, error.message);
        }
        throw error;
      }
    });
}

const NOT_PROVEN = 'not_proven';

async function keysOf({ key, keys }: Options): Promise<TrustedKeys | undefined> {
  if (keys !== undefined) return readTrustedKeys(keys);
  return key === undefined ? undefined : { connectors: [keyOf(key)], policy: undefined };
}

function keptOf(path: string, keys: TrustedKeys | undefined): Promise<Checkpoint> {
  if (!keys?.policy) throw usage('--checkpoint: the file of --keys names no log');
  return readKept(path, keys.policy, '--checkpoint');
}

function keyOf(text: string): Uint8Array {
  if (!/^[A-Za-z0-9_-]{43}$/.test(text)) throw usage('--key: expected 32 bytes in base64url (43 characters)');
  return new Uint8Array(Buffer.from(text, 'base64url'));
}

/** The page, and the same for machines under its name with .json. */
async function writeReport(path: string, verified: Omit<Verified, 'at' | 'version'>): Promise<void> {
  const facts = { ...verified, at: new Date().toISOString(), version: packageJson.version };
  const { basis, reports, unproven, at, version } = facts;
  const { checkpoint, ...rest } = basis;
  const asJson = {
    at,
    version,
    ...rest,
    ...(checkpoint && { checkpoint: showNote(checkpoint.note) }),
    proven: unproven.length === 0 && reports.every((report) => report.proven || report.running || report.purging),
    sessions: reports.map(shown),
    unproven,
  };
  for (const [name, text] of [
    [path, reportPage(facts)],
    [path.replace(/\.html$/, '.json'), `${JSON.stringify(asJson, null, 2)}\n`],
  ] as const)
    await saveText(name, text);
}

const shown = ({ manifest: _, failedCommands: _count, ...report }: VerifyReport): Omit<VerifyReport, 'manifest'> =>
  report;

/** Whether it is proven. */
async function concludeOne(output: Output, report: VerifyReport): Promise<boolean> {
  await output.answer(shown(report), () => showReport(report, output));
  return report.proven;
}

/** Whether all are proven. */
async function conclude(
  output: Output,
  reports: readonly VerifyReport[],
  unproven: readonly UnprovenPlace[],
): Promise<boolean> {
  const running = reports.filter((report) => report.running).length;
  const purging = reports.filter((report) => report.purging).length;
  const intact = reports.filter((report) => report.intact).length;
  const open = running + purging + intact;
  const failed = reports.filter((report) => !report.proven).length - open + unproven.length;
  const proven = failed === 0 && intact === 0;
  const all = reports.length + unproven.length;
  const answer = { proven, sessions: reports.map(shown), ...(unproven.length > 0 && { unproven }) };
  await output.answer(answer, () =>
    [
      ...reports.map((report) => showReport(report, output)),
      ...unproven.map(({ path, message }) => `${line(path)}  ${output.style('red', 'NOT PROVEN')}\n  ${line(message)}`),
      failed > 0 ? `${failed} of ${all} not proven.` : open === 0 ? `All ${all} proven.` : `${all - open} proven.`,
      ...(intact === 0
        ? []
        : [`${intact} intact, and not proven: nobody said whose keys may sign. Name them with --keys FILE.`]),
      ...(running === 0 ? [] : [`${running} still running: to be proven at the end.`]),
      ...(purging === 0
        ? []
        : [`${purging} being purged: to be proven when that is written down, minutes after the last deletion.`]),
    ].join('\n\n'),
  );
  return proven;
}

export function showReport(report: VerifyReport, output: Output): string {
  const how = report.neverBegan
    ? 'proven: never began'
    : report.purged
      ? 'proven: purged'
      : report.exempt === undefined
        ? 'proven'
        : 'proven: exempt';
  const verdict = report.proven
    ? output.style('green', how)
    : report.running
      ? output.style('yellow', 'STILL RUNNING')
      : report.intact
        ? output.style('yellow', 'INTACT, SIGNER UNKNOWN')
        : report.purging
          ? output.style('yellow', 'PURGE UNDER WAY')
          : output.style('red', 'NOT PROVEN');
  const head = `${report.session}  ${verdict}`;
  return [
    head,
    ...report.faults.map(
      ({ object, reason, message }) =>
        `  ${output.style('red', 'fault')} ${line(object)}: ${line(message)} (${reason})`,
    ),
    ...report.proofs.map((text) => `  ${output.style('green', 'holds')} ${line(text)}`),
    ...report.notCompared.map((text) => `  ${output.style('yellow', 'not compared')} ${line(text)}`),
  ].join('\n');
}
