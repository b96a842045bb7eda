import type { Witnessed } from '../../../core/api.ts';
import type { ActionPage, SessionDetail, SessionEntry } from '../../../core/catalogue.ts';
import { hasRows, type Noun, PROTOCOLS } from '../../../core/protocols.ts';
import { errorWords } from '../../../core/session-marks.ts';
import { capital } from '../../../core/text/capital.ts';
import { Evidence } from '../components/evidence.tsx';
import { Badge, Empty, LabelList, NoticeBox, Pager, to } from '../components/parts.tsx';
import { Player } from '../components/player.tsx';
import { SessionMarks } from '../components/session-table.tsx';
import { Actions } from '../components/actions.tsx';
import { Text, Time } from '../components/text.tsx';
import { RetentionSection } from './archive/session-retention.tsx';
import { TimeLeft } from '../components/time-left.tsx';
import type { ViewedSession } from '../../gatehouse.ts';
import { END_WORDS } from '../../../core/recording/coverage-words.ts';
import { count, offset, showBytes, took } from '../../../core/text/amounts.ts';

interface SessionPageProps {
  detail: SessionDetail;
  /** undefined: the catalogue does not answer with them just now. */
  actions: ActionPage | undefined;
  witnessed: Witnessed | undefined;
  cursor: string | undefined;
  /** Where a search found something: seconds since its start. */
  at: number | undefined;
  /** Whether the reader may end it while it runs. */
  mayEnd: boolean;
  /** They just did. */
  ended: boolean;
  /** The reader may watch it for a time alone. */
  lent: ViewedSession['lent'];
  now: number;
}

export const SessionDetailPage = (props: SessionPageProps) => {
  const { detail, actions, witnessed, cursor, at, mayEnd, ended, lent, now } = props;
  const { session } = detail;
  const { noun } = PROTOCOLS[session.protocol];
  const path = to('sessions', session.id);
  return (
    <>
      <p class="crumb">
        <a href="/sessions">Sessions</a>
      </p>
      <h1>
        <Text value={session.email} /> <span class="dim">on</span> <span class="resource-name">{session.resource}</span>
      </h1>
      <div class="session-why">
        <p class="lead">{session.reason === '' ? 'No reason given.' : <Text value={session.reason} />}</p>
        <LabelList task={session.task} trace={session.trace} />
      </div>
      {session.exempt === undefined ? null : (
        <NoticeBox kind="error">
          <strong>Exempt from recording.</strong> The policy had nothing of what went over the wire recorded:{' '}
          <Text value={session.exempt} />. Who connected, when and under which grant is kept; statements and results are
          not.
        </NoticeBox>
      )}
      {session.contradicted === undefined ? null : (
        <NoticeBox kind="error">
          <strong>The catalogue's row of this session was changed.</strong> It says something else about:{' '}
          {session.contradicted.join(', ')}. What is shown here is what the edge wrote down when it admitted the
          session, and what the connector recorded. Tell whoever looks after the archive.
        </NoticeBox>
      )}
      {session.breakGlass ? (
        <NoticeBox kind="warning">
          <strong>The glass was broken.</strong> Its grant was in force without the approval that its rule asks for.
        </NoticeBox>
      ) : null}
      {session.ruleGone ? (
        <NoticeBox kind="plain">
          <strong>
            Rule <code>{session.rule}</code> is gone from the policy.
          </strong>{' '}
          Nobody sees the session by it any more: it stays visible to its own person, as the rule had it, and to
          auditors. How long it is kept does not change.
        </NoticeBox>
      ) : null}
      {lent === undefined ? (
        <p>
          <a class="button button-small" href={to('sessions', session.id, 'share')}>
            Share
          </a>{' '}
          <span class="dim">A link to this session that ends by itself.</span>
        </p>
      ) : (
        <NoticeBox kind="plain">
          {lent.by === undefined ? (
            'Somebody agreed that you watch this session'
          ) : (
            <>
              <Text value={lent.by} /> shared this session with you: its page and its replay
            </>
          )}
          , until <Time iso={lent.until} />. <TimeLeft until={lent.until} now={now} />
        </NoticeBox>
      )}
      {ended ? (
        <NoticeBox kind="good">
          The connector has been asked to end it. This page shows the end as soon as it is recorded.
        </NoticeBox>
      ) : null}
      <SessionHead session={session} mayEnd={mayEnd} now={now} />
      {at === undefined ? null : (
        <noscript>
          <p class="hint">What was searched for is at {offset(at * 1_000_000)} in this session.</p>
        </noscript>
      )}
      <div class="workbench">
        <Player session={session} />
        <section class="workbench-list" aria-labelledby="statements">
          <h2 id="statements">{isTerminal(session) ? 'Commands and lines typed' : capital(noun.many)}</h2>
          {actions === undefined ? (
            <Empty title="The catalogue does not answer just now">
              <p>The recording itself is safe. Open the page again in a moment.</p>
            </Empty>
          ) : actions.actions.length === 0 && session.state !== 'live' ? (
            <Empty title={`No ${noun.many}`}>
              <p>
                {session.exempt === undefined
                  ? 'Nothing was run in this session.'
                  : 'It was exempt from recording, so what was run is not known.'}
              </p>
            </Empty>
          ) : session.state === 'live' ? (
            <>
              <div class="follow" data-follow="">
                <Actions page={actions} path={path} cursor={cursor} live />
              </div>
              <p class="dim">
                New {noun.many} appear here by themselves; the list follows the newest until you scroll up.
              </p>
            </>
          ) : (
            <>
              <Actions page={actions} path={path} cursor={cursor} live={false} />
              <ActionPager path={path} cursor={cursor} next={actions.cursor} noun={noun} />
            </>
          )}
        </section>
      </div>
      <Evidence detail={detail} witnessed={witnessed} path={path} lent={lent} />
      {lent === undefined ? <RetentionSection detail={detail} /> : null}
    </>
  );
};

