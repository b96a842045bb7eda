import type { Child } from 'hono/jsx';
import type { IssuedGrant, ListedResource } from '../../../core/api.ts';
import type { AccessTerms } from '../../../core/policy/access-terms.ts';
import { type Noun, PROTOCOLS } from '../../../core/protocols.ts';
import { Chip, ConnectorBadge, Copyable, NoticeBox } from '../components/parts.tsx';
import { Text, Time } from '../components/text.tsx';
import { span } from '../../../core/text/amounts.ts';
import { TimeLeft } from '../components/time-left.tsx';

const DURATIONS: readonly { seconds: number; words: string }[] = [
  { seconds: 15 * 60, words: '15 minutes' },
  { seconds: 30 * 60, words: '30 minutes' },
  { seconds: 3600, words: '1 hour' },
  { seconds: 2 * 3600, words: '2 hours' },
  { seconds: 4 * 3600, words: '4 hours' },
  { seconds: 8 * 3600, words: '8 hours' },
  { seconds: 24 * 3600, words: '1 day' },
];

export interface RequestForm {
  reason: string;
  seconds: string;
  task: string;
  trace: string;
  breakGlass: boolean;
}

interface RequestPageProps {
  resource: ListedResource;
  form: RequestForm;
  now: number;
  problem?: string | undefined;
}

export const RequestPage = ({ resource, form, now, problem }: RequestPageProps) => {
  const { terms } = resource;
  return (
    <div class="narrow">
      <p class="crumb">
        <a href="/">Overview</a>
      </p>
      <h1>
        Ask for access to <span class="resource-name">{resource.name}</span>
      </h1>
      <div class="facts-line">
        <ConnectorBadge connector={resource.connector} />
        <span>{PROTOCOLS[resource.protocol].title}</span>
        {Object.entries(resource.labels).map(([label, value]) => (
          <Chip name={label} value={value} />
        ))}
      </div>
      {resource.connector.online ? null : (
        <NoticeBox kind="plain">
          Its connector is offline. You can ask now; connecting works once the connector is back.
        </NoticeBox>
      )}
      {resource.target?.fault === undefined ? null : (
        <NoticeBox kind="warning">
          The last session that wanted its target could not use it, at <Time iso={resource.target.at} />:{' '}
          <Text value={resource.target.fault} />
        </NoticeBox>
      )}
      {resource.approval ? (
        <NoticeBox kind="plain">
          {resource.approval.count === 1
            ? 'Somebody has to approve this'
            : `${resource.approval.count} people have to approve this`}
          , within {span(resource.approval.decideWithinSeconds * 1000)}. You get the secret once it is approved.
        </NoticeBox>
      ) : null}
      {terms?.nobodyElseApproves ? (
        <NoticeBox kind="error">
          The rule names you alone to approve this, and nobody approves what they ask for themselves. Ask an
          administrator to name somebody else.
        </NoticeBox>
      ) : null}
      {problem ? (
        <NoticeBox kind="error">
          <Text value={problem} />
        </NoticeBox>
      ) : null}
      <form method="post" action="" class="form">
        {/* When this form was made: the same form sent twice gives one grant (see routes/access.tsx). */}
        <input type="hidden" name="made" value={String(now)} />
        <div class="field">
          <label for="reason">
            Why do you need it? <span class="dim">{terms?.reasonRequired === false ? 'optional' : 'required'}</span>
          </label>
          <textarea id="reason" name="reason" rows={3} maxlength={1000} aria-describedby="reason-hint">
            {form.reason}
          </textarea>
          <p class="hint" id="reason-hint">
            Kept with the recording. A ticket and one sentence are plenty; no passwords or data.
          </p>
        </div>
        <div class="field">
          <label for="seconds">For how long?</label>
          <select id="seconds" name="seconds">
            <option value="">
              {terms ? `${span(terms.longestSeconds * 1000)}, the longest` : 'As long as the rule gives'}
            </option>
            {DURATIONS.filter(({ seconds }) => terms === undefined || seconds <= terms.longestSeconds).map(
              ({ seconds, words }) => (
                <option value={String(seconds)} {...(form.seconds === String(seconds) ? { selected: true } : {})}>
                  {words}
                </option>
              ),
            )}
          </select>
        </div>
        <div class="field-pair">
          <div class="field">
            <label for="task">
              Task <span class="dim">{terms?.taskRequired ? 'required' : 'optional'}</span>
            </label>
            <input
              id="task"
              name="task"
              maxlength={200}
              value={form.task}
              autocomplete="off"
              aria-describedby="task-hint"
              {...(terms?.taskRequired ? { required: true } : {})}
            />
            <p class="hint" id="task-hint">
              A ticket or job, to find the session by.
            </p>
          </div>
          <div class="field">
            <label for="trace">
              Trace <span class="dim">optional</span>
            </label>
            <input
              id="trace"
              name="trace"
              maxlength={200}
              value={form.trace}
              autocomplete="off"
              aria-describedby="trace-hint"
            />
            <p class="hint" id="trace-hint">
              A run or trace id of a program or agent.
            </p>
          </div>
        </div>
        {resource.approval?.breakGlass ? (
          <div class="field">
            <label class="check">
              <input
                type="checkbox"
                name="breakGlass"
                value="yes"
                aria-describedby="glass-hint"
                {...(form.breakGlass ? { checked: true } : {})}
              />{' '}
              Break the glass: go in at once
            </label>
            <p class="hint" id="glass-hint">
              For emergencies. Everybody who approves is told now, and somebody will review it.
            </p>
          </div>
        ) : null}
        <div class="form-end">
          <button type="submit" class="button button-main">
            Ask for access
          </button>
          <a href="/">Cancel</a>
        </div>
      </form>
      {terms ? <Terms terms={terms} noun={PROTOCOLS[resource.protocol].noun} /> : null}
    </div>
  );
};

