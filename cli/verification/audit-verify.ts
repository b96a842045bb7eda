// `gatehouse audit verify`: proves on this machine that nothing in the audit log was changed or taken
// out, in the edge and in the object store. Exit 0: proven. 1: not proven. 2: could not run.

import type { Command } from 'commander';
import { AuditPiecePage } from '../../core/api.ts';
import { AuditExportStanding, AuditPage } from '../../core/audit/audit-page.ts';
import { AUDIT_GENESIS, type AuditEntry, auditDigest } from '../../core/audit/audit.ts';
import { auditKeyOf } from '../../core/audit/audit-months.ts';
import { type AuditCopyReport, type AuditFault, verifyAuditCopy } from '../../core/audit/audit-proof.ts';
import type { NoteKey } from '../../core/tlog/note.ts';
import { type ApiClient, query } from '../api-client.ts';
import { readAuditCopies } from './audit-copy.ts';
import type { Cli } from '../cli.ts';
import { Failure, usage } from '../failure.ts';
import type { Output } from '../output.ts';
import { line } from '../terminal-text.ts';
import { readTrustedKeys } from './trusted-keys.ts';

const ENTRIES_A_PAGE = 500;

interface Options {
  readonly dir?: string;
  readonly head?: string;
  readonly keys?: string;
}

export function addAuditVerify(audit: Command, cli: Cli): void {
  audit
    .command('verify')
    .summary('prove the audit log, in the edge and in the object store')
    .description(
      'Proves on this machine that nothing in the audit log was changed or taken out:\n' +
        "walks the edge's whole chain, and compares each exported piece with it.\n" +
        'Exit 0: proven. 1: not proven. 2: could not run. 3: unreachable.',
    )
    .option('--dir <COPY>', 'offline: a copy of the folder with the exported pieces')
    .option('--head <DIGEST>', "with --dir: an entry's digest that was noted before; the copy must hold it")
    .option('--keys <FILE>', 'with --dir: keys that you trust, with the log of the edge that signs each closed month')
    .action(async (options: Options, command: Command) => {
      // The parser takes the list's own flags here too; a proof of some entries is none.
      const strayed = Object.keys(audit.opts()).find((name) => audit.getOptionValueSource(name) === 'cli');
      if (strayed !== undefined) throw usage(`--${strayed} goes with audit, not with audit verify`);
      const { dir, head, keys } = options;
      if (head !== undefined && dir === undefined) throw usage('--head goes with --dir');
      if (head !== undefined && !/^[0-9a-f]{64}$/.test(head)) throw usage('--head: expected a SHA-256 digest in hex');
      if (keys !== undefined && dir === undefined) throw usage('--keys goes with --dir');
      if (dir !== undefined) {
        const against = { head, key: keys === undefined ? undefined : await keyIn(keys) };
        if (!(await verifyDirectory(dir, against, cli.output(command)))) cli.exitCode = 1;
        return;
      }
      const { client, output } = await cli.open(command);
      try {
        await verifyOnline(client, output);
      } catch (error) {
        // Somebody who may not look proves nothing either way.
        if (error instanceof Failure && error.exitCode === 1 && error.reason !== BROKEN) {
          throw new Failure(2, error.reason, error.message);
        }
        throw error;
      }
    });
}

const BROKEN = 'audit_broken';

/** The key of the audit log, by that of the log of sessions: they are one edge's. */
async function keyIn(path: string): Promise<NoteKey> {
  const [log, ...more] = (await readTrustedKeys(path)).policy?.logs ?? [];
  if (!log || more.length > 0) throw usage(`--keys: ${path}: expected one line: log VKEY, the key of the edge's log`);
  return auditKeyOf(log);
}

interface Against {
  readonly head: string | undefined;
  readonly key: NoteKey | undefined;
}

/** Whether it is proven. */
async function verifyDirectory(dir: string, against: Against, output: Output): Promise<boolean> {
  const copies = await readAuditCopies(dir);
  const reports: (AuditCopyReport & { readonly folder: string })[] = [];
  for (const { folder, ...copy } of copies) reports.push({ folder, ...(await verifyAuditCopy(copy, against)) });
  const proven = reports.every((report) => report.proven);
  const cut = `That nothing was cut off at the end: only ${against.head === undefined ? 'the edge, or a head noted before (--head), shows it' : 'the edge knows what came after the noted head'}.`;
  await output.answer({ proven, copies: reports, notCompared: [cut] }, () =>
    [
      ...reports.flatMap((report) => [report.folder, ...showCopy(report, output)]),
      `  ${output.style('yellow', 'not compared')} ${cut}`,
    ].join('\n'),
  );
  return proven;
}

function showCopy({ proven, pieces, entries, last, head, closed, faults }: AuditCopyReport, output: Output): string[] {
  return [
    ...faults.map((fault) => showFault(fault, output)),
    proven
      ? `  ${output.style('green', 'proven')} ${pieces} pieces, entries 1 to ${last}, head ${head}`
      : `  ${output.style('red', 'NOT PROVEN')} ${pieces} pieces, ${entries} entries in sound ones`,
    ...(closed?.signed
      ? [`  ${output.style('green', 'signed')} months to ${closed.month}, entries 1 to ${closed.through}`]
      : []),
  ];
}

