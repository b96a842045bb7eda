// Who is there (RFC 4252, 4256): the server's half of authentication. The grant's secret is the password, or the answer to
// the one question of keyboard-interactive; who answers nothing signs in by the browser (browser-sign-in.ts); or a key signs that the edge certified for the grant, or that its person registered (public-key.ts).

import { err, ok, type Result } from '../../../../core/result.ts';
import type { Refusal } from '../../../../core/refusal.ts';
import { secret } from '../../../../core/secret.ts';
import type { Claim, Door, ProvenGrant } from '../../../door.ts';
import {
  decodeUtf8,
  FieldReader,
  sshMessage,
  SERVICE_ACCEPT,
  SERVICE_REQUEST,
  USERAUTH_BANNER,
  USERAUTH_FAILURE,
  USERAUTH_INFO_REQUEST,
  USERAUTH_INFO_RESPONSE,
  USERAUTH_REQUEST,
  USERAUTH_SUCCESS,
} from '../wire/messages.ts';
import { ProtocolFault, type SshTransport } from '../wire/transport.ts';
import { OTHER_PERSON, signInByBrowser } from './browser-sign-in.ts';
import type { MessageQueue } from './message-queue.ts';
import { ShownKeys } from './public-key.ts';
import { readUserName } from './user-name.ts';

/** As OpenSSH's MaxAuthTries. */
const MAX_TRIES = 6;
const GRANT_PROMPT = 'Grant (or just Enter, to sign in with your browser): ';
const METHODS = 'publickey,keyboard-interactive,password';
/**
 * Keys that a client may ask about, without a try: they guess nothing, and an agent with many offers each before anybody is
 * asked for a password.
 */
const MAX_OFFERS = 100;

interface Arrived {
  readonly proof: ProvenGrant;
  /** Undefined: the resource's own. */
  readonly login: string | undefined;
  /** Of the key that it showed, for the recording. */
  readonly details?: Readonly<Record<string, string>>;
}

interface Turned {
  readonly refusal: Refusal;
  readonly claim?: Claim;
}

/** undefined: the client is gone, or out of time. Its success is told with `letIn`, and nothing else was. */
export async function authenticate<Upstream>(
  transport: SshTransport,
  queue: MessageQueue,
  door: Door<Upstream>,
): Promise<Result<Arrived, Turned> | undefined> {
  if (!(await acceptService(transport, queue))) return undefined;
  let last: Claim | undefined;
  let tries = 0;
  let offers = 0;
  const keys = new ShownKeys(door, transport.sessionId);
  const refuse = () => {
    // The last one is told with words instead.
    if (tries < MAX_TRIES) transport.send(sshMessage(USERAUTH_FAILURE, METHODS, false));
  };
  /** Whoever leaves after a wrong secret was refused all the same. */
  const gone = () => (last ? err({ refusal: WRONG, claim: last }) : undefined);
  while (tries < MAX_TRIES && offers <= MAX_OFFERS) {
    const payload = await queue.next();
    if (!payload) return gone();
    // An answer to a question that is not asked any more.
    if (payload[0] === USERAUTH_INFO_RESPONSE) continue;
    if (payload[0] !== USERAUTH_REQUEST) throw new ProtocolFault(`message ${payload[0]} has no place in a login`);
    const fields = new FieldReader(payload);
    const user = fields.text();
    const service = fields.text();
    const method = fields.text();
    if (service !== 'ssh-connection') throw new ProtocolFault('it asks for a service that there is not');
    const wanted = readUserName(user);
    if (method === 'publickey') {
      const answer = await keys.answer(payload, fields, wanted);
      const claim = wanted && { email: wanted.email ?? '', resource: wanted.resource };
      if (!answer.ok) return err({ refusal: answer.error, ...(claim && { claim }) });
      if (answer.value.kind === 'proven') {
        const { proof, details } = answer.value;
        return ok({ proof, login: wanted?.login, details });
      }
      if (answer.value.kind === 'offered') {
        offers++;
        door.progressed('named');
        transport.send(answer.value.reply);
        continue;
      }
      const { signed, words } = answer.value;
      if (words !== undefined) say(transport, words);
      // An offer of a key that is nobody's is no attempt yet; what the authority made, or was signed, is one.
      if (signed || words !== undefined) {
        tries++;
        last = claim;
      } else offers++;
      refuse();
      continue;
    }
    const shown = await secretOf(method, fields, transport, queue);
    if (shown === 'gone') return gone();
    if (shown === undefined) {
      if (method !== 'none') tries++;
      refuse();
      continue;
    }
    tries++;
    if (shown === '' && method === 'keyboard-interactive' && wanted) {
      door.progressed('named');
      const claim = { email: wanted.email ?? '', resource: wanted.resource };
      const asked = await door.signIn(wanted.resource);
      if (!asked.ok) return err({ refusal: asked.error, claim });
      const proof = await signInByBrowser(transport, queue, wanted.resource, asked.value);
      if (!proof) {
        if (queue.ended || door.signal.aborted) return gone();
        refuse();
        continue;
      }
      if (!proof.ok) return err({ refusal: proof.error, claim });
      const { email } = proof.value.claim;
      if (wanted.email !== undefined && wanted.email.toLowerCase() !== email)
        return err({ refusal: OTHER_PERSON, claim });
      return ok({ proof: proof.value, login: wanted.login });
    }
    if (!wanted) {
      say(transport, FORM_WORDS);
      refuse();
      continue;
    }
    door.progressed('named');
    last = { email: wanted.email ?? '', resource: wanted.resource };
    const proof = await prove(door, wanted.resource, wanted.email, shown);
    if (!proof.ok) return err({ refusal: proof.error, claim: last });
    if (proof.value) return ok({ proof: proof.value, login: wanted.login });
    refuse();
  }
  return err({ refusal: WRONG, ...(last && { claim: last }) });
}

