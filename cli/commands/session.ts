import type { Command } from 'commander';
import { SessionDetail } from '../../core/catalogue.ts';
import { PROTOCOLS } from '../../core/protocols.ts';
import { hiddenWords } from '../../core/recording/hidden-words.ts';
import type { LaneCoverage } from '../../core/recording/lane-coverage.ts';
import { SessionId } from '../../core/ids.ts';
import { checked, type Cli } from '../cli.ts';
import { bytes, duration, time } from '../output.ts';

/** `--json` has all that the manifest lists. */
const MAX_EXCEPTIONS_SHOWN = 20;

export function addSession(command: Command, cli: Cli): void {
  command.argument('SESSION', 'its id, ses_...').action(async (text: string, _options: object, command: Command) => {
    const id = checked(SessionId, text, 'SESSION');
    const { client, output } = await cli.open(command);
    const detail = await client.get(`/sessions/${id}`, SessionDetail);
    const { session, manifest, coverage, segments } = detail;
    const { counts } = session;
    const refused = coverage?.refused.map(({ reason, count }) => `${reason} ${count}`).join(', ');
    const masked = coverage?.masked.map(({ rule, count }) => `${rule} ${count}`).join(', ');
    const withheld = coverage?.withheld?.map(({ reason, count }) => `${reason} ${count}`).join(', ');
    await output.answer({ ...detail, counts }, () =>
      output.details([
        ['session', session.id],
        ['person', session.email],
        ['resource', `${session.resource} (${session.protocol})`],
        ['reason', session.reason],
        ['task', session.task],
        ['trace', session.trace],
        ['grant', `${session.grant} by rule ${session.rule}`],
        ['break-glass', session.breakGlass ? 'yes: used without the approval that the rule asks for' : undefined],
        ['client', [session.client.address, session.client.tls, session.client.application].filter(Boolean).join(', ')],
        ['started', time(session.startedAt)],
        ['ended', session.endedAt ? time(session.endedAt) : 'still running'],
        ['length', manifest ? duration(manifest.durationUs) : undefined],
        ['end', session.end ? `${session.end.reason}: ${session.end.message}` : undefined],
        ['state', session.fault ? `${session.state}: ${session.fault}` : session.state],
        ['row changed', contradictionOf(session.contradicted)],
        [
          PROTOCOLS[session.protocol].noun.many,
          `${counts.actions}, ${counts.errors} failed, ${counts.rows} ${counts.rows === 1 ? 'row' : 'rows'}`,
        ],
        ['bytes', `${bytes(counts.bytes.client)} from the client, ${bytes(counts.bytes.target)} from the target`],
        ['segments', String(segments.length)],
        ['recorded', recordedOf(detail)],
        ['masked', masked],
        ['not shown', coverage?.hidden?.map(hiddenWords).join('; ')],
        ['withheld', withheld],
        ['refused', refused],
        ['exemptions', coverage?.exemptions.join(', ')],
      ]),
    );
  });
}

const contradictionOf = (fields: readonly string[] | undefined): string | undefined =>
  fields && `the catalogue says otherwise about ${fields.join(', ')}; shown is what the edge and the recording say`;

/** While it runs, only an exemption is known. */
function recordedOf({ session, coverage }: SessionDetail): string | undefined {
  if (!coverage) return session.exempt === undefined ? undefined : `none: ${session.exempt}`;
  const { count, first, exceptions, more, ...whole } = coverage.lanes;
  const words = (lanes: string, { recorded, note }: Pick<LaneCoverage, 'recorded' | 'note'>): string =>
    `${lanes} ${recorded}${note === undefined ? '' : ` (${note})`}`;
  const unseen = more + Math.max(0, exceptions.length - MAX_EXCEPTIONS_SHOWN);
  return [
    words(count === 1 ? `lane ${first}` : `${count} lanes`, whole),
    ...exceptions.slice(0, MAX_EXCEPTIONS_SHOWN).map((exception) => words(`but lane ${exception.lane}`, exception)),
    ...(unseen > 0 ? [`and ${unseen} more not in full`] : []),
  ].join(', ');
}
