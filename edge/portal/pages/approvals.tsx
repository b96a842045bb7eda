import type { ListedApproval, LiveGrant } from '../../../core/api.ts';
import { nounOf } from '../../../core/approval/held-action.ts';
import { requestOutcome } from '../../../core/approval/outcome.ts';
import { requestWords, termWords } from '../../../core/approval/state-words.ts';
import { capital } from '../../../core/text/capital.ts';
import { span } from '../../../core/text/amounts.ts';
import { Cell, Empty, LabelList, NoticeBox, Row, Table, to } from '../components/parts.tsx';
import { HeldActionDetail, HeldBrief, lineOf } from '../components/held-action.tsx';
import { Text, Time } from '../components/text.tsx';
import { TimeLeft } from '../components/time-left.tsx';

interface InboxProps {
  approvals: readonly ListedApproval[];
  past: readonly ListedApproval[];
  now: number;
}

export const ApprovalsPage = ({ approvals, past, now }: InboxProps) => (
  <>
    <h1>Approvals</h1>
    <p class="lead">What waits for your decision, and what you asked for yourself.</p>
    <ApprovalsList approvals={approvals} now={now} />
    {past.length === 0 ? null : (
      <section aria-labelledby="past">
        <h2 id="past">Other requests</h2>
        <Table caption="Other requests" columns={['When', 'Person', 'What', 'Resource', 'Outcome', 'By', 'Request']}>
          {past.map((approval) => {
            const { at, by, why } = requestOutcome(approval);
            return (
              <Row>
                <Cell label="When">
                  <Time iso={at} />
                </Cell>
                <Cell label="Person" class="cell-person">
                  <Text value={approval.requester.email} />
                </Cell>
                <Cell label="What" class="cell-reason">
                  <What approval={approval} />
                </Cell>
                <Cell label="Resource">
                  <span class="resource-name">{approval.resource}</span>
                </Cell>
                <Cell label="Outcome" class="cell-reason">
                  <RequestBadge approval={approval} />
                  {why === '' ? null : (
                    <span class="dim">
                      {' '}
                      <Text value={why} />
                    </span>
                  )}
                </Cell>
                <Cell label="By" class="cell-person">
                  {by.length === 0 ? <span class="dim">nobody</span> : <Text value={by.join(', ')} />}
                </Cell>
                <Cell label="Request">
                  <a href={to('requests', approval.id)}>
                    Open
                    <span class="unseen-label">
                      {' '}
                      the request of {approval.requester.email} for {approval.resource}
                    </span>
                  </a>
                </Cell>
              </Row>
            );
          })}
        </Table>
      </section>
    )}
  </>
);

/** What was asked for, in a line. */
const What = ({ approval }: { approval: ListedApproval }) =>
  approval.held ? (
    <code>
      <Text value={lineOf(approval.held.text)} />
    </code>
  ) : (
    <span>
      {SUBJECTS[approval.kind] ?? 'access'} for {span(approval.workSeconds * 1000)}: <Reason approval={approval} />
    </span>
  );

const SUBJECTS: Partial<Record<ListedApproval['kind'], string>> = { view: 'watching', unlock: 'originals' };

/** In the words of core/approval/state-words.ts. */
const RequestBadge = ({ approval }: { approval: ListedApproval }) => (
  <span
    class={`badge badge-${approval.breakGlass ? 'glass' : approval.held && approval.state === 'claimed' ? 'used' : approval.state}`}
  >
    <span class="dot" aria-hidden="true" />
    {capital(requestWords(approval).state)}
  </span>
);

