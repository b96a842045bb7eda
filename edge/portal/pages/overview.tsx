import type { ListedGrant, ListedResource } from '../../../core/api.ts';
import type { AuditExportStanding } from '../../../core/audit/audit-page.ts';
import type { SessionEntry } from '../../../core/catalogue.ts';
import { PROTOCOLS } from '../../../core/protocols.ts';
import { ExportTrouble } from '../components/export-standing.tsx';
import { count } from '../../../core/text/amounts.ts';
import { address, Chip, ConnectorBadge, Empty, to } from '../components/parts.tsx';
import { SessionTable } from '../components/session-table.tsx';
import { Text, Time } from '../components/text.tsx';
import { TimeLeft } from '../components/time-left.tsx';

interface OverviewProps {
  name: string;
  resources: readonly ListedResource[];
  grants: readonly ListedGrant[];
  /** undefined: the catalogue does not answer. */
  sessions: readonly SessionEntry[] | undefined;
  /** For administrators and auditors. */
  auditExport: AuditExportStanding | undefined;
  /** For auditors, whose sessions are everybody's: how many holds there are and requests wait; undefined: not known now. */
  audits: { readonly holds: number | undefined; readonly waiting: number | undefined } | undefined;
  now: number;
}

export const OverviewPage = ({ name, resources, grants, sessions, auditExport, audits, now }: OverviewProps) => {
  const mine = resources.filter((resource) => resource.mayAsk);
  /** An auditor who can ask for nothing is not told so again and again. */
  const asks = audits === undefined || mine.length > 0 || grants.length > 0;
  const last = audits === undefined ? 'Your last sessions' : 'Newest sessions';
  return (
    <>
      <h1 class="unseen-label">
        Overview for <Text value={name} />
      </h1>
      <ExportTrouble standing={auditExport} />
      {audits === undefined ? null : <ToLookAt {...audits} />}
      {asks ? (
        <>
          <section aria-labelledby="access">
            <h2 id="access">Your access now</h2>
            {grants.length === 0 ? (
              <Empty title="You hold no access right now">
                <p>
                  {mine.length > 0
                    ? 'Pick a resource below and say why you need it. You get a line to paste, and it ends by itself.'
                    : 'Nothing is listed for you yet. Ask an administrator for a rule that covers what you need.'}
                </p>
              </Empty>
            ) : (
              <Access grants={grants} now={now} />
            )}
          </section>
          <section aria-labelledby="resources">
            <h2 id="resources">Resources</h2>
            {resources.length === 0 ? (
              <Empty title="No resources yet">
                <p>
                  Resources appear here when a <a href="/connectors">connector</a> announces them.
                </p>
              </Empty>
            ) : (
              <ul class="resources">
                {resources.map((resource) => (
                  <ResourceRow resource={resource} />
                ))}
              </ul>
            )}
          </section>
        </>
      ) : null}
      <section aria-labelledby="last">
        <div class="section-head">
          <h2 id="last">{last}</h2>
          <a href="/sessions">All sessions</a>
        </div>
        {sessions === undefined ? (
          <Empty title="The catalogue does not answer just now">
            <p>Recording goes on. Open the page again in a moment.</p>
          </Empty>
        ) : sessions.length === 0 ? (
          <Empty title="No sessions yet">
            <p>
              {audits === undefined
                ? 'Ask for access above and connect with your usual client. What you do then shows up here within seconds.'
                : 'What people do shows up here within seconds.'}
            </p>
          </Empty>
        ) : (
          <SessionTable sessions={sessions} caption={last} now={now} withPerson={audits !== undefined} />
        )}
      </section>
    </>
  );
};

const ToLookAt = ({ holds, waiting }: NonNullable<OverviewProps['audits']>) => (
  <section aria-labelledby="look">
    <h2 id="look">To look at</h2>
    <ul class="plain">
      <li>
        <a href="/approvals">{waiting === undefined ? 'Requests' : count(waiting, 'request')}</a> that wait for a
        decision
      </li>
      <li>
        <a href="/retention">{holds === undefined ? 'Legal holds' : count(holds, 'legal hold')}</a> and what ends next
      </li>
      <li>
        <a href="/search">Search</a> in all sessions, or read <a href="/audit">the audit log</a>
      </li>
    </ul>
  </section>
);

