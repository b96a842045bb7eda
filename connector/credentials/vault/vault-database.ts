// Logins by Vault's database engine. Of a dynamic role: a user made for one session, whose lease is renewed while it lives and
// revoked when it is over. Of a static role: a user that stays, whose password Vault rotates.
// https://developer.hashicorp.com/vault/api-docs/secret/databases#generate-credentials

import { err, ok, type Result } from '../../../core/result.ts';
import { secret } from '../../../core/secret.ts';
import type { CredentialFault, LoginKeeper, OpenLogin, SessionScope, TargetLogin } from '../credential.ts';
import { cachedSecretStore, credentialFault, type SecretStore } from '../secret-store.ts';
import { field } from './vault-auth.ts';
import type { VaultClient } from './vault-client.ts';
import { type VaultFault, vaultPath } from './vault-http.ts';

interface VaultRole {
  readonly mount: string;
  readonly role: string;
}

/** Of a session. A target that refuses the user of this moment (it has not been told of it yet) may take the next one. */
const MAX_USERS = 2;
const MAX_TIMER_MS = 2 ** 31 - 1;
/** A revocation that fails is tried again; then Vault itself ends the lease at its time. */
const REVOKE_AFTER_MS = [0, 1_000, 5_000, 30_000];

export function vaultDynamicLogin(client: VaultClient, { mount, role }: VaultRole): OpenLogin {
  const name = `Vault role ${mount}/creds/${role}`;
  return (_, scope) => {
    let current: Promise<Result<Leased, CredentialFault>> | undefined;
    let made = 0;
    const make = async (): Promise<Result<Leased, CredentialFault>> => {
      if (scope.over.aborted) return credentialFault(`${name}: the session is over`);
      const answer = await client.call({ method: 'GET', path: `${vaultPath(mount)}/creds/${vaultPath(role)}` });
      if (!answer.ok) return fetchFault(name, answer.error, client);
      const leased = readLease(answer.value.answer);
      if (!leased) return credentialFault(`${name}: the answer of ${client.address} is not understood`);
      made++;
      return ok(new Leased(leased, { client, scope, name, release: answer.value.hold() }));
    };
    const keeper: LoginKeeper = {
      made: { by: 'vault', role },
      async next(refused) {
        const known = await current;
        // The first is kept until the end: a connection of the session may be in by it.
        const isRefused = known?.ok && known.value.login.user === refused?.user && made < MAX_USERS;
        if (!known?.ok || isRefused) current = undefined;
        current ??= make();
        const leased = await current;
        return leased.ok ? ok(leased.value.login) : leased;
      },
    };
    return keeper;
  };
}

interface Lease {
  readonly id: string;
  readonly seconds: number;
  readonly renewable: boolean;
  readonly login: TargetLogin;
}

function readLease(answer: unknown): Lease | undefined {
  const [id, seconds, data] = [field(answer, 'lease_id'), field(answer, 'lease_duration'), field(answer, 'data')];
  const [user, password] = [field(data, 'username'), field(data, 'password')];
  if (typeof id !== 'string' || typeof seconds !== 'number') return undefined;
  if (typeof user !== 'string' || user === '' || typeof password !== 'string') return undefined;
  return { id, seconds, renewable: field(answer, 'renewable') === true, login: { user, password: secret(password) } };
}

interface LeaseDeps {
  readonly client: VaultClient;
  readonly scope: SessionScope;
  readonly name: string;
  /** Of the token. */
  readonly release: () => void;
}