/** Keeps itself fresh: the same part is answered for `?fragment=list`. */
export const ApprovalsList = ({ approvals, now }: { approvals: readonly ListedApproval[]; now: number }) => {
  const forYou = approvals.filter(({ mayDecide, mayReview }) => mayDecide || mayReview);
  const yours = approvals.filter(({ yours, mayDecide, mayReview }) => yours && !mayDecide && !mayReview);
  return (
    <div id="inbox" data-live="/approvals?fragment=list" data-live-every="5000">
      <section aria-labelledby="for-you">
        <h2 id="for-you">For you to decide</h2>
        {forYou.length === 0 ? (
          <Empty title="Nothing waits for you">
            <p>Requests appear here as they come in; the page keeps itself fresh.</p>
          </Empty>
        ) : (
          <ul class="cards">
            {forYou.map((approval) => (
              <ApprovalCard approval={approval} now={now} />
            ))}
          </ul>
        )}
      </section>
      {yours.length === 0 ? null : (
        <section aria-labelledby="yours">
          <h2 id="yours">Your requests</h2>
          <ul class="cards">
            {yours.map((approval) => (
              <ApprovalCard approval={approval} now={now} />
            ))}
          </ul>
        </section>
      )}
    </div>
  );
};

const ApprovalCard = ({ approval, now }: { approval: ListedApproval; now: number }) => (
  <li class="card">
    <div class="card-head">
      <strong class="resource-name">{approval.resource}</strong>
      {approval.breakGlass ? null : <TimeLeft until={endOf(approval)} now={now} />}
    </div>
    <p>
      <Text value={approval.requester.email} /> {requestWords(approval).did} {approval.resource}
      {approval.held ? null : `, for ${span(approval.workSeconds * 1000)}`}
    </p>
    {approval.held ? <HeldBrief held={approval.held} /> : null}
    {approval.recording ? (
      <p>
        The session of <Text value={approval.recording.owner} />
      </p>
    ) : null}
    <p class="card-reason">
      <Reason approval={approval} />
    </p>
    <div class="card-foot">
      <RequestBadge approval={approval} />
      <a class="button button-small" href={to('requests', approval.id)}>
        {approval.mayReview ? 'Review' : approval.mayDecide ? 'Decide' : 'Open'}
        <span class="unseen-label">
          {' '}
          the request of {approval.requester.email} for {approval.resource}
        </span>
      </a>
    </div>
  </li>
);

interface RequestPageProps {
  approval: ListedApproval;
  now: number;
  comment?: string;
  problem?: string | undefined;
}

export const ApprovalPage = ({ approval, now, comment = '', problem }: RequestPageProps) => {
  return (
    <div class={approval.held ? 'narrow narrow-wide' : 'narrow'}>
      <p class="crumb">
        <a href="/approvals">Approvals</a>
      </p>
      <h1>
        {titleOf(approval)} <span class="resource-name">{approval.resource}</span>
      </h1>
      <ApprovalStatus approval={approval} now={now} />
      <ApprovalFacts approval={approval} />
      {approval.held ? <HeldActionDetail held={approval.held} waits={approval.state === 'pending'} /> : null}
      <h2>{approval.held ? 'Why the session was opened' : 'Why'}</h2>
      <p>
        <Reason approval={approval} />
      </p>
      <LabelList task={approval.labels.task} trace={approval.labels.trace} />
      {problem ? (
        <NoticeBox kind="error">
          <Text value={problem} />
        </NoticeBox>
      ) : null}
      <ApprovalActions approval={approval} comment={comment} />
    </div>
  );
};

/** Who, when and for how long; and what is held. Replaced when the state changes. */
export const ApprovalFacts = ({ approval }: { approval: ListedApproval }) => {
  const term = termWords(approval);
  return (
    <dl class="facts facts-small" id="request-facts">
      <div>
        <dt>Who</dt>
        <dd>
          <Text value={approval.requester.name} /> <br />
          <Text value={approval.requester.email} />
        </dd>
      </div>
      {term ? (
        <div>
          <dt>{capital(term.name)}</dt>
          <dd>{term.value}</dd>
        </div>
      ) : null}
      <div>
        <dt>Asked</dt>
        <dd>
          <Time iso={approval.askedAt} />
        </dd>
      </div>
      <div>
        <dt>Rule</dt>
        <dd>
          <code>{approval.rule}</code>
        </dd>
      </div>
      {approval.recording ? (
        <div>
          <dt>Session</dt>
          <dd>
            of <Text value={approval.recording.owner} />
            <br />
            <code>{approval.recording.session}</code>
          </dd>
        </div>
      ) : null}
    </dl>
  );
};

