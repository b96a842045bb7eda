import type { ListedResource } from '../../../../core/api.ts';
import type { RetentionOverview } from '../../../../core/retention/overview.ts';
import { count } from '../../../../core/text/amounts.ts';
import { Cell, Empty, Row, Table } from '../../components/parts.tsx';
import { Text, Time } from '../../components/text.tsx';
import { Covered, HoldState } from './hold.tsx';
import { holdAddress, HoldScopeWords } from './words.tsx';

type Hold = RetentionOverview['holds'][number];

/** For auditors and administrators. */
export const RetentionPage = ({ overview, now }: { overview: RetentionOverview; now: number }) => {
  const inForce = overview.holds.filter(({ lifted }) => lifted === undefined);
  const lifted = overview.holds.filter((hold) => hold.lifted !== undefined);
  return (
    <>
      <div class="section-head">
        <h1>Retention</h1>
        <a class="button button-quiet" href="/purges">
          Purges
        </a>
      </div>
      <section aria-labelledby="holds">
        <div class="section-head">
          <h2 id="holds">Legal holds</h2>
          <a class="button" href="/retention/holds/new">
            Place a hold
          </a>
        </div>
        {inForce.length === 0 ? (
          <Empty title="No hold is in force">
            <p>A hold keeps sessions from every purge, whatever their rule says, until two people lift it.</p>
          </Empty>
        ) : (
          <HoldTable holds={inForce} caption="Holds in force, newest first" />
        )}
        {lifted.length === 0 ? null : (
          <details class="fold">
            <summary>{count(lifted.length, 'lifted hold')}</summary>
            <HoldTable holds={lifted} caption="Lifted holds, newest first" />
          </details>
        )}
      </section>
      <div class="pair">
        <section aria-labelledby="classes">
          <h2 id="classes">How long recordings are kept</h2>
          <Classes classes={overview.classes} />
          <p class="hint">
            By policy version {overview.policyVersion}, for what is recorded from now on. What is stored is kept as its
            rule said then: a policy that changes later shortens no lock.
          </p>
        </section>
        <section aria-labelledby="due">
          <h2 id="due">Coming up</h2>
          <Due due={overview.due} now={now} />
        </section>
      </div>
    </>
  );
};

/** For everybody else: what they may know without looking at anybody's recording. */
export const RetentionForOthersPage = ({ resources }: { resources: readonly ListedResource[] }) => {
  const days = new Map(
    resources.flatMap(({ terms }) =>
      terms ? [[terms.rule, Math.round(terms.record.retainSeconds / 86_400)] as const] : [],
    ),
  );
  return (
    <div class="narrow">
      <h1>Retention</h1>
      <p class="lead">
        Every session is kept for as long as the rule says that it is opened under, and then deleted. Legal holds,
        purges and what keeps one session are for auditors and administrators.
      </p>
      <h2>How long your sessions are kept</h2>
      {days.size === 0 ? (
        <Empty title="No rule covers you">
          <p>So nothing is recorded of you from now on.</p>
        </Empty>
      ) : (
        <Classes classes={[...days].map(([rule, retainDays]) => ({ rule, retainDays }))} />
      )}
    </div>
  );
};

const Classes = ({ classes }: { classes: RetentionOverview['classes'] }) => (
  <dl class="amounts">
    {classes.map(({ rule, retainDays }) => (
      <div class="amount">
        <dt>
          <code>
            <Text value={rule} />
          </code>
        </dt>
        <dd>{count(retainDays, 'day')}</dd>
      </div>
    ))}
  </dl>
);

const HoldTable = ({ holds, caption }: { holds: readonly Hold[]; caption: string }) => (
  <Table caption={caption} columns={['Reason', 'On', 'Covers', 'Placed', 'State']}>
    {holds.map((hold) => (
      <Row>
        <Cell label="Reason" class="cell-reason">
          <a href={holdAddress(hold.id)}>
            <Text value={hold.placed.reason} />
          </a>
        </Cell>
        <Cell label="On">
          <span>
            <HoldScopeWords scope={hold.scope} />
          </span>
        </Cell>
        <Cell label="Covers">
          <span>
            <Covered hold={hold} />
          </span>
        </Cell>
        <Cell label="Placed" class="cell-person">
          <span>
            <Time iso={hold.placed.at} /> <span class="dim">by</span> <Text value={hold.placed.by} />
          </span>
        </Cell>
        <Cell label="State">
          <HoldState hold={hold} />
        </Cell>
      </Row>
    ))}
  </Table>
);

const Due = ({ due, now }: { due: RetentionOverview['due']; now: number }) => {
  if (due === undefined)
    return (
      <Empty title="The archive does not answer just now">
        <p>Nothing is purged meanwhile. Open the page again in a moment.</p>
      </Empty>
    );
  if (due.length === 0)
    return (
      <Empty title="Nothing comes up">
        <p>Of no session the time may be over within thirty days.</p>
      </Empty>
    );
  const today = new Date(now).toISOString().slice(0, 10);
  const past = due.filter(({ day }) => day <= today);
  const isMore = past.some(({ more }) => more);
  const coming = due.filter(({ day }) => day > today);
  return (
    <>
      <dl class="amounts">
        {past.length === 0 ? null : (
          <div class="amount">
            <dt>
              <a href="/purges">Now</a>
            </dt>
            <dd>
              <Amount sessions={past.reduce((sum, { sessions }) => sum + sessions, 0)} more={isMore} />
            </dd>
          </div>
        )}
        {coming.map(({ day, sessions, more }) => (
          <div class="amount">
            <dt>
              <time datetime={day}>{day}</time>
            </dt>
            <dd>
              <Amount sessions={sessions} more={more} />
            </dd>
          </div>
        ))}
      </dl>
      <p class="hint">
        The next thirty days, by when sessions began. What was stored later, locks and holds keep some of them longer.
      </p>
    </>
  );
};

const Amount = ({ sessions, more }: { sessions: number; more: boolean }) => (
  <>
    {more ? 'more than ' : ''}
    {count(sessions, 'session')}
  </>
);
