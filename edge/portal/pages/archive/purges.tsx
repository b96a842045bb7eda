import type { Child } from 'hono/jsx';
import type { Purge, PurgePage, PurgeRan, PurgeReport } from '../../../../core/retention/purge.ts';
import { count } from '../../../../core/text/amounts.ts';
import { Cell, Empty, NoticeBox, Pager, Row, Table, to } from '../../components/parts.tsx';
import { Mono, Text, Time } from '../../components/text.tsx';
import { PURGE_STATES, Refusals, StoredEvidence } from './words.tsx';

interface PurgesPageProps {
  page: PurgePage;
  /** The session after which this page begins. */
  after: string | undefined;
  auditor: boolean;
  /** How many the reader just ordered. */
  ordered: number | undefined;
}

export const PurgesPage = ({ page, after, auditor, ordered }: PurgesPageProps) => {
  const refused = page.purges.filter(({ state }) => state === 'refused');
  const others = page.purges.filter(({ state }) => state !== 'refused');
  return (
    <>
      <p class="crumb">
        <a href="/retention">Retention</a>
      </p>
      <div class="section-head">
        <h1>Purges</h1>
        <a class="button" href="/purges/dry-run">
          What would go now?
        </a>
      </div>
      <p class="lead">
        Sessions are deleted when their rule, their locks and all holds allow it: each is written into the audit log
        first, by digests and numbers alone.
      </p>
      {ordered === undefined ? null : (
        <NoticeBox kind="good">
          {ordered === 0
            ? 'Nothing was due.'
            : `${count(ordered, 'purge is', 'purges are')} ordered. The purge's next run deletes what they name.`}
        </NoticeBox>
      )}
      {after === undefined ? <LastRun ran={page.lastRun} /> : null}
      <section aria-labelledby="under-way">
        <div class="section-head">
          <h2 id="under-way">Under way, and done within the hour</h2>
          {auditor ? <a href="/audit?kind=purge.done">All that were ever done</a> : null}
        </div>
        {others.length === 0 ? (
          <Empty
            title={page.after === undefined && after === undefined ? 'No purge is under way' : 'None on this page'}
          />
        ) : (
          <PurgeTable purges={others} />
        )}
      </section>
      <section aria-labelledby="refused">
        <h2 id="refused">Refused</h2>
        {refused.length === 0 ? (
          <Empty title="Nothing that is due is refused">
            <p>What its date alone keeps is not listed: its time is simply not over.</p>
          </Empty>
        ) : (
          <RefusedTable
            refused={refused.map(({ session, refusals = [], at }) => ({ session, refusals, at }))}
            caption="What cannot be purged, and why"
          />
        )}
      </section>
      <Pager path="/purges" query={{}} cursor={after} next={page.after} words={{ first: 'First', next: 'More' }} />
    </>
  );
};

const LastRun = ({ ran }: { ran: PurgeRan | undefined }) => (
  <section aria-labelledby="last-run">
    <h2 id="last-run">Last run</h2>
    {ran === undefined ? (
      <Empty title="None yet">
        <p>The purge runs hourly in AWS, and every minute on one machine.</p>
      </Empty>
    ) : (
      <>
        <dl class="facts">
          <Fact name="At">
            <Time iso={ran.at} />
          </Fact>
          <Fact name="Deleted">{ran.purged.toLocaleString('en')}</Fact>
          <Fact name="Found due">{ran.proposed.toLocaleString('en')}</Fact>
          <Fact name="Refused">{ran.refused.toLocaleString('en')}</Fact>
          <Fact name="Failed">
            {ran.failed === 0 ? '0' : <span class="bad">{ran.failed.toLocaleString('en')}</span>}
          </Fact>
          <Fact name="More to do">{ran.more ? 'yes, the next run goes on' : 'no'}</Fact>
        </dl>
        {ran.failedSessions.length === 0 ? null : <Failed sessions={ran.failedSessions} all={ran.failed} />}
      </>
    )}
  </section>
);