const showFault = ({ object, reason, message }: AuditFault, output: Output): string =>
  `  ${output.style('red', 'fault')} ${line(object)}: ${line(message)} (${reason})`;

interface Report {
  readonly whole: boolean;
  readonly entries: number;
  /** Digest of the newest entry: kept elsewhere, it shows a later cut at the end. */
  readonly head: string;
  readonly brokenAt?: number;
  readonly message?: string;
}

async function verifyOnline(client: ApiClient, output: Output): Promise<void> {
  // In this order: what is stored already must be in the log that is walked after it.
  const standing = await client.get('/audit/export', AuditExportStanding);
  const names = await pieceNames(client);
  const digests = new Map<number, string>();
  const { freed } = standing;
  const chain = await walkChain(client, ({ sequence, digest }) => digests.set(sequence, digest), freed);
  if (freed) digests.set(freed.through, freed.head);
  const copy = await verifyAuditCopy(
    { names, read: (name) => readPiece(client, name) },
    {
      log: {
        exportedThrough: standing.exportedThrough,
        freedThrough: freed?.through ?? 0,
        digestOf: (sequence) => digests.get(sequence),
      },
    },
  );
  const proven = chain.whole && copy.proven;
  await output.answer({ ...chain, proven, export: { ...standing, ...copy } }, () =>
    [
      chain.whole
        ? `Whole: ${chain.entries} entries, each linked to the one before. Head ${chain.head}.`
        : `Broken at entry ${chain.brokenAt}: ${chain.message}.`,
      copy.proven
        ? `Exported: ${copy.pieces} pieces, entries 1 to ${copy.last}, the same as in the log. ${standing.waiting} entries wait.`
        : 'The exported pieces are not the log:',
      ...copy.faults.map((fault) => showFault(fault, output)),
      ...(standing.failing
        ? [
            `${output.style('yellow', 'The export fails')} since ${standing.failing.since}: ${line(standing.failing.reason)}, ${standing.failing.tries} tries.`,
          ]
        : []),
    ].join('\n'),
  );
  if (!chain.whole) throw new Failure(1, BROKEN, `the audit log is broken at entry ${chain.brokenAt}`);
  const [first] = copy.faults;
  if (first) throw new Failure(1, BROKEN, `the exported audit log is not proven: ${first.object}: ${first.message}`);
}

async function pieceNames(client: ApiClient): Promise<string[]> {
  const names: string[] = [];
  let after: string | undefined;
  do {
    const page: AuditPiecePage = await client.get(`/audit/pieces${query({ after })}`, AuditPiecePage);
    names.push(...page.pieces.map(({ name }) => name));
    after = page.after;
  } while (after !== undefined);
  return names;
}

async function readPiece(client: ApiClient, name: string): Promise<Uint8Array | undefined> {
  try {
    return await client.bytes(`/audit/pieces/${encodeURIComponent(name)}`);
  } catch (error) {
    if (error instanceof Failure && error.reason === 'not_found') return undefined;
    throw error;
  }
}

/**
 * From the newest entry back to the first that the edge has itself, a page at a time. The oldest break is what counts: it is met last.
 * Those before it are in the pieces, whose last must be the one that this one links to.
 */
async function walkChain(
  client: ApiClient,
  seen: (entry: AuditEntry) => unknown,
  freed: AuditExportStanding['freed'],
): Promise<Report> {
  const behind = { sequence: freed?.through ?? 0, digest: freed?.head ?? AUDIT_GENESIS };
  let newer: AuditEntry | undefined;
  let head: string = AUDIT_GENESIS;
  let entries = 0;
  let broken: { brokenAt: number; message: string } | undefined;
  for (let cursor: string | undefined; ; ) {
    const page: AuditPage = await client.get(`/audit${query({ cursor, limit: ENTRIES_A_PAGE })}`, AuditPage);
    for (const entry of page.entries) {
      if (entry.sequence <= behind.sequence) break;
      const { digest, ...rest } = entry;
      if (newer === undefined) head = digest;
      else if (newer.sequence !== entry.sequence + 1) {
        broken = { brokenAt: entry.sequence + 1, message: `entry ${entry.sequence + 1} is missing` };
      } else if (newer.previous !== digest) {
        broken = { brokenAt: newer.sequence, message: `entry ${newer.sequence} does not link to the entry before it` };
      }
      if ((await auditDigest(rest)) !== digest) {
        broken = { brokenAt: entry.sequence, message: `entry ${entry.sequence} was changed after it was written` };
      }
      newer = entry;
      entries++;
      seen(entry);
    }
    cursor = page.cursor;
    if (cursor === undefined || Number(cursor) <= behind.sequence + 1) break;
  }
  if (newer && newer.sequence !== behind.sequence + 1) {
    const first = behind.sequence + 1;
    broken = { brokenAt: first, message: `entry ${first} is missing: the log begins with entry ${newer.sequence}` };
  } else if (newer && newer.previous !== behind.digest) {
    broken = { brokenAt: newer.sequence, message: `entry ${newer.sequence} does not link to the entry before it` };
  }
  return { whole: broken === undefined, entries: entries + behind.sequence, head, ...broken };
}
