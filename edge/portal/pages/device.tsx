import type { WaitingDevice } from '../../gatehouse.ts';
import { NoticeBox } from '../components/parts.tsx';
import { Text, Time } from '../components/text.tsx';

export const DeviceCodePage = ({ problem, code = '' }: { problem?: string | undefined; code?: string }) => (
  <div class="narrow">
    <h1>Sign in on another device</h1>
    <p class="lead">
      <code>gatehouse login</code>, and <code>ssh</code> where you answer its question with nothing, show a code. Type
      it here from your own terminal to sign that in as you.
    </p>
    {problem ? (
      <NoticeBox kind="error">
        <Text value={problem} />
      </NoticeBox>
    ) : null}
    <form method="get" action="/device" class="form">
      <div class="field">
        <label for="user_code">Code</label>
        <input
          id="user_code"
          name="user_code"
          class="code-input"
          value={code}
          maxlength={20}
          autocomplete="off"
          autocapitalize="characters"
          spellcheck={false}
          required
        />
      </div>
      <div class="form-end">
        <button type="submit" class="button button-main">
          Continue
        </button>
      </div>
    </form>
  </div>
);

export const DeviceConfirmPage = ({ device, email }: { device: WaitingDevice; email: string }) => (
  <div class="narrow">
    <h1>Is this you?</h1>
    {device.resource === undefined ? (
      <>
        <p class="lead">
          A terminal asks to act as <Text value={email} />. Approve only if you started it yourself just now, and the
          code there is the same.
        </p>
        <p class="user-code">
          <Text value={device.userCode} />
        </p>
      </>
    ) : (
      <p class="lead">
        An SSH client asks to be let in to <Text value={device.resource} /> as <Text value={email} />. Approve only if
        you started it yourself just now. Whoever sent you a link or a code wants to get in as you.
      </p>
    )}
    <dl class="facts facts-small">
      <div>
        <dt>Asked from</dt>
        <dd>
          <Text value={device.address} />
        </dd>
      </div>
      {device.resource === undefined ? (
        <div>
          <dt>Program</dt>
          <dd>
            <Text value={device.userAgent === '' ? 'unnamed' : device.userAgent} />
          </dd>
        </div>
      ) : (
        <div>
          <dt>Resource</dt>
          <dd>
            <Text value={device.resource} />
          </dd>
        </div>
      )}
      <div>
        <dt>Asked</dt>
        <dd>
          <Time iso={device.requestedAt} />
        </dd>
      </div>
      <div>
        <dt>Code ends</dt>
        <dd>
          <Time iso={device.expiresAt} />
        </dd>
      </div>
    </dl>
    {device.resource === undefined ? (
      <form method="post" action="/device" class="form-end">
        <input type="hidden" name="user_code" value={device.userCode} />
        <button type="submit" class="button button-main" name="answer" value="approve">
          Approve
        </button>
        <button type="submit" class="button button-danger" name="answer" value="deny">
          Deny
        </button>
      </form>
    ) : (
      <SignInForms userCode={device.userCode} />
    )}
  </div>
);

/** Not filled in: a link that somebody sent must not be enough. */
const SignInForms = ({ userCode }: { userCode: string }) => (
  <>
    <form method="post" action="/device" class="form" id="approve">
      <div class="field">
        <label for="typed_code">The code on your own terminal, once more</label>
        <input
          id="typed_code"
          name="user_code"
          class="code-input"
          maxlength={20}
          autocomplete="off"
          autocapitalize="characters"
          spellcheck={false}
          required
        />
      </div>
    </form>
    <form method="post" action="/device" class="form-end">
      <button type="submit" form="approve" class="button button-main" name="answer" value="approve">
        Approve
      </button>
      <input type="hidden" name="user_code" value={userCode} />
      <button type="submit" class="button button-danger" name="answer" value="deny">
        Deny
      </button>
    </form>
  </>
);

export const DeviceDonePage = ({ approved }: { approved: boolean }) => (
  <div class="narrow fault">
    <h1>{approved ? 'Approved' : 'Denied'}</h1>
    <p class="lead">
      {approved
        ? 'The terminal is signed in within a few seconds, once you press Enter there where it asks for that. If it needs a grant that you do not hold yet, it says so and waits while you ask for one here.'
        : 'The terminal was turned away. If you did not start it, somebody may be trying to act as you: tell an administrator.'}
    </p>
  </div>
);
