import type { Witnessed } from '../../../core/api.ts';
import type { ActionPage, SessionDetail, SessionEntry } from '../../../core/catalogue.ts';
import { PROTOCOLS } from '../../../core/protocols.ts';
import type { EndReason } from '../../../core/recording/facts.ts';
import { Badge, Copyable, Empty, Labels, Pager, to } from '../components/parts.tsx';
import { Player } from '../components/player.tsx';
import { Statements } from '../components/statements.tsx';
import { Mono, Text, Time } from '../components/text.tsx';
import { bytes, count, span } from '../format.ts';

interface SessionPageProps {
  detail: SessionDetail;
  /** undefined: the catalogue does not answer with them just now. */
  actions: ActionPage | undefined;
  witnessed: Witnessed | undefined;
  cursor: string | undefined;
  now: number;
}

const END_WORDS: Readonly<Record<EndReason, string>> = {
  client_closed: 'the client closed it',
  target_closed: 'the target closed it',
  grant_expired: 'the grant ran out',
  grant_revoked: 'the grant was revoked',
  idle_timeout: 'it was idle for too long',
  protocol_fault: 'something was sent that Gatehouse does not understand',
  log_failed: 'it could no longer be recorded',
  connector_stopped: 'the connector was stopped',
  connector_crashed: 'the connector crashed',
};

export const SessionDetailPage = ({ detail, actions, witnessed, cursor, now }: SessionPageProps) => {
  const { session } = detail;
  const path = to('sessions', session.id);
  return (
    <>
      <p class="crumb">
        <a href="/sessions">Sessions</a>
      </p>
      <h1>
        <Text value={session.email} /> <span class="dim">on</span> <span class="resource-name">{session.resource}</span>
      </h1>
      <p class="lead">{session.reason === '' ? 'No reason given.' : <Text value={session.reason} />}</p>
      <Labels task={session.task} trace={session.trace} />
      <SessionHead session={session} now={now} />
      <div class="workbench">
        <Player session={session} />
        <section class="workbench-list" aria-labelledby="statements">
          <h2 id="statements">Statements</h2>
          {actions === undefined ? (
            <Empty title="The catalogue does not answer just now">
              <p>The recording itself is safe. Open the page again in a moment.</p>
            </Empty>
          ) : actions.actions.length === 0 && session.state !== 'live' ? (
            <Empty title="No statements">
              <p>Nothing was run in this session.</p>
            </Empty>
          ) : (
            <>
              <Statements page={actions} path={path} cursor={cursor} live={session.state === 'live'} />
              {session.state === 'live' ? (
                <p class="dim">New statements appear here by themselves.</p>
              ) : (
                <StatementPager path={path} cursor={cursor} next={actions.cursor} />
              )}
            </>
          )}
        </section>
      </div>
      <Evidence detail={detail} witnessed={witnessed} path={path} />
    </>
  );
};

const StatementPager = ({
  path,
  cursor,
  next,
}: {
  path: string;
  cursor: string | undefined;
  next: string | undefined;
}) =>
  cursor === undefined && next === undefined ? null : (
    <Pager
      path={path}
      query={{}}
      cursor={cursor}
      next={next}
      words={{ first: 'First statements', next: 'Next statements' }}
    />
  );

/** What changes while a session runs and is proven: the island replaces each part by its id. */
export const SessionStatus = ({
  detail,
  witnessed,
  now,
}: {
  detail: SessionDetail;
  witnessed: Witnessed | undefined;
  now: number;
}) => (
  <>
    <SessionHead session={detail.session} now={now} />
    <Evidence detail={detail} witnessed={witnessed} path={to('sessions', detail.session.id)} />
  </>
);