/** Keeps itself fresh until the request is over. */
export const ApprovalStatus = ({ approval, now }: { approval: ListedApproval; now: number }) => {
  const moves = approval.state === 'pending' || approval.state === 'approved';
  const { votes, ended, claim, breakGlass, workUntil } = approval;
  return (
    <div
      id="request-status"
      {...(moves
        ? {
            'data-live': `${to('requests', approval.id)}?fragment=status&seen=${approval.state}`,
            'data-live-every': '2000',
          }
        : {})}
    >
      <div class="facts-line">
        <RequestBadge approval={approval} />
        {approval.state === 'pending' ? (
          <span>
            {votes.length} of {approval.needed} {approval.needed === 1 ? 'approval' : 'approvals'},{' '}
            <TimeLeft until={approval.decideBy} now={now} /> to decide
          </span>
        ) : null}
        {workUntil !== undefined &&
        (approval.state === 'approved' || (approval.state === 'claimed' && !approval.held)) ? (
          <span>
            {approval.held ? 'It may go on until' : approval.recording ? 'Good until' : 'Access until'}{' '}
            <Time iso={workUntil} />
          </span>
        ) : null}
        {claim && !breakGlass ? (
          <span class="dim">{approval.held ? 'It went on to the target, once' : 'Its secret was fetched'}</span>
        ) : null}
      </div>
      {votes.length === 0 ? null : (
        <ul class="plain-list">
          {votes.map((vote) => (
            <li>
              <Text value={vote.email} /> approved, <Time iso={vote.at} />
              {vote.via === 'slack' ? ' in Slack' : ''}
              {vote.comment === '' ? null : (
                <>
                  : <Text value={vote.comment} />
                </>
              )}
            </li>
          ))}
        </ul>
      )}
      {ended ? (
        <p>
          {ENDED[approval.state] ?? 'Ended'} <Time iso={ended.at} />
          {ended.by === 'gatehouse' ? null : (
            <>
              {' '}
              by <Text value={ended.by} />
            </>
          )}
          {ended.reason === '' ? null : (
            <>
              : <Text value={ended.reason} />
            </>
          )}
        </p>
      ) : null}
      {breakGlass?.review ? (
        <p>
          Reviewed by <Text value={breakGlass.review.email} />: <Text value={breakGlass.review.comment} />
        </p>
      ) : breakGlass ? (
        <p>In force without an approval. Somebody has to review it.</p>
      ) : null}
    </div>
  );
};

const ENDED: Partial<Record<ListedApproval['state'], string>> = {
  denied: 'Denied',
  withdrawn: 'Withdrawn',
  expired: 'Expired',
};

