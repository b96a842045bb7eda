import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { z } from 'zod';
import { AccessToken, DeviceCode, Me } from '../../core/api.ts';
import { type Secret, secret } from '../../core/secret.ts';
import { ApiClient } from '../api-client.ts';
import type { Cli } from '../cli.ts';
import { Failure, usage } from '../failure.ts';
import { time } from '../output.ts';
import { parseOrigin, readLogin, storeLogin } from '../settings.ts';
import { line } from '../terminal-text.ts';

export function addLogin(command: Command, cli: Cli): void {
  command
    .argument('[URL]', 'address of the portal (default: GATEHOUSE_URL)')
    .option('--rule <NAME>', 'sign in again as this rule of the policy asks')
    .action(async (url: string | undefined, options: { readonly rule?: string }, command: Command) => {
      const { env } = cli.terminal;
      const where = url ?? env.GATEHOUSE_URL ?? (options.rule === undefined ? undefined : (await readLogin(env))?.url);
      if (!where) throw usage('name the portal: gatehouse login https://HOST');
      const output = cli.output(command);
      const origin = parseOrigin(where);
      const client = new ApiClient({ origin });
      const code = await client.post('/device/code', undefined, DeviceCode);
      output.note(`Open ${line(addressFor(code.verification_uri_complete, options.rule))}`);
      output.note(`and check that it shows the code ${line(code.user_code)}`);
      const { token, expiresAt } = await awaitApproval(client, code);
      const me = await new ApiClient({ origin, token }).get('/me', Me);
      await storeLogin(env, { url: origin, email: me.identity.email, token: token.reveal(), expiresAt });
      await output.answer(
        { url: origin, email: me.identity.email, expiresAt },
        () => `Signed in to ${origin} as ${line(me.identity.email)} until ${time(expiresAt)}.`,
      );
    });
}

/** Signing in leads to the page that shows the code. */
function addressFor(page: string, rule: string | undefined): string {
  if (rule === undefined) return page;
  const { origin, pathname, search } = new URL(page);
  return `${origin}/login?${new URLSearchParams({ step_up: rule, return: pathname + search })}`;
}

// RFC 8628 section 3.5 in OAuth's words, and the same in Gatehouse's envelope.
const PollRefusal = z.union([
  z.object({ error: z.string() }),
  z.object({ error: z.object({ reason: z.string(), message: z.string() }) }),
]);

/** Polls at the interval that the edge asked for until the person approved, refused, or the code expired. */
export async function awaitApproval(
  client: ApiClient,
  code: z.infer<typeof DeviceCode>,
  firstPollMs = Math.max(1, code.interval) * 1_000,
): Promise<{ token: Secret<string>; expiresAt: string }> {
  const until = performance.now() + code.expires_in * 1_000;
  let intervalMs = Math.max(1, code.interval) * 1_000;
  let waitMs = firstPollMs;
  while (performance.now() < until) {
    await sleep(waitMs);
    waitMs = intervalMs;
    const { status, body } = await client.postRaw('/device/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: code.device_code,
    });
    const issued = AccessToken.safeParse(body);
    if (status === 200 && issued.success) {
      const expiresAt = new Date(Date.now() + issued.data.expires_in * 1_000).toISOString();
      return { token: secret(issued.data.access_token), expiresAt };
    }
    const refusal = PollRefusal.safeParse(body);
    const error = refusal.success ? refusal.data.error : 'unexpected_answer';
    const reason = typeof error === 'string' ? error : error.reason;
    if (reason === 'authorization_pending') continue;
    if (reason === 'slow_down') waitMs = intervalMs += 5_000;
    else if (reason === 'access_denied') throw new Failure(1, reason, 'the sign-in was refused in the browser');
    else if (reason === 'expired_token') break;
    else throw new Failure(status >= 500 ? 3 : 1, reason, `the sign-in failed: ${reason}`);
  }
  throw new Failure(1, 'expired_token', 'the code expired: run gatehouse login again');
}