const SessionHead = ({ session, now }: { session: SessionEntry; now: number }) => {
  const lasted = span((session.endedAt ? Date.parse(session.endedAt) : now) - Date.parse(session.startedAt));
  return (
    <div
      id="session-head"
      {...(session.state === 'live' || session.state === 'ended'
        ? { 'data-live': `${to('sessions', session.id)}?fragment=status`, 'data-live-every': '5000' }
        : {})}
    >
      <p class={`state-words state-words-${session.state}`}>
        <Badge state={session.state} /> <StateWords session={session} />
      </p>
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
          <dt>Statements</dt>
          <dd>
            {session.counts.statements.toLocaleString('en')}
            {session.counts.errors > 0 ? (
              <span class="bad"> {session.counts.errors.toLocaleString('en')} failed</span>
            ) : null}
          </dd>
        </div>
        <div>
          <dt>Rows</dt>
          <dd>{session.counts.rows.toLocaleString('en')}</dd>
        </div>
        <div>
          <dt>Recorded</dt>
          <dd>
            {bytes(session.counts.bytes.client + session.counts.bytes.target + session.counts.bytes.gateway)} in{' '}
            {count(session.segments, 'segment')}
          </dd>
        </div>
        <div>
          <dt>Client</dt>
          <dd>
            <Text value={session.client.application ?? 'unnamed'} /> from <Text value={session.client.address} />,{' '}
            {session.client.tls ? <Text value={session.client.tls} /> : 'no TLS'}
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

const StateWords = ({ session }: { session: SessionEntry }) => {
  const ended = session.end ? ` It ended because ${END_WORDS[session.end.reason]}.` : '';
  switch (session.state) {
    case 'live':
      return <>Running now. Statements appear within seconds; it is proven once it has ended.</>;
    case 'ended':
      return <>Over, and its signed manifest is stored.{ended} Gatehouse is reading the whole back to prove it.</>;
    case 'sealed':
      return <>It was read back whole, and its hash chain and signature hold. Nobody can change it now.{ended}</>;
    case 'broken':
      return (
        <>
          <strong>Not whole.</strong> What was read back does not hold
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

const RECORDED_WORDS = { full: 'in full', partial: 'in part', none: 'not at all' } as const;

const Evidence = ({
  detail,
  witnessed,
  path,
}: {
  detail: SessionDetail;
  witnessed: Witnessed | undefined;
  path: string;
}) => {
  const { session, coverage, manifest } = detail;
  return (
    <section class="evidence" id="session-evidence" aria-labelledby="evidence">
      <h2 id="evidence">Evidence</h2>
      <div class="evidence-grid">
        <div>
          <h3>Coverage</h3>
          {coverage === undefined ? (
            <p class="dim">Stated in the manifest, when the session has ended.</p>
          ) : (
            <ul class="plain">
              {coverage.lanes.map((lane) => (
                <li>
                  {coverage.lanes.length === 1 ? 'The conversation' : `Lane ${lane.lane}`} was recorded{' '}
                  <strong>{RECORDED_WORDS[lane.recorded]}</strong>
                  {lane.note ? (
                    <>
                      : <Text value={lane.note} />
                    </>
                  ) : null}
                  .
                </li>
              ))}
              {coverage.masked.length === 0 ? <li>Nothing was masked.</li> : null}
              {coverage.masked.map((mask) => (
                <li>
                  Masked by <code>{mask.rule}</code>: {count(mask.count, 'value')}.
                </li>
              ))}
              {coverage.refused.map((refused) => (
                <li>
                  Refused: <Text value={refused.reason} />, {count(refused.count, 'time')}.
                </li>
              ))}
              {coverage.exemptions.map((exemption) => (
                <li>
                  Left out by policy: <Text value={exemption} />.
                </li>
              ))}
            </ul>
          )}
        </div>
        <div>
          <h3>Witness</h3>
          {witnessed === undefined ? (
            <p class="dim">What the edge witnessed cannot be shown just now.</p>
          ) : (
            <p>
              The edge, kept apart from the archive, witnessed {count(witnessed.heads.length, 'segment head')}
              {witnessed.manifest ? (
                <>
                  {' '}
                  and the manifest at <Time iso={witnessed.manifest.at} />.
                </>
              ) : (
                '. The manifest is not there yet.'
              )}
            </p>
          )}
          {manifest ? (
            <p>
              Signed by connector <Text value={manifest.connector.name} />, build{' '}
              <Text value={manifest.connector.build} />.
            </p>
          ) : null}
        </div>
        <div>
          <h3>Prove it yourself</h3>
          <p>Reads every object, checks chain, signature and witness, and says what holds:</p>
          <Copyable id="verify" text={`npx gatehouse verify ${session.id}`} label="the verify line" />
        </div>
        <div>
          <h3>Download</h3>
          <ul class="downloads">
            <li>
              <a href={`${path}/export?format=ndjson`} download>
                NDJSON
              </a>{' '}
              <span class="dim">every frame and fact, for programs</span>
            </li>
            <li>
              <a href={`${path}/export?format=html`} download>
                HTML
              </a>{' '}
              <span class="dim">one page to read and keep</span>
            </li>
            <li>
              <a href={`${path}/export?format=asciicast`} download>
                asciicast
              </a>{' '}
              <span class="dim">the conversation, for asciinema</span>
            </li>
          </ul>
        </div>
      </div>
      <dl class="facts facts-small">
        <div>
          <dt>Session</dt>
          <dd>
            <Mono value={session.id} />
          </dd>
        </div>
        <div>
          <dt>Grant</dt>
          <dd>
            <Mono value={session.grant} />
          </dd>
        </div>
        <div>
          <dt>Connector</dt>
          <dd>
            <Mono value={session.connector} />
          </dd>
        </div>
      </dl>
    </section>
  );
};
