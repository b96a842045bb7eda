// The audit log, and the proof on this machine that nothing in it was changed or taken out.

import type { Command } from 'commander';
import { AuditPage } from '../core/api.ts';
import { AUDIT_GENESIS, type AuditEntry, auditDigest } from '../core/audit.ts';
import { type ApiClient, query } from './api-client.ts';
import { type Cli, wholeNumber } from './cli.ts';
import { Failure } from './failure.ts';
import { time } from './output.ts';
import { instant } from './sessions.ts';

const ENTRIES_A_PAGE = 500;

interface Options {
  readonly since?: string;
  readonly actor?: string;
  readonly kind?: string;
  readonly cursor?: string;
  readonly limit: string;
}

export function addAudit(program: Command, cli: Cli): void {
  const audit = program
    .command('audit')
    .description('the audit log, newest first (auditors); audit verify proves it')
    .option('--since <WHEN>', 'since: 2026-11-20, 2026-11-20T09:00:00Z, or 2h ago')
    .option('--actor <EMAIL>', 'what this person did')
    .option('--kind <KIND>', 'such as request.approved or policy.applied')
    .option('--cursor <TEXT>', 'go on where the last page ended')
    .option('--limit <N>', 'entries a page, 1 to 500', '100')
    .action(async (options: Options, command: Command) => {
      const search = query({
        since: options.since === undefined ? undefined : instant(options.since, '--since', Date.now()),
        actor: options.actor,
        kind: options.kind,
        cursor: options.cursor,
        limit: wholeNumber(options.limit, '--limit', 1, ENTRIES_A_PAGE),
      });
      const { client, output } = await cli.open(command);
      const page = await client.get(`/audit${search}`, AuditPage);
      await output.answer(page, () => {
        const table = output.table(
          ['ENTRY', 'AT', 'KIND', 'ACTOR', 'OBJECT', 'DETAILS'],
          page.entries.map((entry) => [
            String(entry.sequence),
            time(entry.at),
            entry.kind,
            entry.actor,
            entry.object,
            Object.entries(entry.details)
              .map(([name, value]) => `${name}=${value}`)
              .join(' '),
          ]),
          'Nothing was written that fits.',
        );
        return page.cursor === undefined ? table : `${table}\n\nMore: --cursor ${page.cursor}`;
      });
    });
  audit
    .command('verify')
    .description('walk the whole chain on this machine')
    .action(async (_options: object, command: Command) => {
      const { client, output } = await cli.open(command);
      const report = await verifyLog(client);
      await output.answer(report, () =>
        report.whole
          ? `Whole: ${report.entries} entries, each linked to the one before. Head ${report.head}.`
          : `Broken at entry ${report.brokenAt}: ${report.message}.`,
      );
      if (!report.whole) throw new Failure(1, 'audit_broken', `the audit log is broken at entry ${report.brokenAt}`);
    });
}

interface Report {
  readonly whole: boolean;
  readonly entries: number;
  /** Digest of the newest entry: kept elsewhere, it shows a later cut at the end. */
  readonly head: string;
  readonly brokenAt?: number;
  readonly message?: string;
}

/** From the newest entry back to the first, a page at a time. The oldest break is what counts: it is met last. */
async function verifyLog(client: ApiClient): Promise<Report> {
  let newer: AuditEntry | undefined;
  let head = AUDIT_GENESIS;
  let entries = 0;
  let broken: { brokenAt: number; message: string } | undefined;
  for (let cursor: string | undefined; ; ) {
    const page: AuditPage = await client.get(`/audit${query({ cursor, limit: ENTRIES_A_PAGE })}`, AuditPage);
    for (const entry of page.entries) {
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
    }
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  if (newer && (newer.sequence !== 1 || newer.previous !== AUDIT_GENESIS)) {
    broken = { brokenAt: 1, message: `entry 1 is missing: the log begins with entry ${newer.sequence}` };
  }
  return { whole: broken === undefined, entries, head, ...broken };
}
