// A connector's one client of Vault: logs in, keeps its token alive while something needs it, and logs in anew when it is
// refused. Vault ends the leases of a token with the token, so one that has leases is renewed for their sake.

import { err, ok, type Result } from '../../../core/result.ts';
import type { AwsIdentity } from '../aws/identity.ts';
import type { Credential, CredentialSource } from '../credential.ts';
import type { Logger } from '../../logger.ts';
import { field, issuedToken, type IssuedToken, loginBody, type VaultAuth } from './vault-auth.ts';
import { callVault, type VaultCall, type VaultFault, vaultPath, type VaultPlace } from './vault-http.ts';

export interface VaultSettings extends VaultPlace {
  readonly auth: VaultAuth;
}

interface VaultDeps {
  readonly settings: VaultSettings;
  /** Of the secrets by which it logs in. */
  readonly credential: (source: CredentialSource) => Credential;
  readonly aws: () => Promise<AwsIdentity>;
  readonly log: Logger;
  readonly now?: () => number;
}

/** Of a token that was issued to this connector. */
interface HeldToken extends IssuedToken {
  readonly issuedAt: number;
  /** What it is renewed to; milliseconds. */
  endsAt: number;
  leases: number;
  timer: NodeJS.Timeout | undefined;
  renewing: boolean;
}

type Asked = Omit<VaultCall, 'token'>;
/** `hold`: the token is kept alive until `release`; for answers with a lease. */
interface VaultAnswer {
  readonly answer: unknown;
  hold(): () => void;
}

/** A token is renewed when half of its time is over, and not used for anything new in its last tenth. */
const RENEW_AT = 0.5;
const USED_UNTIL = 0.9;
/** No timer waits longer. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class VaultClient {
  readonly #deps: VaultDeps;
  readonly #now: () => number;
  #held: HeldToken | undefined;
  #loggingIn: Promise<Result<HeldToken, VaultFault>> | undefined;

  constructor(deps: VaultDeps) {
    this.#deps = deps;
    this.#now = deps.now ?? (() => performance.now());
  }

  get address(): string {
    return this.#deps.settings.address;
  }

  /** Never throws. A token that Vault does not take is replaced once. */
  async call(asked: Asked): Promise<Result<VaultAnswer, VaultFault>> {
    const { settings } = this.#deps;
    if (settings.auth.kind === 'token') {
      const token = await this.#deps.credential(settings.auth.token).fetch();
      if (!token.ok) return err({ status: undefined, message: token.error.message, said: '' });
      const answer = await callVault(settings, { ...asked, token: token.value });
      // Whoever keeps the token keeps it alive.
      return answer.ok ? ok({ answer: answer.value, hold: () => () => {} }) : answer;
    }
    for (let again = false; ; again = true) {
      const held = await this.#token();
      if (!held.ok) return held;
      const answer = await callVault(settings, { ...asked, token: held.value.token });
      if (answer.ok) return ok({ answer: answer.value, hold: () => this.#hold(held.value) });
      // It says the same of a token that it does not know any more and of one that may not.
      if (answer.error.status !== 403 || again) return answer;
      if (this.#held === held.value) this.#held = undefined;
    }
  }

  async #token(): Promise<Result<HeldToken, VaultFault>> {
    const held = this.#held;
    if (held) {
      const left = held.endsAt - this.#now();
      if (held.seconds === 0 || left > (1 - USED_UNTIL) * held.seconds * 1000) return ok(held);
    }
    this.#loggingIn ??= this.#logIn().finally(() => {
      this.#loggingIn = undefined;
    });
    return this.#loggingIn;
  }

  async #logIn(): Promise<Result<HeldToken, VaultFault>> {
    const { settings, credential, aws } = this.#deps;
    const { auth } = settings;
    if (auth.kind === 'token') throw new Error('a token in a file is not logged in with');
    const body = await loginBody(auth, credential, aws);
    const failed = (fault: VaultFault) =>
      err({ ...fault, message: `the login by ${auth.kind} failed: ${fault.message}` });
    if (!body.ok) return failed({ status: undefined, message: body.error, said: '' });
    const path = `auth/${vaultPath(auth.mount)}/login`;
    const answer = await callVault(settings, { method: 'POST', path, body: body.value, token: undefined });
    if (!answer.ok) return failed(answer.error);
    const issued = issuedToken(answer.value);
    if (!issued) return failed({ status: undefined, message: 'its answer holds no token', said: '' });
    const now = this.#now();
    const held = { ...issued, issuedAt: now, endsAt: now + issued.seconds * 1000, leases: 0, renewing: false };
    this.#held = { ...held, timer: undefined };
    this.#keep(this.#held);
    return ok(this.#held);
  }

  #hold(held: HeldToken): () => void {
    held.leases++;
    let released = false;
    return () => {
      if (!released) held.leases--;
      released = true;
    };
  }

  #keep(held: HeldToken): void {
    if (!held.renewable || held.seconds === 0) return;
    const left = held.endsAt - this.#now();
    held.timer = setTimeout(() => void this.#renew(held), Math.min(MAX_TIMER_MS, Math.max(1_000, left * RENEW_AT)));
    held.timer.unref();
  }

  async #renew(held: HeldToken): Promise<void> {
    // One that nobody uses any more ends by itself.
    if (held.leases === 0 && this.#held !== held) return;
    const renewed = await callVault(this.#deps.settings, {
      ...{ method: 'POST', path: 'auth/token/renew-self', body: {}, token: held.token },
    });
    if (renewed.ok) {
      const seconds = field(field(renewed.value, 'auth'), 'lease_duration');
      if (typeof seconds === 'number') held.endsAt = this.#now() + seconds * 1000;
    }
    const over = held.endsAt - this.#now() < 2_000;
    if (!over) return this.#keep(held);
    // Past its longest time a new one is asked for, by whoever needs it next.
    if (this.#held === held) this.#held = undefined;
    if (held.leases > 0)
      this.#deps.log.warn('vault.token_ended', {
        leases: held.leases,
        message: `Vault ends the connector's token, and with it the users of ${held.leases} sessions: give its role a period, or a longer token_max_ttl`,
      });
  }
}
