// Opens sessions for a connector: the edge's last word before anything is dialled (law 2).
//
// What comes while others are being opened is opened together, so that a thousand clients at once
// cost a few writes and not thousands.

import type { AuditEvent } from '../../core/audit/audit.ts';
import { type FromConnector, type FromEdge, MAX_CONTROL_MESSAGE_BYTES } from '../../core/control.ts';
import type { ConnectorId, GrantId, SessionId } from '../../core/ids.ts';
import type { RefusalReason } from '../../core/refusal.ts';
import { MAX_SESSION_RULES_BYTES, type RuleInForce, sessionRules } from '../../core/policy/rules-in-force.ts';
import type { Resource } from '../../core/resource.ts';
import { err } from '../../core/result.ts';
import type { EndReason } from '../../core/recording/facts/session.ts';
import type { AdmittedSession } from '../../core/session-evidence.ts';
import type { AuditPort } from '../ports/audit.ts';
import type { GrantsPort, StoredGrant } from '../ports/grants.ts';
import type { WitnessPort } from '../ports/witness.ts';
import type { PolicyInForce } from '../ports/directory.ts';

/** `link`: over which it is asked. */
type OpenSession = Extract<FromConnector, { kind: 'session.open' }> & { readonly link: string };

interface SessionOpenerDeps {
  readonly connector: { readonly id: ConnectorId };
  readonly grants: Pick<GrantsPort, 'counted' | 'endSession' | 'findAll' | 'openAll'>;
  readonly audit: Pick<AuditPort, 'append' | 'appendAll'>;
  readonly witness: Pick<WitnessPort, 'admitAll' | 'recordNeverBegan'>;
  /** The resource, when this connector serves it. */
  serves(name: string): Promise<Resource | undefined>;
  fault(reason: string, details: Record<string, string>): Promise<void>;
  /** Whether the grant was revoked since this object woke: closes the gap between an admission under way and a push. */
  wasRevoked(grant: GrantId): boolean;
  readonly policy: PolicyReader;
  now(): number;
}

export interface PolicyReader {
  /** In force now. */
  read(): Promise<PolicyInForce | undefined>;
  /** The newest version that this object has heard of since it woke: closes the same gap for policies. */
  newestVersion(): number;
}

const MAX_OPENED_TOGETHER = 200;
/** Applied while sessions are being opened. Beyond, they are refused and may try again. */
const MAX_POLICIES_MEANWHILE = 3;
/** Beside the rules in one message. */
const MAX_OPENED_BYTES = MAX_CONTROL_MESSAGE_BYTES - MAX_SESSION_RULES_BYTES - 1024;

interface RefusedAfterAll {
  readonly session: SessionId;
  readonly reason: RefusalReason;
  readonly message: string;
}

interface Admitted {
  readonly message: OpenSession;
  readonly resource: Resource;
  readonly stored: StoredGrant;
}

const SENTENCES: Partial<Record<RefusalReason, string>> = {
  credentials_wrong: 'This grant is not known. Ask for access at the portal.',
  grant_revoked: 'This grant was revoked. Ask for access again at the portal.',
  grant_expired: 'This grant has ended. Ask for access again at the portal.',
  too_many_sessions: 'As many sessions as the policy allows run on this grant. Close one first.',
  resource_unknown: 'This connector does not serve that resource.',
  bad_request: 'The session was opened before.',
  edge_unreachable: 'The portal could not write the session down. Try again.',
};

/** What its end is called, in the words of recordings. */
const ENDED_FOR: Partial<Record<RefusalReason, EndReason>> = {
  edge_unreachable: 'log_failed',
  grant_expired: 'grant_expired',
  grant_revoked: 'grant_revoked',
  outside_time_window: 'time_window_over',
  policy_denied: 'policy_denied',
};

export class SessionOpener {
  readonly #deps: SessionOpenerDeps;
  readonly #waiting: {
    readonly message: OpenSession;
    readonly resolve: (answer: FromEdge) => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  /** Counted in and refused after all, with why. */
  readonly #takeBack: RefusedAfterAll[] = [];
  #busy = false;

  constructor(deps: SessionOpenerDeps) {
    this.#deps = deps;
  }

