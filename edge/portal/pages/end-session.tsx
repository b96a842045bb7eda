import type { SessionToEnd } from '../../gatehouse.ts';
import { NoticeBox, to } from '../components/parts.tsx';
import { Text } from '../components/text.tsx';

interface EndSessionProps {
  session: SessionToEnd;
  email: string;
  /** Whether the reader may revoke the session's grant, which is the way to end its access. */
  mayRevoke: boolean;
  /** They just ended it. */
  told?: boolean;
  /** As it was sent and not taken, with why. */
  reason?: string;
  problem?: string;
}

export const EndSessionPage = ({ session, email, mayRevoke, told, reason = '', problem }: EndSessionProps) => (
  <div class="narrow">
    <p class="crumb">
      <a href="/sessions">Sessions</a>
    </p>
    <h1>
      End {session.email === email ? 'your session' : 'the session of '}
      {session.email === email ? '' : <Text value={session.email} />} on{' '}
      <span class="resource-name">{session.resource}</span>?
    </h1>
    {problem === undefined ? null : (
      <NoticeBox kind="error">
        <Text value={problem} />
      </NoticeBox>
    )}
    {told && session.running ? (
      <NoticeBox kind="good">The connector has been asked to end it; that takes less than a second.</NoticeBox>
    ) : session.running ? (
      <>
        <p class="lead">
          It is cut within a second: what runs in it is broken off, and an open transaction is rolled back. Its
          recording stays.
        </p>
        <p class="dim">
          Access itself goes on: its person can connect again until the grant ends.{' '}
          {mayRevoke ? (
            <>
              To end that too, <a href={to('grants', session.grant, 'revoke')}>revoke the grant</a>.
            </>
          ) : (
            'An administrator can revoke the grant.'
          )}
        </p>
        <form method="post" action="" class="form">
          <div class="field">
            <label for="reason">
              Why? <span class="dim">whoever is in the session reads it, and who ended it</span>
            </label>
            <input id="reason" name="reason" maxlength={500} required autocomplete="off" value={reason} />
          </div>
          <div class="form-end">
            <button type="submit" class="button button-danger">
              End this session
            </button>
            <a href={to('sessions', session.session)}>Let it run</a>
          </div>
        </form>
      </>
    ) : (
      <p class="lead">
        It is over already. <a href={to('sessions', session.session)}>See how it ended</a>
      </p>
    )}
  </div>
);
