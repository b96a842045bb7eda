// Becoming known to the edge, once: a one-time token, or the AWS identity that this process runs as, is shown together with the
// connector's own public key, and the id that comes back is kept.

import { readFileSync } from 'node:fs';
import { err, ok, type Result } from '../../core/result.ts';
import { secret, type Secret } from '../../core/secret.ts';
import type { ConnectorConfig } from '../config/settings.ts';
import type { Logger } from '../logger.ts';
import { type ConnectorIdentity, saveJoined } from '../state/identity.ts';
import { createBackoff } from './backoff.ts';
import type { ConnectorId } from '../../core/ids.ts';
import { type EdgeFault, joinEdge, requestIamNonce, sendIamJoin } from './edge-http.ts';
import { type AwsCredentials, awsCredentials, signIdentity } from '../credentials/iam-identity.ts';

interface JoinFault {
  readonly kind: 'refused' | 'unreachable';
  /** One sentence for the operator. */
  readonly message: string;
}

export type JoinedIdentity = ConnectorIdentity & { readonly joined: NonNullable<ConnectorIdentity['joined']> };

/** How long a first start waits for an edge that does not answer. */
const GIVE_UP_AFTER_MS = 60_000;

export async function ensureJoined(input: {
  readonly identity: ConnectorIdentity;
  readonly config: Pick<ConnectorConfig, 'name' | 'edge' | 'state' | 'join'> & Partial<Pick<ConnectorConfig, 'site'>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly giveUpAfterMs?: number;
  /** undefined: as the AWS SDK finds them. */
  readonly credentials?: (region: string) => Promise<AwsCredentials | undefined>;
}): Promise<Result<JoinedIdentity, JoinFault>> {
  const { identity, config, log } = input;
  if (identity.joined !== undefined) {
    if (identity.joined.edge !== config.edge) {
      const message = `state directory ${config.state} belongs to a connector of ${identity.joined.edge}, not of ${config.edge}: set that edge, or give another --state to join anew`;
      return err({ kind: 'refused', message });
    }
    return ok({ ...identity, joined: identity.joined });
  }

  const asked = askOf(input);
  if (!asked.ok) return err({ kind: 'refused', message: asked.error });

  const giveUpAt = performance.now() + (input.giveUpAfterMs ?? GIVE_UP_AFTER_MS);
  const backoff = createBackoff({ baseMs: 500, capMs: 5_000, random: Math.random });
  for (;;) {
    const answer = await asked.value.join();
    if (answer.ok) {
      const joined = { connector: answer.value, edge: config.edge, at: new Date().toISOString() };
      const saved = saveJoined(config.state, identity, joined);
      if (!saved.ok) return err({ kind: 'refused', message: saved.error });
      log.info('connector.joined', { connector: joined.connector, edge: config.edge });
      return ok({ ...saved.value, joined });
    }
    if (answer.error.kind === 'refused') {
      return err({ kind: 'refused', message: asked.value.refusal(answer.error.message.replace(/\.$/, '')) });
    }
    const delay = backoff.nextMs();
    if (performance.now() + delay > giveUpAt) {
      return err({ kind: 'unreachable', message: `cannot join: ${answer.error.message}` });
    }
    log.warn('connector.not_joined', { message: answer.error.message, retryInMs: delay });
    await new Promise((resolve) => setTimeout(resolve, delay));
  }
}

interface Ask {
  join(): Promise<Result<ConnectorId, EdgeFault>>;
  /** For the operator; `said`: by the edge, without its full stop. */
  refusal(said: string): string;
}

function askOf(input: Parameters<typeof ensureJoined>[0]): Result<Ask, string> {
  const { edge, name, site, join } = input.config;
  const key = input.identity.publicKey;
  if (join.kind !== 'iam') {
    const token = readToken(join, input.environment);
    if (!token.ok) return token;
    return ok({
      join: () => joinEdge(edge, { token: token.value, name, site, key }),
      refusal: (said) =>
        `the edge refused the join token: ${said}. A token works once and for a short time: make a new one in the portal`,
    });
  }
  const { region } = join;
  const credentials = input.credentials ?? awsCredentials;
  return ok({
    async join() {
      const own = await credentials(region);
      // An instance's or a task's come a moment after it starts.
      if (!own) return err({ kind: 'unreachable', message: 'this process has no AWS credentials: give it a role' });
      const nonce = await requestIamNonce(edge, key);
      if (!nonce.ok) return nonce;
      const signed = await signIdentity({ edge, name, key, nonce: nonce.value, region }, own, Date.now());
      return signed.ok ? sendIamJoin(edge, signed.value) : err({ kind: 'refused', message: signed.error });
    },
    refusal: (said) => `the edge does not take this AWS identity: ${said}`,
  });
}

export function readToken(
  from: Exclude<ConnectorConfig['join'], { kind: 'iam' }>,
  environment: Readonly<Record<string, string | undefined>>,
): Result<Secret<string>, string> {
  const hint = 'this connector has not joined the edge yet: make a join token in the portal and';
  if (from.kind === 'env') {
    const value = environment[from.name]?.trim();
    return value ? ok(secret(value)) : err(`${hint} set ${from.name}`);
  }
  try {
    const value = readFileSync(from.path, 'utf8').trim();
    return value ? ok(secret(value)) : err(`${from.path} is empty: ${hint} write it there`);
  } catch (error) {
    return err(
      `${from.path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'}): ${hint} write it there`,
    );
  }
}
