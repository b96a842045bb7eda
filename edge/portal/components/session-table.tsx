import type { ListedSession } from '../../../core/catalogue.ts';
import { errorWords, isUnprovenFor } from '../../../core/session-marks.ts';
import { actionsOf, PROTOCOLS } from '../../../core/protocols.ts';
import { capital } from '../../../core/text/capital.ts';
import { took } from '../../../core/text/amounts.ts';
import { Badge, Cell, LabelList, Row, Table, to } from './parts.tsx';
import { Text, Time } from './text.tsx';

interface SessionTableProps {
  sessions: readonly ListedSession[];
  caption: string;
  now: number;
  withPerson?: boolean;
}

export const SessionTable = ({ sessions, caption, now, withPerson = true }: SessionTableProps) => (
  <>
    <Table
      caption={caption}
      columns={[
        'Started',
        ...(withPerson ? ['Person'] : []),
        ...['Resource', 'Reason', capital(actionsOf(sessions.map(({ protocol }) => protocol))), 'Lasted', 'State'],
      ]}
    >
      {sessions.map((session) => (
        <Row class="row-link">
          <Cell label="Started" class="cell-main">
            <a href={to('sessions', session.id)}>
              <Time iso={session.startedAt} />
            </a>
          </Cell>
          {withPerson ? (
            <Cell label="Person" class="cell-person">
              <Text value={session.email} />
            </Cell>
          ) : null}
          <Cell label="Resource">
            <span class="resource-name">{session.resource}</span>
          </Cell>
          <Cell label="Reason" class="cell-reason">
            {session.reason === '' ? <span class="dim">None given</span> : <Text value={session.reason} />}
            <LabelList task={session.task} trace={session.trace} />
          </Cell>
          <Cell label={capital(PROTOCOLS[session.protocol].noun.many)} class="cell-number">
            {/* One piece: on a phone each child of a cell stands on a line of its own. */}
            <span>
              {session.counts.actions.toLocaleString('en')}
              {errorWords(session).map((words) => (
                <>
                  , <span class="bad">{words}</span>
                </>
              ))}
            </span>
          </Cell>
          <Cell label="Lasted" class="cell-number">
            {took(((session.endedAt ? Date.parse(session.endedAt) : now) - Date.parse(session.startedAt)) * 1000)}
          </Cell>
          <Cell label="State">
            <Badge state={session.state} />
            <SessionMarks session={session} now={now} />
          </Cell>
        </Row>
      ))}
    </Table>
    {sessions.some(({ ruleGone }) => ruleGone) ? (
      <p class="hint">
        <Badge state="ruleless" /> The policy has no rule of that name any more. Those sessions stay visible to their
        own people, where the rule let them, and to auditors.
      </p>
    ) : null}
  </>
);

/** What sets a session apart, wherever it is listed. */
export const SessionMarks = ({ session, now }: { session: ListedSession; now: number }) => (
  <>
    {session.needsApproval ? (
      <>
        {' '}
        <Badge state="asking" />
      </>
    ) : null}
    {isUnprovenFor(session, now) ? (
      <>
        {' '}
        <Badge state="unproven" />
      </>
    ) : null}
    {session.breakGlass ? (
      <>
        {' '}
        <Badge state="glass" />
      </>
    ) : null}
    {session.exempt === undefined ? null : (
      <>
        {' '}
        <Badge state="exempt" />
      </>
    )}
    {session.contradicted === undefined ? null : (
      <>
        {' '}
        <Badge state="contradicted" />
      </>
    )}
    {session.ruleGone ? (
      <>
        {' '}
        <Badge state="ruleless" />
      </>
    ) : null}
  </>
);
