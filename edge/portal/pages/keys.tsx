import type { RegisteredKey } from '../../../core/api.ts';
import { REGISTRATION_NAMESPACE, registrationText } from '../../../core/ssh/key-registration.ts';
import { CommandLine } from '../components/command-line.tsx';
import { Cell, Copyable, Empty, NoticeBox, Row, Table } from '../components/parts.tsx';
import { Text, Time } from '../components/text.tsx';

export interface KeyForm {
  readonly publicKey: string;
  readonly name: string;
  readonly signature: string;
}

interface KeysPageProps {
  keys: readonly RegisteredKey[];
  email: string;
  origin: string;
  /** As it was sent, where it was not taken. */
  form: KeyForm;
  problem?: string | undefined;
  done?: 'added' | 'removed' | undefined;
}

export const KeysPage = ({ keys, email, origin, form, problem, done }: KeysPageProps) => (
  <>
    <h1>SSH keys</h1>
    <p class="lead">
      A registered key says who you are to programs that know no certificates. It opens nothing by itself: it signs you
      in where you hold a live grant, and ends after 90 days.
    </p>
    {done === 'added' ? <NoticeBox kind="good">Registered. It signs you in while you hold a grant.</NoticeBox> : null}
    {done === 'removed' ? <NoticeBox kind="good">Removed. It signs nobody in any more.</NoticeBox> : null}
    {keys.length === 0 ? (
      <Empty title="No keys yet">
        <p>Register one below, or with the command line.</p>
      </Empty>
    ) : (
      <Table caption="Your SSH keys" columns={['Key', 'Name', 'Added', 'Until', 'Action']}>
        {keys.map((key) => (
          <Row>
            <Cell label="Key" class="cell-main">
              <code class="mono">{key.fingerprint}</code>
              <br />
              <span class="dim">{key.type}</span>
            </Cell>
            <Cell label="Name">{key.name === '' ? <span class="dim">None</span> : <Text value={key.name} />}</Cell>
            <Cell label="Added">
              <Time iso={key.addedAt} />
            </Cell>
            <Cell label="Until">
              <Time iso={key.expiresAt} />
            </Cell>
            <Cell label="Action" class="cell-action">
              <a
                class="button button-quiet button-small"
                href={removeAddress(key)}
                aria-label={`Remove ${key.fingerprint}`}
              >
                Remove
              </a>
            </Cell>
          </Row>
        ))}
      </Table>
    )}
    <div class="narrow">
      <h2>Register a key</h2>
      <p>With the command line, in one step:</p>
      <CommandLine id="add" args="keys add ~/.ssh/id_ed25519.pub" label="the line that registers a key" />
      <p>Or here. Have the key sign that it is yours, by the file that you use:</p>
      <Copyable id="sign" text={signLine(email, origin)} label="the line that signs" />
      {problem ? (
        <NoticeBox kind="error">
          <Text value={problem} />
        </NoticeBox>
      ) : null}
      <form method="post" action="/keys" class="form">
        <div class="field">
          <label for="public_key">
            Public key <span class="dim">the line of the file that ends in .pub</span>
          </label>
          <textarea id="public_key" name="public_key" rows={3} spellcheck={false} autocomplete="off" required>
            {form.publicKey}
          </textarea>
        </div>
        <div class="field">
          <label for="signature">
            Signature <span class="dim">what the line above prints</span>
          </label>
          <textarea id="signature" name="signature" rows={6} spellcheck={false} autocomplete="off" required>
            {form.signature}
          </textarea>
        </div>
        <div class="field">
          <label for="name">
            Name <span class="dim">optional, to tell it from others</span>
          </label>
          <input id="name" name="name" value={form.name} maxlength={100} autocomplete="off" />
        </div>
        <div class="form-end">
          <button type="submit" class="button button-main">
            Register
          </button>
        </div>
      </form>
    </div>
  </>
);

export const RemoveKeyPage = ({ found: key }: { found: RegisteredKey }) => (
  <div class="narrow">
    <p class="crumb">
      <a href="/keys">SSH keys</a>
    </p>
    <h1>Remove this key?</h1>
    <p class="lead">
      <code class="mono">{key.fingerprint}</code>
      {key.name === '' ? null : (
        <>
          {' '}
          (<Text value={key.name} />)
        </>
      )}{' '}
      signs nobody in from then on. Sessions that run go on.
    </p>
    <form method="post" action="/keys/remove" class="form-end">
      <input type="hidden" name="key" value={key.fingerprint} />
      <button type="submit" class="button button-danger">
        Remove
      </button>
      <a href="/keys">Keep it</a>
    </form>
  </div>
);

const removeAddress = ({ fingerprint }: RegisteredKey): string => `/keys/remove?key=${encodeURIComponent(fingerprint)}`;

/** For a shell: its text has no line feed of its own but the last. */
const signLine = (email: string, origin: string): string => {
  const text = registrationText(email, origin).trimEnd().replaceAll("'", "'\\''");
  return `printf '%s\\n' '${text}' | ssh-keygen -Y sign -n ${REGISTRATION_NAMESPACE} -f ~/.ssh/id_ed25519`;
};
