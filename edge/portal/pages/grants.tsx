import type { ListedGrant } from '../../../core/api.ts';
import { Badge, Cell, Empty, LabelList, NoticeBox, Row, Table, to } from '../components/parts.tsx';
import { Text, Time } from '../components/text.tsx';
import { TimeLeft } from '../components/time-left.tsx';

interface GrantsPageProps {
  grants: readonly ListedGrant[];
  all: boolean;
  email: string;
  mayRevokeAll: boolean;
  revoked: boolean;
  now: number;
}

export const GrantsPage = ({ grants, all, email, mayRevokeAll, revoked, now }: GrantsPageProps) => (
  <>
    <h1>Grants</h1>
    <p class="lead">
      {all ? 'Who may reach what, and until when.' : 'What you may reach, and until when. Each ends by itself.'}
    </p>
    {revoked ? <NoticeBox kind="good">Revoked. Its live sessions were ended.</NoticeBox> : null}
    {grants.length === 0 ? (
      <Empty title="No grants yet">
        <p>
          <a href="/">Pick a resource</a> and say why you need it.
        </p>
      </Empty>
    ) : (
      <Table
        caption="Grants"
        columns={['Resource', ...(all ? ['Person'] : []), 'Reason', 'Rule', 'Until', 'Live', 'State', 'Action']}
      >
        {grants.map((grant) => (
          <Row>
            <Cell label="Resource" class="cell-main">
              <span class="resource-name">{grant.resource}</span>
            </Cell>
            {all ? (
              <Cell label="Person" class="cell-person">
                <Text value={grant.email} />
              </Cell>
            ) : null}
            <Cell label="Reason" class="cell-reason">
              {grant.reason === '' ? <span class="dim">None given</span> : <Text value={grant.reason} />}
              <LabelList task={grant.labels.task} trace={grant.labels.trace} />
            </Cell>
            <Cell label="Rule">
              <code>{grant.rule}</code>
            </Cell>
            <Cell label="Until">
              <Time iso={grant.until} />
              {grant.state === 'active' ? (
                <>
                  <br />
                  <TimeLeft until={grant.until} now={now} />
                </>
              ) : null}
            </Cell>
            <Cell label="Live" class="cell-number">
              {grant.liveSessions}
            </Cell>
            <Cell label="State">
              <Badge state={grant.state} />
              {grant.breakGlass ? <Badge state="glass" /> : null}
            </Cell>
            <Cell label="Action" class="cell-action">
              {grant.state === 'active' && (grant.email === email || mayRevokeAll) ? (
                <a class="button button-quiet button-small" href={to('grants', grant.id, 'revoke')}>
                  Revoke
                  <span class="unseen-label">
                    {' '}
                    {grant.email} on {grant.resource}
                  </span>
                </a>
              ) : null}
            </Cell>
          </Row>
        ))}
      </Table>
    )}
  </>
);

export const RevokePage = ({ grant, email }: { grant: ListedGrant; email: string }) => (
  <div class="narrow">
    <p class="crumb">
      <a href="/grants">Grants</a>
    </p>
    <h1>
      Revoke access to <span class="resource-name">{grant.resource}</span>?
    </h1>
    <p class="lead">
      {grant.email === email ? 'Your' : <Text value={grant.email} />}
      {grant.email === email ? '' : "'s"} access would end now instead of <Time iso={grant.until} />.{' '}
      {grant.liveSessions > 0 ? (
        <strong>
          {grant.liveSessions === 1
            ? 'One live session is cut within a second.'
            : `${grant.liveSessions} live sessions are cut within a second.`}
        </strong>
      ) : (
        'No session is using it.'
      )}{' '}
      Recordings stay.
    </p>
    <form method="post" action="" class="form">
      <div class="field">
        <label for="reason">
          Why? <span class="dim">optional, goes into the audit log</span>
        </label>
        <input id="reason" name="reason" maxlength={500} autocomplete="off" />
      </div>
      <div class="form-end">
        <button type="submit" class="button button-danger">
          Revoke
        </button>
        <a href="/grants">Keep it</a>
      </div>
    </form>
  </div>
);
