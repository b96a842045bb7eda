import type { Command } from 'commander';
import { SessionDetail } from '../../core/catalogue.ts';
import { hasRows, PROTOCOLS } from '../../core/protocols.ts';
import {
  END_WORDS,
  RECORDED_WORDS,
  REFUSED_WORDS,
  WITHHELD_WORDS,
  hiddenWords,
  notKeptWords,
  originalsWords,
} from '../../core/recording/coverage-words.ts';
import { errorWords, sessionMarks } from '../../core/session-marks.ts';
import { SessionId } from '../../core/ids.ts';
import { checked, type Cli } from '../cli.ts';
import { count, showBytes, took } from '../../core/text/amounts.ts';
import { time } from '../output.ts';

/** `--json` has all that the manifest lists. */
const MAX_EXCEPTIONS_SHOWN = 20;

export function addSession(command: Command, cli: Cli): void {
  command.argument('SESSION', 'its id, ses_...').action(async (text: string, _options: object, command: Command) => {
    const id = checked(SessionId, text, 'SESSION');
    const { client, output } = await cli.open(command);
    const detail = await client.get(`/sessions/${id}`, SessionDetail);
    const { session, manifest, coverage } = detail;
    const { counts } = session;
    const refused = coverage?.refused
      .map(({ reason, count: times }) => `${count(times, 'time')} ${REFUSED_WORDS[reason] ?? reason}`)
      .join('; ');
    const masked = coverage?.masked.map(({ rule, count: values }) => `${count(values, 'value')} by ${rule}`).join('; ');
    const withheld = coverage?.withheld
      ?.map(({ reason, count: values }) => `${count(values, 'value')}, ${WITHHELD_WORDS[reason] ?? reason}`)
      .join('; ');
    const state = [session.state, ...sessionMarks(session, Date.now())].join(', ');
    await output.answer({ ...detail, counts }, () =>
      output.details([
        ['session', session.id],
        ['person', session.email],
        ['resource', `${session.resource} (${session.protocol})`],
        ['reason', session.reason],
        ['task', session.task],
        ['trace', session.trace],
        ['grant', `${session.grant} by rule ${session.rule}${session.ruleGone ? RULE_GONE : ''}`],
        ['break-glass', session.breakGlass ? 'yes: used without the approval that the rule asks for' : undefined],
        ['client', [session.client.address, session.client.tls, session.client.application].filter(Boolean).join(', ')],
        ['started', time(session.startedAt)],
        ['ended', session.endedAt ? time(session.endedAt) : 'still running'],
        ['length', manifest ? took(manifest.durationUs) : undefined],
        ['end', session.end ? `${END_WORDS[session.end.reason]}: ${session.end.message}` : undefined],
        ['state', state],
        ['row changed', contradictionOf(session.contradicted)],
        [
          PROTOCOLS[session.protocol].noun.many,
          [
            counts.actions,
            errorWords(session),
            hasRows(session.protocol) && counts.errors === 0 ? '0 failed' : [],
            hasRows(session.protocol) ? count(counts.rows, 'row') : [],
          ]
            .flat()
            .join(', '),
        ],
        [
          'bytes',
          `${showBytes(counts.bytes.client)} from the client, ${showBytes(counts.bytes.target)} from the target`,
        ],
        ['recorded', recordedOf(detail)],
        ['masked', masked],
        ['not shown', coverage?.hidden?.map(hiddenWords).join('; ')],
        ['originals', coverage?.originals && originalsWords(coverage.originals)],
        ['not kept', coverage?.notKept && notKeptWords(coverage.notKept)],
        ['withheld', withheld],
        ['refused', refused],
        ['left out', coverage?.exemptions.join(', ')],
      ]),
    );
  });
}

const contradictionOf = (fields: readonly string[] | undefined): string | undefined =>
  fields && `the catalogue says otherwise about ${fields.join(', ')}; shown is what the edge and the recording say`;

const RULE_GONE = ', which the policy does not have any more: its own person and auditors see the session';

/** While it runs, only an exemption is known. */
function recordedOf({ session, coverage }: SessionDetail): string | undefined {
  if (!coverage) return session.exempt === undefined ? undefined : `not at all: ${session.exempt}`;
  const { count: lanes, exceptions, more, ...whole } = coverage.lanes;
  const words = (what: string, { recorded, note }: Pick<typeof whole, 'recorded' | 'note'>): string =>
    `${what}${RECORDED_WORDS[recorded]}${note === undefined ? '' : ` (${note})`}`;
  const unseen = more + Math.max(0, exceptions.length - MAX_EXCEPTIONS_SHOWN);
  return [
    words(lanes === 1 ? '' : `${count(lanes, 'channel')} `, whole),
    ...exceptions.slice(0, MAX_EXCEPTIONS_SHOWN).map((exception) => words(`but channel ${exception.lane} `, exception)),
    ...(unseen > 0 ? [`and ${unseen} more not in full`] : []),
  ].join(', ');
}
