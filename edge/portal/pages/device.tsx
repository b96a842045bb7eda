import type { WaitingDevice } from '../../gatehouse.ts';
import { NoticeBox } from '../components/parts.tsx';
import { Text, Time } from '../components/text.tsx';

export const DeviceCodePage = ({ problem, code = '' }: { problem?: string | undefined; code?: string }) => (
  <div class="narrow">
    <h1>Sign in on another device</h1>
    <p class="lead">
      <code>gatehouse login</code> shows a code. Enter it here to sign that terminal in as you.
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
    <p class="lead">
      A terminal asks to act as <Text value={email} />. Approve only if you started it yourself just now, and the code
      there is the same.
    </p>
    <p class="user-code">
      <Text value={device.userCode} />
    </p>
    <dl class="facts facts-small">
      <div>
        <dt>Asked from</dt>
        <dd>
          <Text value={device.address} />
        </dd>
      </div>
      <div>
        <dt>Program</dt>
        <dd>
          <Text value={device.userAgent === '' ? 'unnamed' : device.userAgent} />
        </dd>
      </div>
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
    <form method="post" action="/device" class="form-end">
      <input type="hidden" name="user_code" value={device.userCode} />
      <button type="submit" class="button button-main" name="answer" value="approve">
        Approve
      </button>
      <button type="submit" class="button button-danger" name="answer" value="deny">
        Deny
      </button>
    </form>
  </div>
);

export const DeviceDonePage = ({ approved }: { approved: boolean }) => (
  <div class="narrow fault">
    <h1>{approved ? 'Approved' : 'Denied'}</h1>
    <p class="lead">
      {approved
        ? 'The terminal is signed in within a few seconds. You can close this page.'
        : 'The terminal was turned away. If you did not start it, somebody may be trying to act as you: tell an administrator.'}
    </p>
  </div>
);