  /** Rejects when a part of the edge failed; then nothing was admitted. */
  open(message: OpenSession): Promise<FromEdge> {
    return new Promise<FromEdge>((resolve, reject) => {
      this.#waiting.push({ message, resolve, reject });
      if (!this.#busy) this.#openWaiting();
    });
  }

  /** Its admission could not be told: nobody carries it, so that nobody will report its end. */
  takeBack(session: SessionId): Promise<void> {
    const message = 'never begun: the link of its connector was gone before it could be told';
    return this.#closeUnbegun({ session, reason: 'edge_unreachable', message });
  }

  /** Never rejects. */
  async #openWaiting(): Promise<void> {
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_OPENED_TOGETHER);
      try {
        const answers = await this.#openTogether(batch.map(({ message }) => message));
        batch.forEach(({ message, resolve }) => {
          resolve(answers.get(message) ?? refused(message, 'bad_request'));
        });
        for (const each of this.#takeBack.splice(0))
          await this.#closeUnbegun(each).catch((error: unknown) => {
            console.error(
              `a refused session stays open: ${error instanceof Error ? error.message : 'unknown failure'}`,
            );
          });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#busy = false;
  }

  async #openTogether(messages: readonly OpenSession[]): Promise<Map<OpenSession, FromEdge>> {
    const { audit, connector, grants, witness } = this.#deps;
    const answers = new Map<OpenSession, FromEdge>();
    const served = await this.#whichServed(messages, answers);
    let underPolicy = this.#underPolicy(await this.#deps.policy.read());
    const openable = served.flatMap((asked) => {
      const under = underPolicy.rules(asked);
      if (under.ok) {
        const { exempt, viewOwn } = under.value.rule.record;
        return [{ ...asked, exempt: exempt !== undefined, viewOwn }];
      }
      answers.set(asked.message, refused(asked.message, under.error.reason, under.error.message));
      return [];
    });
    const opened = await grants.openAll(
      openable.map(({ message: { session, grant, client, link } }) => ({
        session,
        grant,
        address: client.address,
        link,
      })),
      connector.id,
    );
    const admitted: (Admitted & { readonly viewOwn: boolean })[] = [];
    for (const [index, { message, resource, exempt, viewOwn, stored }] of openable.entries()) {
      const result = opened[index];
      if (result?.ok)
        admitted.push({ message, resource, viewOwn, stored: exempt ? result.value : recorded(result.value) });
      else {
        const reason = result?.error ?? 'bad_request';
        answers.set(
          message,
          refused(message, reason, reason === 'too_many_sessions' ? await this.#tooMany(stored) : undefined),
        );
      }
    }
    if (admitted.length === 0) return answers;

    // Both before the connector hears yes: nothing is dialled that is not in the audit log and bound at the witness.
    const written = await Promise.all([
      witness.admitAll(
        admitted.map((each) => ({
          session: each.message.session,
          opened: writtenDown(each),
          viewOwn: each.viewOwn,
          retainDays: each.stored.grant.obligations.record.retainDays,
        })),
        connector.id,
      ),
      audit.appendAll(admitted.map(({ message, stored }) => openedEvent(message, stored, connector.id))),
    ]).catch(() => undefined);
    for (let tries = 0; this.#isOutdated(underPolicy) && tries < MAX_POLICIES_MEANWHILE; tries++)
      underPolicy = this.#underPolicy(await this.#deps.policy.read());
    // From here to the answers nothing is awaited: a revocation or a policy is either seen now, or pushed after them.
    for (const [index, { message, resource, stored }] of admitted.entries()) {
      const under = underPolicy.rules({ message, resource, stored });
      const reason: RefusalReason | undefined =
        !written || this.#isOutdated(underPolicy)
          ? 'edge_unreachable'
          : !written[0][index]
            ? 'bad_request'
            : this.#deps.wasRevoked(stored.grant.id)
              ? 'grant_revoked'
              : undefined;
      const answer = reason
        ? refused(message, reason)
        : !under.ok
          ? refused(message, under.error.reason, under.error.message)
          : admission(message, resource, stored, under.value);
      if (answer.kind === 'session.refused')
        this.#takeBack.push({ session: message.session, reason: answer.reason, message: answer.message });
      answers.set(message, answer);
    }
    return answers;
  }

  /** Those of a connector that is away may still run there (law 4): whoever waits is told for how long at most. */
  async #tooMany({ grant }: StoredGrant): Promise<string | undefined> {
    const { sessions, away, awayUntilMs } = await this.#deps.grants.counted(grant.id);
    if (awayUntilMs === undefined) return undefined;
    const some =
      away === 1
        ? 'one is of a connector that is away: it stops'
        : `${away} are of connectors that are away: the first stops`;
    const at = new Date(awayUntilMs).toISOString().slice(11, 16);
    return `${sessions} of ${grant.obligations.maxSessions ?? sessions} sessions run on this grant; ${some} counting at ${at} UTC, or when its connector is back without it.`;
  }

  /** It may be witnessed and in the audit log as opened: without its end it would pass for a recording that somebody removed. */
  async #closeUnbegun({ session, reason, message }: RefusedAfterAll): Promise<void> {
    const { audit, connector, grants, witness } = this.#deps;
    await grants.endSession(session, connector.id);
    const ended = ENDED_FOR[reason] ?? 'protocol_fault';
    const answer = await witness.recordNeverBegan(connector.id, { session, reason: ended });
    if (answer !== 'witnessed') return;
    await audit.append({
      kind: 'session.ended',
      actor: 'gatehouse',
      object: session,
      details: { reason: ended, message, neverBegan: true },
    });
  }

  #isOutdated({ version }: { readonly version: number }): boolean {
    return this.#deps.policy.newestVersion() > version;
  }

  #underPolicy(policy: PolicyInForce | undefined) {
    const version = policy?.version ?? 0;
    const ruleOf = policy && sessionRules(policy.document, version, this.#deps.now());
    return {
      version,
      rules: ({ message, resource, stored: { grant, identity } }: Admitted) =>
        ruleOf?.({ identity, resource, grantRule: grant.rule, clientAddress: message.client.address }) ??
        err({ reason: 'policy_denied' as const, message: 'No policy is in force.' }),
    };
  }

  /** Those on grants for resources of this connector. The others get their answer here. */
  async #whichServed(messages: readonly OpenSession[], answers: Map<OpenSession, FromEdge>): Promise<Admitted[]> {
    const ids = [...new Set(messages.map(({ grant }) => grant))];
    const found = await this.#deps.grants.findAll(ids);
    const names = [...new Set(found.flatMap((stored) => (stored ? [stored.grant.resource] : [])))];
    const served = new Map<string, Resource | undefined>();
    for (const name of names) served.set(name, await this.#deps.serves(name));
    const openable: Admitted[] = [];
    for (const message of messages) {
      const stored = found[ids.indexOf(message.grant)];
      const resource = stored && served.get(stored.grant.resource);
      if (stored && resource) openable.push({ message, resource, stored });
      else if (!stored) answers.set(message, refused(message, 'credentials_wrong'));
      else {
        await this.#deps.fault('session_of_foreign_resource', { grant: message.grant, session: message.session });
        answers.set(message, refused(message, 'resource_unknown'));
      }
    }
    return openable;
  }
}

