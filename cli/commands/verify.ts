// `gatehouse verify`: proves recordings on this machine. The servers only hand over bytes; what is
// proven is proven here. Exit 0: all proven. 1: not proven. 2: could not run. 3: unreachable.

import type { Command } from 'commander';
import { SessionId } from '../../core/ids.ts';
import type { VerifyReport } from '../../core/recording/verify.ts';
import { checked, type Cli } from '../cli.ts';
import { Failure, usage } from '../failure.ts';
import type { Output } from '../output.ts';
import { line } from '../terminal-text.ts';
import { type UnprovenPlace, verifyCopy } from '../verification/verify-copy.ts';
import { readTrustedKeys, type TrustedKeys } from '../verification/trusted-keys.ts';
import { verifyEverything, verifyOne } from '../verification/verify-online.ts';

interface Options {
  readonly all?: boolean;
  readonly dir?: string;
  readonly key?: string;
  readonly keys?: string;
}

export function addVerify(command: Command, cli: Cli): void {
  command
    .description(
      'Proves on this machine that recordings are whole and unaltered: digests,\n' +
        "chain, signature, the connector's registered key, what the edge witnessed.\n" +
        'Exit 0: proven. 1: not proven. 2: could not run. 3: unreachable.',
    )
    .argument('[SESSION]', 'its id, ses_...')
    .option('--all', 'every session that is listed or that the edge witnessed')
    .option('--dir <COPY>', "offline: a copy of a session's folder, or of a tree of them")
    .option('--keys <FILE>', "keys that are trusted: connectors', the log's, witnesses' (docs/cli.md)")
    .option('--key <BASE64URL>', "with --dir: the connector's key alone, as gatehouse connectors lists it")
    .action(async (session: string | undefined, options: Options, command: Command) => {
      const chosen = [session !== undefined, options.all === true, options.dir !== undefined].filter(Boolean).length;
      if (chosen !== 1) throw usage('name one of SESSION, --all and --dir COPY');
      if (options.key !== undefined && options.dir === undefined) throw usage('--key goes with --dir');
      if (options.key !== undefined && options.keys !== undefined) throw usage('name one of --key and --keys');
      const output = cli.output(command);
      const id = session === undefined ? undefined : checked(SessionId, session, 'SESSION');
      const prove = async (): Promise<boolean> => {
        if (options.dir !== undefined) {
          const { reports, unproven } = await verifyCopy(options.dir, await keysOf(options));
          return conclude(output, reports, unproven);
        }
        const { client } = await cli.open(command);
        if (id !== undefined) return concludeOne(output, await verifyOne(client, id, options.keys));
        const progress = output.isTerminal ? (text: string) => output.note(text) : () => {};
        return conclude(output, await verifyEverything(client, progress, options.keys), []);
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

function keyOf(text: string): Uint8Array {
  if (!/^[A-Za-z0-9_-]{43}$/.test(text)) throw usage('--key: expected 32 bytes in base64url (43 characters)');
  return new Uint8Array(Buffer.from(text, 'base64url'));
}

const shown = ({ manifest: _, ...report }: VerifyReport): Omit<VerifyReport, 'manifest'> => report;

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
  const failed = reports.filter((report) => !report.proven).length - running + unproven.length;
  const proven = failed === 0;
  const all = reports.length + unproven.length;
  const answer = { proven, sessions: reports.map(shown), ...(unproven.length > 0 && { unproven }) };
  await output.answer(answer, () =>
    [
      ...reports.map((report) => showReport(report, output)),
      ...unproven.map(({ path, message }) => `${line(path)}  ${output.style('red', 'NOT PROVEN')}\n  ${line(message)}`),
      proven ? (running === 0 ? `All ${all} proven.` : `${all - running} proven.`) : `${failed} of ${all} not proven.`,
      ...(running === 0 ? [] : [`${running} still running: to be proven at the end.`]),
    ].join('\n\n'),
  );
  return proven;
}

export function showReport(report: VerifyReport, output: Output): string {
  const how = report.neverBegan ? 'proven: never began' : report.exempt === undefined ? 'proven' : 'proven: exempt';
  const verdict = report.proven
    ? output.style('green', how)
    : report.running
      ? output.style('yellow', 'STILL RUNNING')
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