const Fact = ({ name, children }: { name: string; children?: Child }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

const Failed = ({ sessions, all }: { sessions: readonly string[]; all: number }) => (
  <NoticeBox kind="warning">
    <strong>The store or the catalogue did not answer for {count(all, 'session')}.</strong> The next run tries again.
    <details class="fold">
      <summary>{all > sessions.length ? `The first ${sessions.length}` : 'Which'}</summary>
      <ul class="plain">
        {sessions.map((id) => (
          <li>
            <SessionLink id={id} />
          </li>
        ))}
      </ul>
    </details>
  </NoticeBox>
);

const PurgeTable = ({ purges }: { purges: readonly Purge[] }) => (
  <Table caption="Purges by session" columns={['Session', 'State', 'Since', 'Rule', 'What was stored']}>
    {purges.map(({ session, state, at, retention, evidence, order }) => (
      <Row>
        <Cell label="Session">
          <SessionLink id={session} />
        </Cell>
        <Cell label="State">
          <span>
            {PURGE_STATES[state]}
            {order?.mode === 'early' ? ', before its time' : ''}
          </span>
        </Cell>
        <Cell label="Since">
          <Time iso={at} />
        </Cell>
        <Cell label="Rule">
          {retention === undefined ? (
            <span class="dim">not known</span>
          ) : (
            <span>
              <code>
                <Text value={retention.rule} />
              </code>
              , {count(retention.retainDays, 'day')}
            </span>
          )}
        </Cell>
        <Cell label="Stored">
          <span>
            <StoredEvidence evidence={evidence} cut />
          </span>
        </Cell>
      </Row>
    ))}
  </Table>
);

const RefusedTable = ({
  refused,
  caption,
}: {
  refused: readonly (PurgeReport['refused'][number] & { at?: string })[];
  caption: string;
}) => (
  <Table caption={caption} columns={['Session', 'Why']}>
    {refused.map(({ session, refusals, at }) => (
      <Row>
        <Cell label="Session">
          <SessionLink id={session} />
        </Cell>
        <Cell label="Why">
          <div>
            <Refusals refusals={refusals} />
            {at === undefined ? null : (
              <p class="hint">
                Since <Time iso={at} />. Looked at again by every run.
              </p>
            )}
          </div>
        </Cell>
      </Row>
    ))}
  </Table>
);

const SessionLink = ({ id }: { id: string }) => (
  <a href={to('sessions', id, 'retention')}>
    <Mono value={id} />
  </a>
);

export const DryRunPage = ({ report }: { report: PurgeReport }) => {
  const goes = [...report.purged, ...report.proposed];
  return (
    <>
      <p class="crumb">
        <a href="/purges">Purges</a>
      </p>
      <h1>What would go now</h1>
      <p class="lead">
        A dry run at <Time iso={report.at} />. Nothing was changed.
        {report.more ? ' There is more: time or amount was up before all was looked at.' : ''}
      </p>
      <section aria-labelledby="goes">
        <h2 id="goes">{goes.length === 0 ? 'Nothing would go' : `${count(goes.length, 'session')} would go`}</h2>
        {goes.length === 0 ? (
          <Empty title="Nothing is due">
            <p>Of no session the time is over without something else to keep it.</p>
          </Empty>
        ) : (
          <>
            <ul class="ids">
              {goes.map((id) => (
                <li>
                  <SessionLink id={id} />
                </li>
              ))}
            </ul>
            {report.proposed.length === 0 ? (
              <p>They are ordered already: the purge's next run deletes them.</p>
            ) : (
              <form method="post" action="/purges/order" class="form-end">
                <button type="submit" class="button button-danger">
                  Order what is due now
                </button>
                <span class="dim">
                  Otherwise the edge orders it by itself within minutes of the next run. What is deleted is gone for
                  ever.
                </span>
              </form>
            )}
          </>
        )}
      </section>
      {report.refused.length === 0 ? null : (
        <section aria-labelledby="stays">
          <h2 id="stays">{count(report.refused.length, 'session')} would stay</h2>
          <RefusedTable refused={report.refused} caption="What would stay, and why" />
        </section>
      )}
      {report.failed.length === 0 ? null : <Failed sessions={report.failed} all={report.failed.length} />}
    </>
  );
};