const refused = ({ call }: OpenSession, reason: RefusalReason, message?: string): FromEdge => ({
  kind: 'session.refused',
  call,
  reason,
  message: message ?? SENTENCES[reason] ?? 'The session was refused.',
});

/** What later decides who may look, and what is shown, whatever the archive says. */
function writtenDown({ resource, stored: { grant, identity } }: Admitted): AdmittedSession {
  const { task, trace } = grant.labels;
  return {
    resource: grant.resource,
    protocol: resource.protocol,
    email: identity.email,
    subject: identity.subject,
    grant: grant.id,
    rule: grant.rule,
    reason: grant.reason,
    ...(task !== undefined && { task }),
    ...(trace !== undefined && { trace }),
    ...(grant.breakGlass && { breakGlass: true }),
  };
}

const openedEvent = (message: OpenSession, { grant }: StoredGrant, connector: ConnectorId): AuditEvent => ({
  kind: 'session.opened',
  actor: grant.email,
  object: message.session,
  details: {
    resource: grant.resource,
    grant: grant.id,
    connector,
    clientAddress: message.client.address,
    ...(grant.breakGlass && { breakGlass: true }),
    ...(grant.obligations.record.exempt !== undefined && { notRecorded: grant.obligations.record.exempt }),
  },
});

/** What masks hide is sealed to whom the policy in force names: a key that was taken out of it opens nothing that comes. */
function sealedTo({ grant, identity }: StoredGrant, rule: RuleInForce['rule']): StoredGrant {
  const { originals: _, ...record } = grant.obligations.record;
  const to = rule.record.originals?.to;
  const obligations = { ...grant.obligations, record: { ...record, ...(to && { originals: to }) } };
  return { grant: { ...grant, obligations }, identity };
}

/** Without an exemption from recording, which holds only where the grant and the policy in force both name it. */
function recorded({ grant, identity }: StoredGrant): StoredGrant {
  const { exempt: _, ...record } = grant.obligations.record;
  return { grant: { ...grant, obligations: { ...grant.obligations, record } }, identity };
}

function admission(
  message: OpenSession,
  resource: Resource,
  given: StoredGrant,
  { rule, rules }: RuleInForce,
): FromEdge {
  const { grant, identity } = sealedTo(rule.record.exempt === undefined ? recorded(given) : given, rule);
  const { id, request, reason, labels, until, policyVersion, obligations, breakGlass } = grant;
  const opened = {
    session: message.session,
    identity,
    grant: {
      id,
      request,
      reason,
      labels,
      until,
      rule: grant.rule,
      policyVersion,
      obligations,
      ...(breakGlass && { breakGlass }),
    },
    resource: grant.resource,
    protocol: resource.protocol,
  };
  if (new TextEncoder().encode(JSON.stringify(opened)).length > MAX_OPENED_BYTES)
    return refused(message, 'not_supported', 'Your identity has too many groups to be recorded with a session.');
  return { kind: 'session.admitted', call: message.call, opened, rules };
}