/** What the rule says, before anybody is refused for not knowing it. */
const Terms = ({ terms, noun }: { terms: AccessTerms; noun: Noun }) => (
  <section aria-labelledby="terms">
    <h2 id="terms">What rule {terms.rule} says</h2>
    <dl class="facts">
      <Term name="Longest access">{span(terms.longestSeconds * 1000)}</Term>
      {terms.approvers.length > 0 ? <Term name="Decided by">{names(terms.approvers)}</Term> : null}
      <Term name="Recorded">
        {terms.record.exempt === undefined ? (
          'everything'
        ) : (
          <Text value={`no ${noun.many} and no results, only what the policy decided: ${terms.record.exempt}`} />
        )}
        , kept {span(terms.record.retainSeconds * 1000)}
      </Term>
      <Term name="Who may view it">
        {names([...(terms.record.viewOwn ? ['you'] : []), 'auditors', ...terms.record.viewers])}
      </Term>
      {terms.masks.length > 0 ? <Term name="Masked">{names(terms.masks)}</Term> : null}
      {terms.blocks.length > 0 ? <Term name="Blocked">{names(terms.blocks)}</Term> : null}
      {terms.holds.length > 0 ? <Term name="Held for an approval">{names(terms.holds)}</Term> : null}
    </dl>
  </section>
);

const Term = ({ name, children }: { name: string; children?: Child }) => (
  <div>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </div>
);

/** Each once, in their order. */
const names = (all: readonly string[]) => <Text value={[...new Set(all)].join(', ')} />;

const CLIENT_TITLES: Readonly<Record<string, string>> = {
  ca: 'Once: the certificate authority',
  psql: 'psql',
  uri: 'URI',
  jdbc: 'JDBC',
  node: 'Node',
};

interface IssuedPageProps {
  issued: IssuedGrant;
  resource: ListedResource;
  now: number;
}

export const IssuedPage = ({ issued, resource, now }: IssuedPageProps) => {
  const { grant, connect } = issued;
  return (
    <div class="narrow">
      <p class="crumb">
        <a href="/">Overview</a>
      </p>
      <h1>
        You have access to <span class="resource-name">{grant.resource}</span>
      </h1>
      <p class="lead">
        Until <Time iso={grant.until} />, <TimeLeft until={grant.until} now={now} />. The end does not move when you
        connect again.
      </p>
      {grant.breakGlass ? (
        <NoticeBox kind="error">
          Emergency access (break glass): the approvers were notified, and one of them will review it.
        </NoticeBox>
      ) : null}
      <NoticeBox kind="plain">
        <strong>The secret is shown this once.</strong> Gatehouse keeps only what it needs to check it. Copy it now; if
        you lose it, revoke this grant and ask again.
      </NoticeBox>
      <h2>Connect</h2>
      {Object.entries(connect).map(([client, line]) => (
        <div class="field">
          <h3 class="field-title">{CLIENT_TITLES[client] ?? client}</h3>
          {client === 'ca' ? (
            <p class="hint">
              So that your client knows this gateway from any other. The lines below look for the file in the folder
              that you are in.
            </p>
          ) : null}
          <Copyable
            id={`connect-${client.replace(/[^a-z0-9]+/gi, '-')}`}
            text={line}
            label={`the ${CLIENT_TITLES[client] ?? client} line`}
          />
        </div>
      ))}
      <div class="field">
        <h3 class="field-title">Secret alone</h3>
        <Copyable id="secret" text={grant.secret} label="the secret" />
        <p class="hint">
          For other clients, at{' '}
          <code>
            {resource.endpoint.host}:{resource.endpoint.port}
          </code>
          : the user is <code>EMAIL#{grant.resource}</code>, the password this secret, the database any that this
          resource's login may reach.
        </p>
      </div>
      <p class="form-end">
        <a class="button" href="/">
          Done
        </a>
        <a href="/grants">See my grants</a>
      </p>
    </div>
  );
};

/** The answer to a form that was sent before. */
export const AlreadyIssuedPage = ({ resource, until }: { resource: string; until: string }) => (
  <div class="narrow">
    <h1>This request was already answered</h1>
    <p class="lead">
      You got access to <span class="resource-name">{resource}</span> until <Time iso={until} />. Its secret was shown
      once, and sending the form again does not make another. If you lost it, revoke that grant and ask anew.
    </p>
    <p class="form-end">
      <a class="button" href="/grants">
        See my grants
      </a>
      <a href={`/request/${encodeURIComponent(resource)}`}>Ask anew</a>
    </p>
  </div>
);
