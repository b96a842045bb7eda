// Signing in by the browser, within keyboard-interactive (RFC 4256): whoever answers the question for the grant with nothing is
// shown a link and a code, and let in when they have confirmed it there.
//
//   info request   instruction | one prompt: the link, the code, "press Enter"
//   (waits)        words meanwhile come as USERAUTH_BANNER, which clients show at any time
//
// With a prompt, not without: a client is free to show an instruction that asks for nothing, or not to, and some answer
// such a request before anybody has read it.

import type { Refusal } from '../../../../core/refusal.ts';
import type { Result } from '../../../../core/result.ts';
import type { BrowserSignIn, ProvenGrant } from '../../../door.ts';
import { sshMessage, USERAUTH_BANNER, USERAUTH_INFO_REQUEST, USERAUTH_INFO_RESPONSE } from '../wire/messages.ts';
import { ProtocolFault, type SshTransport } from '../wire/transport.ts';
import type { MessageQueue } from './message-queue.ts';

/** Undefined: the client is gone, or begins another attempt. */
export async function signInByBrowser(
  transport: SshTransport,
  queue: MessageQueue,
  resource: string,
  { link, userCode, outcome }: BrowserSignIn,
): Promise<Result<ProvenGrant, Refusal> | undefined> {
  const instruction = `Sign in to ${resource} in your browser, within two minutes. Type the code there yourself, and give it to nobody: whoever confirms it lets this terminal in as themselves.`;
  const prompt = `Open ${link}, type ${userCode}, then press Enter here: `;
  transport.send(sshMessage(USERAUTH_INFO_REQUEST, '', instruction, '', 1, prompt, true));
  const payload = await queue.next();
  if (!payload) return undefined;
  if (payload[0] !== USERAUTH_INFO_RESPONSE)
    throw new ProtocolFault(`message ${payload[0]} is no answer to a question`);
  const left = new AbortController();
  const told = (words: string) => transport.send(sshMessage(USERAUTH_BANNER, `Gatehouse: ${words}\r\n`, ''));
  const waited = outcome(left.signal, told);
  const proof = await Promise.race([waited, queue.arrived().then(() => undefined)]);
  if (proof) return proof;
  left.abort();
  await waited;
  return undefined;
}

/** Of a person whom the client does not name as its own. */
export const OTHER_PERSON: Refusal = {
  reason: 'credentials_wrong',
  message: 'Somebody else than the user name says confirmed this sign-in.',
};