export const letIn = (transport: SshTransport): void => transport.send(sshMessage(USERAUTH_SUCCESS));

/** Words that OpenSSH shows before anybody is let in. */
const say = (transport: SshTransport, words: string): void =>
  transport.send(sshMessage(USERAUTH_BANNER, `Gatehouse: ${words}\r\n`, ''));

async function acceptService(transport: SshTransport, queue: MessageQueue): Promise<boolean> {
  const asked = await queue.next();
  if (!asked) return false;
  if (asked[0] !== SERVICE_REQUEST || new FieldReader(asked).text() !== 'ssh-userauth')
    throw new ProtocolFault('it does not begin with its authentication');
  transport.send(sshMessage(SERVICE_ACCEPT, 'ssh-userauth'));
  return true;
}

/** Undefined: this method shows none. */
async function secretOf(
  method: string,
  fields: FieldReader,
  transport: SshTransport,
  queue: MessageQueue,
): Promise<string | undefined | 'gone'> {
  if (method === 'password') {
    const changes = fields.boolean();
    const password = fields.string();
    return changes ? undefined : decodeUtf8(password);
  }
  if (method !== 'keyboard-interactive') return undefined;
  transport.send(sshMessage(USERAUTH_INFO_REQUEST, '', '', '', 1, GRANT_PROMPT, false));
  const payload = await queue.next();
  if (!payload) return 'gone';
  // Another method instead of an answer is not what any client does.
  if (payload[0] !== USERAUTH_INFO_RESPONSE)
    throw new ProtocolFault(`message ${payload[0]} is no answer to a question`);
  const answers = new FieldReader(payload);
  return answers.uint32() === 1 ? decodeUtf8(answers.string()) : undefined;
}

async function prove<Upstream>(
  door: Door<Upstream>,
  resource: string,
  email: string | undefined,
  shown: string,
): Promise<Result<ProvenGrant | undefined, Refusal>> {
  if (email === undefined) return door.proveSecret(resource, secret(shown));
  const lookup = await door.lookUp({ email, resource });
  return lookup.ok ? ok(await lookup.value.proveSecret(secret(shown))) : lookup;
}

const WRONG: Refusal = {
  reason: 'credentials_wrong',
  message:
    'This is not a grant of yours for that resource. Ask for access in the portal, and use the grant as the password.',
};

const FORM_WORDS = 'The user name says where to go: ssh LOGIN@RESOURCE@GATEWAY. The password is the grant.';
