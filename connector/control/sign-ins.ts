// Sign-ins by the browser, asked of the edge over the control link.

import { setTimeout as wait } from 'node:timers/promises';
import type { GrantId } from '../../core/ids.ts';
import type { ProtocolName } from '../../core/protocols.ts';
import type { Refusal } from '../../core/refusal.ts';
import type { ResourceName } from '../../core/resource.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { AskedSignIn } from '../session/edge.ts';
import type { LinkConnection } from './link-connection.ts';

interface SignInDeps {
  /** Waits for one only while it is about to come. */
  link(): Promise<LinkConnection | undefined>;
  /** Whether this edge has sign-ins. */
  offered(): boolean;
  isRevoked(grant: GrantId): boolean;
  readonly unreachable: Refusal;
  readonly lookEveryMs: number;
}

interface Asked {
  readonly resource: ResourceName;
  readonly protocol: ProtocolName;
  readonly address: string;
}

export async function askSignIn(deps: SignInDeps, asked: Asked): Promise<Result<AskedSignIn, Refusal>> {
  const link = await deps.link();
  if (!link) return err(deps.unreachable);
  if (!deps.offered()) return err(EARLIER);
  const answer = await link.call({ kind: 'sign_in.ask', ...asked, address: asked.address.slice(0, 64) });
  if (answer?.kind === 'sign_in.refused') return err({ reason: answer.reason, message: answer.message });
  if (answer?.kind !== 'sign_in.asked') return err(deps.unreachable);
  const { signIn, userCode } = answer;
  return ok({ link: answer.link, userCode, outcome: (signal, told) => outcomeOf(deps, signIn, signal, told) });
}

async function outcomeOf(
  deps: SignInDeps,
  signIn: string,
  signal: AbortSignal,
  told: (words: string) => void,
): ReturnType<AskedSignIn['outcome']> {
  let said: string | undefined;
  for (;;) {
    if (signal.aborted) return err(LATE);
    const answer = await (await deps.link())?.call({ kind: 'sign_in.look', signIn });
    if (answer?.kind !== 'sign_in.standing') return err(deps.unreachable);
    const { state, granted, message } = answer;
    if (state === 'granted' && granted) {
      const { email, grant } = granted;
      return ok({ email, grant: deps.isRevoked(grant.id) ? { ...grant, revoked: true } : grant });
    }
    if (state === 'denied') return err(DENIED);
    if (state === 'expired') return err(LATE);
    if (message !== undefined && message !== said) told(message);
    said = message;
    await wait(deps.lookEveryMs, undefined, { signal }).catch(() => {});
  }
}

const EARLIER: Refusal = {
  reason: 'not_supported',
  message: 'The portal is of an earlier release, which signs nobody in by the browser: use a grant as the password.',
};
const DENIED: Refusal = {
  reason: 'credentials_wrong',
  message: 'Somebody turned this sign-in away in the portal.',
};
const LATE: Refusal = {
  reason: 'deadline_exceeded',
  message: 'Nobody confirmed this sign-in in time. Connect again, or use a grant as the password.',
};
