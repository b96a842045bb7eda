// The session pipeline's edge in memory: issues and revokes grants, and keeps what was reported.

import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import type { GrantCandidate, Report } from '../../core/control.ts';
import { GRANT_SCRAM_ITERATIONS, secretDigest } from '../../core/grant.ts';
import { type GrantId, newId, type SessionId } from '../../core/ids.ts';
import type { SessionRules } from '../../core/policy/session-rules.ts';
import type { ProtocolName } from '../../core/protocols.ts';
import type { Refusal } from '../../core/refusal.ts';
import { ResourceName } from '../../core/resource.ts';
import { err, ok, type Result } from '../../core/result.ts';
import type { Claim } from '../../connector/door.ts';
import type { GrantCandidates } from '../../connector/session/prove.ts';
import type {
  SessionAdmission,
  AskedHold,
  AskedSignIn,
  Edge,
  Hold,
  HoldOutcome,
} from '../../connector/session/edge.ts';

interface Issued {
  readonly email: string;
  readonly resource: string;
  readonly secret: string;
  candidate: GrantCandidate;
}

export interface Held {
  readonly asked: AskedHold;
  decide(outcome: HoldOutcome): void;
}

interface MemorySignIn {
  readonly resource: string;
  readonly address: string;
  told(words: string): void;
  confirm(email: string): void;
  refuse(refusal: Refusal): void;
  /** Nobody waits for it any more. */
  readonly gone: Promise<void>;
}

const hmac = (key: string | Uint8Array, data: string): Buffer => createHmac('sha256', key).update(data).digest();

export class MemoryEdge implements Edge {
  readonly reports: Report[] = [];
  readonly opened: SessionId[] = [];
  /** Set: every call is refused with it. */
  away: Refusal | undefined;
  /** Set: sessions are refused with it. */
  refuseOpen: Refusal | undefined;
  /** Sessions that it was asked to open, answered or not. */
  asked = 0;
  #admitting: Promise<void> | undefined;
  /** What sessions stand under from now on; `applyRules` changes it for live ones too. */
  rules: SessionRules = { policyVersion: 1, rule: 'test', limits: {} };
  /** What sessions speak that it opens. */
  protocol: ProtocolName = 'postgres';
  /** Registered ones, by fingerprint: whose they are. */
  readonly keys = new Map<string, string>();
  askedOfKeys = 0;
  /** The public key that it signs certificates by, as it is on the wire. */
  authority: Uint8Array | undefined;
  /** Why sessions from now on are exempt from recording. */
  exempt: string | undefined;
  /** To whom what masks hide in sessions from now on is sealed. */
  originals: string[] | undefined;
  /** Clients whose person is to sign in by the browser, with how to answer them. */
  readonly signIns: MemorySignIn[] = [];
  /** Statements that wait, with how to decide on them. */
  readonly held: Held[] = [];
  readonly #grants: Issued[] = [];
  readonly #listeners = new Set<(grant: GrantId, reason: string) => void>();
  readonly #endListeners = new Set<Parameters<Edge['onSessionEnd']>[0]>();
  readonly #rulesListeners = new Set<Parameters<Edge['onRulesChanged']>[0]>();