const ActionPager = ({
  path,
  cursor,
  next,
  noun,
}: {
  path: string;
  cursor: string | undefined;
  next: string | undefined;
  noun: Noun;
}) =>
  cursor === undefined && next === undefined ? null : (
    <Pager
      path={path}
      query={{}}
      cursor={cursor}
      next={next}
      words={{ first: `First ${noun.many}`, next: `Next ${noun.many}` }}
    />
  );

/** What changes while a session runs and is proven: the island replaces each part by its id. */
export const SessionStatus = ({
  detail,
  witnessed,
  mayEnd,
  lent,
  now,
}: {
  detail: SessionDetail;
  witnessed: Witnessed | undefined;
  mayEnd: boolean;
  lent: ViewedSession['lent'];
  now: number;
}) => (
  <>
    <SessionHead session={detail.session} mayEnd={mayEnd} now={now} />
    <Evidence detail={detail} witnessed={witnessed} path={to('sessions', detail.session.id)} lent={lent} />
  </>
);

/** Its server runs a shell, and the person types lines into it: one counts as a command, and both are listed. */
const isTerminal = ({ protocol }: SessionEntry): boolean => PROTOCOLS[protocol].replay === 'terminal';

const SessionHead = ({ session, mayEnd, now }: { session: SessionEntry; mayEnd: boolean; now: number }) => {
  const lasted = took(((session.endedAt ? Date.parse(session.endedAt) : now) - Date.parse(session.startedAt)) * 1000);
  return (
    <div
      id="session-head"
      {...(session.state === 'live' || session.state === 'ended'
        ? { 'data-live': `${to('sessions', session.id)}?fragment=status`, 'data-live-every': '5000' }
        : {})}
    >
      <p class={`state-words state-words-${session.state}`}>
        <Badge state={session.state} />
        <SessionMarks session={session} now={now} /> <StateWords session={session} />
      </p>
      {mayEnd && session.state === 'live' ? (
        <p>
          <a class="button button-danger button-small" href={to('sessions', session.id, 'end')}>
            End this session
          </a>{' '}
          <span class="dim">This one alone, with a reason that its person reads.</span>
        </p>
      ) : null}
      <dl class="facts">
        <div>
          <dt>Started</dt>
          <dd>
            <Time iso={session.startedAt} />
          </dd>
        </div>
        <div>
          <dt>{session.endedAt ? 'Lasted' : 'Running for'}</dt>
          <dd>{lasted}</dd>
        </div>
        <div>
          <dt>{isTerminal(session) ? 'Run by the server' : capital(PROTOCOLS[session.protocol].noun.many)}</dt>
          <dd>
            {isTerminal(session)
              ? count(session.counts.actions, 'command')
              : session.counts.actions.toLocaleString('en')}
            {errorWords(session).map((words) => (
              <>
                , <span class="bad">{words}</span>
              </>
            ))}
          </dd>
        </div>
        {hasRows(session.protocol) ? (
          <div>
            <dt>Rows</dt>
            <dd>{session.counts.rows.toLocaleString('en')}</dd>
          </div>
        ) : null}
        <div>
          <dt>Recorded</dt>
          <dd>
            {showBytes(session.counts.bytes.client + session.counts.bytes.target + session.counts.bytes.gateway)} in{' '}
            {count(session.segments, 'part')}
          </dd>
        </div>
        <div>
          <dt>Client</dt>
          <dd>
            {session.client.application === undefined ? null : (
              <>
                <Text value={session.client.application} /> from{' '}
              </>
            )}
            <Text value={session.client.address} />,{' '}
            {session.client.tls ? <Text value={session.client.tls} /> : isTerminal(session) ? 'over SSH' : 'no TLS'}
          </dd>
        </div>
        <div>
          <dt>Protocol</dt>
          <dd>{PROTOCOLS[session.protocol].title}</dd>
        </div>
        <div>
          <dt>Allowed by</dt>
          <dd>
            rule <code>{session.rule}</code>
          </dd>
        </div>
      </dl>
    </div>
  );
};

const EndWords = ({ end }: { end: NonNullable<SessionEntry['end']> }) => (
  <>
    {' '}
    It ended because {END_WORDS[end.reason]}
    {end.reason === 'ended_by_person' ? (
      <>
        , which its client was told as “
        <Text value={end.message} />”
      </>
    ) : null}
    .
  </>
);

const StateWords = ({ session }: { session: SessionEntry }) => {
  const ended = session.end ? <EndWords end={session.end} /> : null;
  switch (session.state) {
    case 'live':
      return (
        <>
          Running now. {capital(PROTOCOLS[session.protocol].noun.many)} appear within seconds; it is proven once it has
          ended.
        </>
      );
    case 'ended':
      return <>Over, and its signed manifest is stored.{ended} Gatehouse is reading the whole back to prove it.</>;
    case 'sealed':
      return (
        <>
          It was read back whole when it was sealed: its hash chain and signature held.{ended} Prove what is stored now
          with <code>gatehouse verify</code>.
        </>
      );
    case 'broken':
      return (
        <>
          <strong>Incomplete or altered.</strong> What was read back does not verify
          {session.fault ? (
            <>
              : <Text value={session.fault} />.
            </>
          ) : (
            '.'
          )}{' '}
          Treat what is shown here with care, and tell whoever looks after the archive.{ended}
        </>
      );
  }
};