/** Cards that stand there at once; what was asked for before them is folded. */
const CARDS = 6;

/** A card for each resource and rule, whatever holds the newest grant first: a program may hold dozens of one. */
const Access = ({ grants, now }: { grants: readonly ListedGrant[]; now: number }) => {
  const newestFirst = grants.toSorted((a, b) => (a.from + a.id < b.from + b.id ? 1 : -1));
  const groups = [...Map.groupBy(newestFirst, ({ resource, rule }) => `${resource} ${rule}`).values()];
  const [shown, folded] = [groups.slice(0, CARDS), groups.slice(CARDS)];
  const cards = (of: typeof groups) => (
    <ul class="cards">
      {of.map((group) => (
        <AccessCard grants={group} now={now} />
      ))}
    </ul>
  );
  return (
    <>
      {cards(shown)}
      {folded.length === 0 ? null : (
        <details class="fold">
          <summary>{count(folded.length, 'more resource')} you may reach</summary>
          {cards(folded)}
        </details>
      )}
    </>
  );
};

/** `grants`: of one resource and rule, the newest first. */
const AccessCard = ({ grants, now }: { grants: readonly ListedGrant[]; now: number }) => {
  const [newest] = grants;
  if (!newest) return null;
  const live = grants.reduce((sum, { liveSessions }) => sum + liveSessions, 0);
  return (
    <li class="card">
      <div class="card-head">
        <strong class="resource-name">{newest.resource}</strong>
        <TimeLeft until={newest.until} now={now} />
      </div>
      <p class="card-reason">
        <Reason grant={newest} />
      </p>
      <p class="card-rule dim">
        Rule <code>{newest.rule}</code>
      </p>
      {grants.length === 1 ? null : (
        <details class="fold">
          <summary>
            {count(grants.length, 'grant')}
            <span class="unseen-label"> for {newest.resource}</span>, the newest above
          </summary>
          <ul class="card-grants">
            {grants.map((grant) => (
              <li>
                <span class="card-reason">
                  <Reason grant={grant} />
                </span>
                <span class="card-grant-end">
                  <TimeLeft until={grant.until} now={now} /> <Revoke grant={grant} />
                </span>
              </li>
            ))}
          </ul>
        </details>
      )}
      <div class="card-foot">
        {live > 0 ? (
          <a class="live-link" href={address('/sessions', { email: newest.email, resource: newest.resource })}>
            <span class="dot" aria-hidden="true" />
            {live} live
          </a>
        ) : (
          <span class="dim">No live session</span>
        )}
        {grants.length === 1 ? <Revoke grant={newest} /> : null}
      </div>
    </li>
  );
};

const Reason = ({ grant: { reason } }: { grant: ListedGrant }) =>
  reason === '' ? <span class="dim">No reason given</span> : <Text value={reason} />;

const Revoke = ({ grant }: { grant: ListedGrant }) => (
  <a class="button button-quiet button-small" href={to('grants', grant.id, 'revoke')}>
    Revoke
    <span class="unseen-label">
      {' '}
      access to {grant.resource} for <Text value={grant.reason} />
    </span>
  </a>
);

const ResourceRow = ({ resource }: { resource: ListedResource }) => (
  <li class="resource">
    <div class="resource-main">
      <strong class="resource-name">{resource.name}</strong>
      <ConnectorBadge connector={resource.connector} />
      <span class="dim">{PROTOCOLS[resource.protocol].title}</span>
      {resource.target?.fault === undefined ? null : (
        <p class="resource-description bad">
          Its target could not be used at <Time iso={resource.target.at} />: <Text value={resource.target.fault} />
        </p>
      )}
      {resource.description ? (
        <p class="resource-description">
          <Text value={resource.description} />
        </p>
      ) : null}
    </div>
    <div class="chips">
      {Object.entries(resource.labels).map(([label, value]) => (
        <Chip name={label} value={value} />
      ))}
    </div>
    <div class="resource-action">
      {resource.mayAsk ? (
        <a class="button" href={to('request', resource.name)}>
          Ask for access<span class="unseen-label"> to {resource.name}</span>
        </a>
      ) : (
        <span class="dim">No rule for you</span>
      )}
    </div>
  </li>
);