  issue(options: { email?: string; resource?: string; until?: Date; secret?: string } = {}): {
    id: GrantId;
    secret: string;
  } {
    const email = options.email ?? 'alice@example.com';
    const resource = options.resource ?? 'demo';
    const secret = options.secret ?? `ght_${randomBytes(16).toString('hex')}`;
    const salted = pbkdf2Sync(secret, salt(email, resource), GRANT_SCRAM_ITERATIONS, 32, 'sha256');
    const id = newId('grt');
    this.#grants.push({
      email,
      resource,
      secret,
      candidate: {
        id,
        verifier: {
          storedKey: createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64'),
          serverKey: hmac(salted, 'Server Key').toString('base64'),
        },
        until: (options.until ?? new Date(Date.now() + 3_600_000)).toISOString(),
        revoked: false,
      },
    });
    return { id, secret };
  }

  /** Answers no openSession until the function that it gives is called. */
  stallOpen(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#admitting = promise;
    return resolve;
  }

  revoke(grant: GrantId, reason = 'no longer needed'): void {
    for (const issued of this.#grants)
      if (issued.candidate.id === grant) issued.candidate = { ...issued.candidate, revoked: true };
    for (const listener of this.#listeners) listener(grant, reason);
  }

  reported<K extends Report['kind']>(kind: K): Extract<Report, { kind: K }>[] {
    return this.reports.filter((report): report is Extract<Report, { kind: K }> => report.kind === kind);
  }

  async lookUp(claim: Claim, _protocol: ProtocolName): Promise<Result<GrantCandidates, Refusal>> {
    if (this.away) return err(this.away);
    const candidates = this.#grants
      .filter((issued) => issued.email === claim.email && issued.resource === claim.resource)
      .map(({ candidate }) => candidate);
    return ok({ salt: salt(claim.email, claim.resource), iterations: GRANT_SCRAM_ITERATIONS, candidates });
  }

  async find(digest: string, resource: ResourceName): ReturnType<Edge['find']> {
    if (this.away) return err(this.away);
    const digests = await Promise.all(this.#grants.map(({ secret }) => secretDigest(secret)));
    const issued = this.#grants.find((one, index) => one.resource === resource && digests[index] === digest);
    return ok({
      salt: salt(issued?.email ?? '', resource),
      iterations: GRANT_SCRAM_ITERATIONS,
      candidates: issued ? [issued.candidate] : [],
      email: issued?.email,
    });
  }

  async findOfKey(fingerprint: string, resource: ResourceName): ReturnType<Edge['findOfKey']> {
    this.askedOfKeys++;
    if (this.away) return err(this.away);
    const email = this.keys.get(fingerprint);
    const issued = this.#grants.findLast((one) => one.email === email && one.resource === resource);
    return ok(issued && { email: issued.email, grant: issued.candidate });
  }

  async signIn(resource: ResourceName, _: ProtocolName, address: string): ReturnType<Edge['signIn']> {
    if (this.away) return err(this.away);
    const { promise, resolve } = Promise.withResolvers<Awaited<ReturnType<AskedSignIn['outcome']>>>();
    const userCode = 'BCDF-GHJK';
    return ok({
      link: 'https://gatehouse.test/device',
      userCode,
      outcome: (signal, told) => {
        const gone = new Promise<void>((left) => signal.addEventListener('abort', () => left(), { once: true }));
        const refuse = (refusal: Refusal) => resolve(err(refusal));
        void gone.then(() => refuse({ reason: 'deadline_exceeded', message: 'It left.' }));
        this.signIns.push({
          ...{ resource, address, told, refuse, gone },
          confirm: (email) => {
            const issued = this.#grants.findLast((one) => one.email === email && one.resource === resource);
            if (issued) resolve(ok({ email, grant: issued.candidate }));
          },
        });
        return promise;
      },
    });
  }

  async userAuthority(): ReturnType<Edge['userAuthority']> {
    return this.away ? err(this.away) : ok(this.authority);
  }

  async openSession({ session, grant }: Parameters<Edge['openSession']>[0]): ReturnType<Edge['openSession']> {
    this.asked++;
    const issued = this.#grants.find(({ candidate }) => candidate.id === grant);
    // Revoked later, it is decided already, and the answer is only late.
    const revoked = issued?.candidate.revoked;
    await this.#admitting;
    const refusal = this.away ?? this.refuseOpen;
    if (refusal) return err(refusal);
    if (!issued) return err({ reason: 'credentials_wrong', message: 'No such grant.' });
    if (revoked) return err({ reason: 'grant_revoked', message: 'This grant was revoked.' });
    this.opened.push(session);
    const opened: SessionAdmission = {
      session,
      identity: {
        subject: `idp#${issued.email}`,
        email: issued.email,
        name: issued.email,
        groups: [],
        provider: 'demo',
      },
      grant: {
        id: grant,
        request: newId('req'),
        reason: 'test',
        labels: {},
        until: issued.candidate.until,
        rule: 'test',
        policyVersion: 1,
        obligations: {
          record: {
            retainDays: 1,
            ...(this.exempt !== undefined && { exempt: this.exempt }),
            ...(this.originals && { originals: this.originals }),
          },
        },
      },
      resource: ResourceName.parse(issued.resource),
      protocol: this.protocol,
    };
    return ok({ opened, rules: this.rules });
  }

  /** Another policy is in force, for live sessions too; undefined: one without access. */
  applyRules(rules: SessionRules | undefined): void {
    if (rules) this.rules = rules;
    for (const listener of this.#rulesListeners) listener(this.opened, rules);
  }

  onRulesChanged(listener: Parameters<Edge['onRulesChanged']>[0]): () => void {
    this.#rulesListeners.add(listener);
    return () => this.#rulesListeners.delete(listener);
  }

  hold(asked: AskedHold): Hold {
    const { promise: outcome, resolve } = Promise.withResolvers<HoldOutcome>();
    this.held.push({ asked, decide: resolve });
    return {
      link: Promise.resolve(`https://gatehouse.test/requests/${asked.request}`),
      outcome,
      withdraw: () => resolve({ kind: 'withdrawn', by: [], comment: '' }),
    };
  }

  endSession(session: SessionId, by: string, reason: string): void {
    for (const listener of this.#endListeners) listener(session, by, reason);
  }

  onSessionEnd(listener: Parameters<Edge['onSessionEnd']>[0]): () => void {
    this.#endListeners.add(listener);
    return () => this.#endListeners.delete(listener);
  }

  report(report: Report): void {
    this.reports.push(report);
  }

  onGrantRevoked(listener: (grant: GrantId, reason: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

const salt = (email: string, resource: string): Buffer => hmac('test', `${email}\n${resource}`).subarray(0, 16);
