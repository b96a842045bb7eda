// Links that pass a session on: where one leads, making one, and the list of them.

import type { SessionEntry } from '../../../core/catalogue.ts';
import type { ListedShare, SharePage } from '../../../core/sharing/share.ts';
import { Cell, Copyable, Empty, NoticeBox, Pager, Row, Table, to } from '../components/parts.tsx';
import { Text, Time } from '../components/text.tsx';
import { TimeLeft } from '../components/time-left.tsx';

/** Where a link leads. The script takes the token out of the address and sends the form; without one it is pasted. */
export const SharedPage = ({ problem }: { problem?: string }) => (
  <div class="narrow">
    <h1>A session was shared with you</h1>
    {problem === undefined ? null : (
      <NoticeBox kind="error">
        <Text value={problem} />
      </NoticeBox>
    )}
    <p class="lead">It opens once you are signed in. That you opened it, and each look at it, is in the audit log.</p>
    <form method="post" action="/shared" class="form" data-share-form="">
      <div class="field">
        <label for="token">
          The end of the link, from <code>gsl_</code> on
        </label>
        <input
          id="token"
          name="token"
          type="password"
          required
          maxlength={100}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
        />
      </div>
      <div class="form-end">
        <button type="submit" class="button button-main">
          Open the session
        </button>
      </div>
    </form>
  </div>
);

export const SignInForSharedPage = ({ path }: { path: string }) => (
  <div class="narrow">
    <h1>A session was shared with you</h1>
    <p class="lead">Sign in, and it opens. Within a quarter of an hour the link need not be opened again.</p>
    <p class="form-end">
      <a class="button button-main" href={`/login?return=${encodeURIComponent(path)}`}>
        Sign in
      </a>
    </p>
  </div>
);

const DAYS: readonly { value: string; words: string }[] = [
  { value: '1h', words: '1 hour' },
  { value: '1d', words: '1 day' },
  { value: '3d', words: '3 days' },
  { value: '', words: 'as long as its rule lets it' },
];

export interface ShareForm {
  readonly names: string;
  readonly length: string;
}

interface ShareFormProps {
  readonly session: SessionEntry;
  readonly form: ShareForm;
  readonly problem?: string | undefined;
}

export const ShareFormPage = ({ session, form, problem }: ShareFormProps) => (
  <div class="narrow">
    <p class="crumb">
      <a href={to('sessions', session.id)}>Session</a>
    </p>
    <h1>
      Share <Text value={session.email} /> <span class="dim">on</span>{' '}
      <span class="resource-name">{session.resource}</span>
    </h1>
    <p class="lead">
      Makes a link to this session: its page and its replay, and nothing else. It ends by itself, you can revoke it, and
      it opens nothing when you may not view the session any more.
    </p>
    {problem === undefined ? null : (
      <NoticeBox kind="error">
        <Text value={problem} />
      </NoticeBox>
    )}
    <form method="post" action={to('sessions', session.id, 'share')} class="form">
      <div class="field">
        <label for="names">Who may open it?</label>
        <textarea
          id="names"
          name="names"
          rows={3}
          maxlength={4000}
          aria-describedby="names-hint"
          autocapitalize="none"
          spellcheck={false}
        >
          {form.names}
        </textarea>
        <p class="hint" id="names-hint">
          One a line: an e-mail address, or <code>group:NAME</code>. Empty: whoever signs in and has the link, where the
          rule allows that.
        </p>
      </div>
      <div class="field">
        <label for="length">For how long?</label>
        <select id="length" name="length">
          {DAYS.map(({ value, words }) => (
            <option value={value} {...(form.length === value ? { selected: true } : {})}>
              {words}
            </option>
          ))}
        </select>
      </div>
      <div class="form-end">
        <button type="submit" class="button button-main">
          Make the link
        </button>
        <a href="/shares">Links you made</a>
      </div>
    </form>
  </div>
);

export const ShareMadePage = ({ share, link, now }: { share: ListedShare; link: string; now: number }) => (
  <div class="narrow">
    <p class="crumb">
      <a href={to('sessions', share.session)}>Session</a>
    </p>
    <h1>The link is made</h1>
    <NoticeBox kind="warning">
      <strong>It is shown this once.</strong> Gatehouse keeps only what it needs to know it again. If you lose it, make
      another.
    </NoticeBox>
    <div class="field">
      <h2 class="field-title">Link</h2>
      <Copyable id="share-link" text={link} label="the link" />
    </div>
    <dl class="facts facts-small">
      <div>
        <dt>Opens until</dt>
        <dd>
          <Time iso={share.until} />
          <br />
          <TimeLeft until={share.until} now={now} />
        </dd>
      </div>
      <div>
        <dt>For</dt>
        <dd>
          <Names share={share} />
        </dd>
      </div>
    </dl>
    <p class="form-end">
      <a class="button" href={to('sessions', share.session)}>
        Done
      </a>
      <a href="/shares">Links you made</a>
    </p>
  </div>
);

interface SharesProps {
  readonly page: SharePage;
  readonly auditor: boolean;
  readonly cursor: string | undefined;
}

export const SharesPage = ({ page, auditor, cursor }: SharesProps) => (
  <>
    <p class="crumb">
      <a href="/sessions">Sessions</a>
    </p>
    <h1>Shared links</h1>
    <p class="lead">
      {auditor ? 'Links to sessions that anybody made.' : 'Links to sessions that you made.'} What each opens ends with
      its time, and with its maker's own right to view the session.
    </p>
    {page.shares.length === 0 ? (
      <Empty title="No links">
        <p>Open a session, and choose Share.</p>
      </Empty>
    ) : (
      <Table
        caption="Shared links, newest first"
        columns={['Made', 'By', 'For', 'Session', 'Until', 'Opened', 'State']}
      >
        {page.shares.map((share) => (
          <Row>
            <Cell label="Made" class="cell-main">
              <Time iso={share.madeAt} />
            </Cell>
            <Cell label="By" class="cell-person">
              <Text value={share.by} />
            </Cell>
            <Cell label="For" class="cell-reason">
              <Names share={share} />
            </Cell>
            <Cell label="Session">
              <a href={to('sessions', share.session)}>
                Open
                <span class="unseen-label"> the session of this link, {share.session}</span>
              </a>
            </Cell>
            <Cell label="Until">
              <Time iso={share.until} />
            </Cell>
            <Cell label="Opened" class="cell-number">
              {share.opened === 1 ? '1 person' : `${share.opened} people`}
            </Cell>
            <Cell label="State">
              {share.state === 'open' ? (
                <form method="post" action={to('shares', share.id, 'revoke')}>
                  <button type="submit" class="button button-small button-danger">
                    Revoke
                    <span class="unseen-label"> the link of {share.by}</span>
                  </button>
                </form>
              ) : share.revoked ? (
                <span>
                  Revoked <span class="dim">by</span> <Text value={share.revoked.by} />
                </span>
              ) : (
                <span class="dim">Over</span>
              )}
            </Cell>
          </Row>
        ))}
      </Table>
    )}
    <Pager path="/shares" query={{}} cursor={cursor} next={page.cursor} />
  </>
);

const Names = ({ share }: { share: ListedShare }) =>
  share.with === undefined ? (
    <span>whoever signs in and has it</span>
  ) : (
    <Text value={share.with.map((name) => name.replace(/^user:/, '')).join(', ')} />
  );