/** One lease, from its answer until it is given back. */
class Leased {
  readonly login: TargetLogin;
  readonly #lease: Lease;
  readonly #deps: LeaseDeps;
  #endsAt: number;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(lease: Lease, deps: LeaseDeps) {
    this.login = lease.login;
    this.#lease = lease;
    this.#deps = deps;
    this.#endsAt = performance.now() + lease.seconds * 1000;
    const { over } = deps.scope;
    if (over.aborted) this.giveBack();
    else {
      over.addEventListener('abort', () => this.giveBack(), { once: true });
      this.#keep();
    }
  }

  /** Half of what is left, so that a Vault which is away for a moment is asked again in time. */
  #keep(): void {
    const left = this.#endsAt - performance.now();
    if (this.#lease.seconds === 0) return;
    if (!this.#lease.renewable) {
      this.#tellEnd('the lease is not renewable');
      return;
    }
    this.#timer = setTimeout(() => void this.#renew(), Math.min(MAX_TIMER_MS, Math.max(200, left / 2)));
    this.#timer.unref();
  }

  async #renew(): Promise<void> {
    const { id, seconds } = this.#lease;
    const body = { lease_id: id, increment: seconds };
    const renewed = await this.#deps.client.call({ method: 'PUT', path: 'sys/leases/renew', body });
    if (this.#over) return;
    if (renewed.ok) {
      const given = field(renewed.value.answer, 'lease_duration');
      if (typeof given === 'number') this.#endsAt = performance.now() + given * 1000;
      // Vault gives what is left of the longest time.
      const isLast = typeof given === 'number' && given < Math.min(seconds / 2, 60);
      return isLast ? this.#tellEnd('its max_ttl is near') : this.#keep();
    }
    const { status, message, said } = renewed.error;
    if (status === 400)
      return this.#tellEnd(
        /not renewable/.test(said) ? 'the lease is not renewable' : 'Vault does not know the lease any more',
      );
    if (performance.now() >= this.#endsAt - 500) return this.#tellEnd(message);
    this.#keep();
  }

  /** The session goes on: connections that are there are the target's to end. */
  #tellEnd(why: string): void {
    const { scope, name } = this.#deps;
    const left = Math.max(0, Math.round((this.#endsAt - performance.now()) / 1000));
    if (Date.now() + left * 1000 >= scope.untilMs) return;
    scope.onFault(
      `${name}: the user of session ${scope.id} ends in ${left} s, before its grant: ${why}. Raise default_ttl and max_ttl of the role`,
    );
  }

  giveBack(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#deps.scope.givingBack(this.#revoke());
  }

  async #revoke(): Promise<void> {
    try {
      await this.#tryToRevoke();
    } finally {
      this.#deps.release();
    }
  }

  async #tryToRevoke(): Promise<void> {
    const { client, scope, name } = this.#deps;
    let last: VaultFault | undefined;
    for (const wait of REVOKE_AFTER_MS) {
      if (performance.now() + wait >= this.#endsAt && this.#lease.seconds > 0) break;
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait).unref());
      const revoked = await client.call({
        method: 'PUT',
        path: 'sys/leases/revoke',
        body: { lease_id: this.#lease.id },
      });
      if (revoked.ok) return;
      last = revoked.error;
      // It has ended by itself.
      if (last.status === 400) return;
    }
    if (last)
      scope.onFault(
        `${name}: the user of session ${scope.id} could not be revoked (${last.message}): Vault ends it with its lease`,
      );
  }
}

/** Answers of `static-creds` as JSON, by mount and role. */
export function vaultStaticStore(client: VaultClient, now?: () => number): SecretStore {
  return cachedSecretStore(async (id) => {
    const [mount, role]: [string, string] = JSON.parse(id);
    const path = `${vaultPath(mount)}/static-creds/${vaultPath(role)}`;
    const answer = await client.call({ method: 'GET', path });
    if (!answer.ok) return fetchFault(`Vault role ${mount}/static-creds/${role}`, answer.error, client);
    return ok(secret(JSON.stringify(field(answer.value.answer, 'data') ?? {})));
  }, now);
}

export function vaultStaticLogin(store: SecretStore, { mount, role }: VaultRole): OpenLogin {
  return () => ({
    async next(refused) {
      const answer = await store.get(JSON.stringify([mount, role]), refused?.password);
      if (!answer.ok) return answer;
      const data: unknown = JSON.parse(answer.value.reveal());
      const [user, password] = [field(data, 'username'), field(data, 'password')];
      if (typeof user !== 'string' || user === '' || typeof password !== 'string')
        return credentialFault(`Vault role ${mount}/static-creds/${role} holds no username and password`);
      return ok({ user, password: secret(password) });
    },
  });
}

const fetchFault = (name: string, { status, message, said }: VaultFault, { address }: VaultClient) =>
  err({
    reason: 'credential_unavailable' as const,
    message:
      status === 400 && /unknown role/.test(said)
        ? `${name} is not known at ${address}: see mount and role`
        : `${name} gave no login: ${message} (${address})`,
  });
