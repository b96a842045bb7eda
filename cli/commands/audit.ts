// The audit log.

import type { Command } from 'commander';
import { AuditPage } from '../../core/audit/audit-page.ts';
import { withNames } from '../../core/audit/names.ts';
import { query } from '../api-client.ts';
import { addAuditVerify } from '../verification/audit-verify.ts';
import { type Cli, wholeNumber } from '../cli.ts';
import { time } from '../output.ts';
import { INSTANTS, instant } from '../instant.ts';

const ENTRIES_A_PAGE = 500;

interface Options {
  readonly since?: string;
  readonly actor?: string;
  readonly kind?: string;
  readonly cursor?: string;
  readonly limit: string;
}

export function addAudit(command: Command, cli: Cli): void {
  const audit = command
    .option('--since <WHEN>', `since: ${INSTANTS}`)
    .option('--actor <WHO>', 'what this person did: an e-mail address, or a pseudonym (per_...)')
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
          page.entries
            .map((one) => withNames(one, page.names))
            .map((entry) => [
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
  addAuditVerify(audit, cli);
}