/** Beside the part that refreshes itself, so that a comment being typed stays; replaced when the state changes. */
export const ApprovalActions = ({ approval, comment = '' }: { approval: ListedApproval; comment?: string }) => {
  const path = to('requests', approval.id);
  return (
    <div id="request-actions">
      {approval.mayDecide ? (
        <form method="post" action={`${path}/decision`} class="form">
          <div class="field">
            <label for="comment">Comment</label>
            <textarea id="comment" name="comment" rows={2} maxlength={1000} aria-describedby="comment-hint">
              {comment}
            </textarea>
            <p class="hint" id="comment-hint">
              Needed to deny: the person who asked reads it.
            </p>
          </div>
          <div class="form-end">
            <button type="submit" class="button button-main" name="decision" value="approve">
              Approve
            </button>
            <button type="submit" class="button button-danger" name="decision" value="deny">
              Deny
            </button>
          </div>
        </form>
      ) : null}
      {approval.state === 'pending' && !approval.mayDecide ? (
        <NoticeBox kind="plain">
          {approval.yours
            ? 'You asked for this yourself, so somebody else has to decide.'
            : 'Others decide on this: the rule does not name you as an approver, or you have approved it already.'}
        </NoticeBox>
      ) : null}
      {approval.mayReview ? (
        <form method="post" action={`${path}/review`} class="form">
          <div class="field">
            <label for="comment">Was it right to go in without an approval?</label>
            <textarea id="comment" name="comment" rows={2} maxlength={1000} required>
              {comment}
            </textarea>
          </div>
          <div class="form-end">
            <button type="submit" class="button button-main">
              Mark as reviewed
            </button>
          </div>
        </form>
      ) : null}
      {approval.yours && approval.state === 'approved' && approval.recording ? (
        <p class="form-end">
          <a class="button button-main" href={openPathOf(approval.kind, approval.recording.session)}>
            {approval.kind === 'view' ? 'Watch the session' : 'Go to the originals'}
          </a>
        </p>
      ) : null}
      {approval.yours && approval.state === 'approved' && approval.kind === 'access' ? (
        <form method="post" action={`${path}/claim`} class="form-end">
          <button type="submit" class="button button-main">
            Show the secret
          </button>
          <span class="dim">It is shown once.</span>
        </form>
      ) : null}
      {approval.yours && (approval.state === 'pending' || approval.state === 'approved') ? (
        <form method="post" action={`${path}/withdraw`} class="form-end">
          <button type="submit" class="button button-quiet">
            Withdraw
          </button>
        </form>
      ) : null}
      {approval.yours && !approval.held && ['denied', 'expired', 'withdrawn'].includes(approval.state) ? (
        <p class="form-end">
          <a
            class="button"
            href={
              approval.recording
                ? openPathOf(approval.kind, approval.recording.session)
                : to('request', approval.resource)
            }
          >
            Ask anew
          </a>
        </p>
      ) : null}
    </div>
  );
};

/** Where it is asked for, and opened once it is approved. */
const openPathOf = (kind: ListedApproval['kind'], session: string): string =>
  kind === 'unlock' ? to('sessions', session, 'unlock') : to('sessions', session);

function titleOf({ held, recording, kind, yours }: ListedApproval): string {
  if (recording) {
    const what = kind === 'unlock' ? 'for the originals of a session on' : 'to watch a session on';
    return `${yours ? 'Your' : 'A'} request ${what}`;
  }
  if (held) return `${yours ? 'Your' : 'A'} ${nounOf(held.kind).one} on`;
  return yours ? 'Your request for' : 'A request for';
}

const Reason = ({ approval }: { approval: ListedApproval }) =>
  approval.reason === '' ? <span class="dim">No reason given</span> : <Text value={approval.reason} />;

const endOf = (approval: ListedApproval): string =>
  approval.state === 'approved' ? (approval.workUntil ?? approval.decideBy) : approval.decideBy;

/** The answer to asking for what one holds already. `breaking`: by breaking the glass once more. */
export const LiveGrantPage = ({ live, breaking }: { live: LiveGrant['live']; breaking: boolean }) => (
  <div class="narrow">
    <h1>
      {breaking ? 'You have broken the glass for ' : 'You have access to '}
      <span class="resource-name">{live.resource}</span> already
    </h1>
    <p class="lead">
      Your access lasts until <Time iso={live.until} />, so {breaking ? 'no other grant was made' : 'nobody was asked'}.
      Its secret was shown once; if you lost it, revoke this grant and {breaking ? 'break the glass' : 'ask'} again.
    </p>
    <p class="form-end">
      <a class="button" href="/grants">
        See my grants
      </a>
      <a href={to('grants', live.id, 'revoke')}>Revoke this grant</a>
    </p>
  </div>
);
