// What the edge answers to a connector, message by message. Knows nothing of sockets: the Durable
// Object in objects/connector-link.ts carries the messages.
//
// A connector is believed about its own sessions and resources only (law 9: nothing here names
// anything to dial).

import type { AuditEvent } from '../../core/audit.ts';
import type { FromConnector, FromEdge, GrantCandidate, Report } from '../../core/control.ts';
import { GRANT_SCRAM_ITERATIONS } from '../../core/grant.ts';
import type { ConnectorId, GrantId, SessionId } from '../../core/ids.ts';
import { Email } from '../../core/identity.ts';
import type { RefusalReason } from '../../core/refusal.ts';
import type { Resource } from '../../core/resource.ts';
import { unreachable } from '../../core/result.ts';
import type { AuditLog } from '../objects/audit-log.ts';
import type { Directory } from '../objects/directory.ts';
import type { Grants, StoredGrant } from '../objects/grants.ts';
import type { Remote } from '../objects/rpc.ts';
import type { Witness, WitnessAnswer } from '../objects/witness.ts';

type Message<K extends FromConnector['kind']> = Extract<FromConnector, { kind: K }>;
type OpenSession = Message<'session.open'>;

export interface LinkDeps {
  readonly connector: { readonly id: ConnectorId; readonly name: string };
  readonly directory: Pick<Remote<Directory>, 'announce' | 'connectorSeen' | 'policy' | 'resource'>;
  readonly grants: Pick<Remote<Grants>, 'candidates' | 'endSession' | 'findAll' | 'openAll' | 'resume'>;
  readonly audit: Pick<Remote<AuditLog>, 'append' | 'appendAll'>;
  readonly witness: Pick<Remote<Witness>, 'admitAll' | 'recordHead' | 'recordManifest'>;
  /** Base64, see keys.ts. */
  salt(email: string, resource: string): Promise<string>;
  /** Whether the grant was revoked since this object woke: closes the gap between an admission under way and a push. */
  wasRevoked(grant: GrantId): boolean;
  /** false when this very report was taken before. */
  isNewReport(seq: number, report: Report): Promise<boolean>;
}

const SENTENCES: Partial<Record<RefusalReason, string>> = {
  credentials_wrong: 'This grant is not known. Ask for access at the portal.',
  grant_revoked: 'This grant was revoked. Ask for access again at the portal.',
  grant_expired: 'This grant has ended. Ask for access again at the portal.',
  too_many_sessions: 'As many sessions as the policy allows run on this grant. Close one first.',
  resource_unknown: 'This connector does not serve that resource.',
  bad_request: 'The session was opened before.',
  edge_unreachable: 'The session could not be written to the audit log. Try again.',
};

const MAX_OPENED_TOGETHER = 200;

export class LinkConversation {
  readonly #deps: LinkDeps;
  readonly #actor: string;
  readonly #waiting: {
    readonly message: OpenSession;
    readonly resolve: (answer: FromEdge) => void;
    readonly reject: (error: unknown) => void;
  }[] = [];
  #opening: Promise<void> | undefined;

  constructor(deps: LinkDeps) {
    this.#deps = deps;
    this.#actor = `connector:${deps.connector.id}`;
  }

  async hello(message: Message<'hello'>): Promise<FromEdge[]> {
    const { audit, connector, directory, grants } = this.#deps;
    await audit.append({
      kind: 'connector.linked',
      actor: this.#actor,
      object: connector.name,
      details: { build: message.build, resources: message.resources.length, live: message.live.length },
    });
    await directory.connectorSeen(connector.id, message.build);
    const announced = await directory.announce(connector.id, uniqueByName(message.resources));
    for (const name of announced.refused) await this.#fault('resource_name_taken', { resource: name });
    for (const name of announced.takenOver) await this.#fault('resource_taken_over', { resource: name });
    const missed = await grants.resume(connector.id, message.live);
    for (const session of missed.unknown) await this.#fault('session_unknown', { session });
    const policy = await directory.policy();
    return [
      { kind: 'welcome', policyVersion: policy?.version ?? 0 },
      ...missed.revoked.map((gone) => ({ kind: 'grant.revoked' as const, grant: gone.grant, reason: gone.reason })),
    ];
  }

  async lookUp(message: Message<'grants.look_up'>): Promise<FromEdge> {
    const email = Email.safeParse(message.email).data ?? message.email.toLowerCase();
    const [salt, served] = await Promise.all([
      this.#deps.salt(email, message.resource),
      this.#serves(message.resource),
    ]);
    const candidates: GrantCandidate[] =
      served?.protocol === message.protocol ? await this.#deps.grants.candidates(email, message.resource) : [];
    return { kind: 'grants.found', call: message.call, salt, iterations: GRANT_SCRAM_ITERATIONS, candidates };
  }

  /** What comes while others are being opened is opened together: a few writes for all of them. */
  openSession(message: OpenSession): Promise<FromEdge> {
    const answer = new Promise<FromEdge>((resolve, reject) => {
      this.#waiting.push({ message, resolve, reject });
    });
    this.#opening ??= this.#openWaiting().finally(() => {
      this.#opening = undefined;
    });
    return answer;
  }

  async #openWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, MAX_OPENED_TOGETHER);
      try {
        const answers = await this.#openTogether(batch.map(({ message }) => message));
        batch.forEach(({ message, resolve }) => {
          resolve(answers.get(message) ?? refused(message, 'bad_request'));
        });
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
  }

  async #openTogether(messages: readonly OpenSession[]): Promise<Map<OpenSession, FromEdge>> {
    const { audit, connector, grants, witness } = this.#deps;
    const answers = new Map<OpenSession, FromEdge>();
    const openable = await this.#whichServed(messages, answers);
    const opened = await grants.openAll(
      openable.map(({ message }) => pickIds(message)),
      connector.id,
    );
    const admitted: { message: OpenSession; resource: Resource; stored: StoredGrant }[] = [];
    openable.forEach(({ message, resource }, index) => {
      const result = opened[index];
      if (result?.ok) admitted.push({ message, resource, stored: result.value });
      else answers.set(message, refused(message, result?.error ?? 'bad_request'));
    });
    if (admitted.length === 0) return answers;

    // Both before the connector hears yes: nothing is dialled that is not in the audit log and bound at the witness.
    const written = await Promise.all([
      witness.admitAll(
        admitted.map(({ message }) => message.session),
        connector.id,
      ),
      audit.appendAll(admitted.map(({ message, stored }) => openedEvent(message, stored, connector.id))),
    ]).catch(() => undefined);
    for (const [index, { message, resource, stored }] of admitted.entries()) {
      const reason: RefusalReason | undefined = !written
        ? 'edge_unreachable'
        : !written[0][index]
          ? 'bad_request'
          : this.#deps.wasRevoked(stored.grant.id)
            ? 'grant_revoked'
            : undefined;
      if (reason) await grants.endSession(message.session, connector.id);
      answers.set(message, reason ? refused(message, reason) : admission(message, resource, stored));
    }
    return answers;
  }

  /** Those on grants for resources of this connector. The others get their answer here. */
  async #whichServed(
    messages: readonly OpenSession[],
    answers: Map<OpenSession, FromEdge>,
  ): Promise<{ message: OpenSession; resource: Resource }[]> {
    const ids = [...new Set(messages.map(({ grant }) => grant))];
    const found = await this.#deps.grants.findAll(ids);
    const names = [...new Set(found.flatMap((stored) => (stored ? [stored.grant.resource] : [])))];
    const served = new Map<string, Resource | undefined>();
    for (const name of names) served.set(name, await this.#serves(name));
    const openable: { message: OpenSession; resource: Resource }[] = [];
    for (const message of messages) {
      const stored = found[ids.indexOf(message.grant)];
      const resource = stored && served.get(stored.grant.resource);
      if (resource) openable.push({ message, resource });
      else if (!stored) answers.set(message, refused(message, 'credentials_wrong'));
      else {
        await this.#fault('session_of_foreign_resource', { grant: message.grant, session: message.session });
        answers.set(message, refused(message, 'resource_unknown'));
      }
    }
    return openable;
  }

  /** Resolves once the report is where it belongs; only then may it be acknowledged. */
  async take(seq: number, report: Report): Promise<void> {
    const { connector, grants, witness } = this.#deps;
    switch (report.kind) {
      case 'segment.stored':
        return this.#judge(report, await witness.recordHead(connector.id, report), {
          number: report.number,
          digest: report.digest,
        });
      case 'manifest.stored':
        return this.#judge(report, await witness.recordManifest(connector.id, report), { digest: report.digest });
      case 'session.ended': {
        const ended = await grants.endSession(report.session, connector.id);
        if (await this.#deps.isNewReport(seq, report)) {
          await this.#deps.audit.append({
            kind: 'session.ended',
            actor: this.#actor,
            object: report.session,
            details: {
              reason: report.reason,
              message: report.message,
              endedAt: report.at,
              ...(ended && { email: ended.email, grant: ended.grant }),
            },
          });
        }
        return;
      }
      case 'attempt.refused':
        if (await this.#deps.isNewReport(seq, report)) {
          await this.#deps.audit.append({
            kind: 'attempt.refused',
            actor: this.#actor,
            object: report.resource,
            details: {
              reason: report.reason,
              claimedEmail: report.email,
              protocol: report.protocol,
              clientAddress: report.clientAddress,
              refusedAt: report.at,
            },
          });
        }
        return;
      case 'connector.fault':
        if (await this.#deps.isNewReport(seq, report)) {
          await this.#fault(report.reason, {
            message: report.message,
            happenedAt: report.at,
            ...(report.session && { session: report.session }),
          });
        }
        return;
      default:
        return unreachable(report);
    }
  }

  async #judge(
    report: { kind: string; session: SessionId },
    answer: WitnessAnswer,
    details: Record<string, string | number>,
  ): Promise<void> {
    if (answer === 'witnessed' || answer === 'known') return;
    await this.#fault(answer === 'contradicts' ? 'witness_contradicted' : 'witness_foreign_session', {
      report: report.kind,
      session: report.session,
      ...details,
    });
  }

  async #serves(name: string): Promise<Resource | undefined> {
    const announced = await this.#deps.directory.resource(name);
    return announced?.connector.id === this.#deps.connector.id ? announced.resource : undefined;
  }

  async #fault(reason: string, details: Record<string, string | number>): Promise<void> {
    await this.#deps.audit.append({
      kind: 'connector.fault',
      actor: this.#actor,
      object: this.#deps.connector.name,
      details: { reason, ...details },
    });
  }
}

function uniqueByName(resources: readonly Resource[]): Resource[] {
  return [...new Map(resources.map((resource) => [resource.name, resource])).values()];
}

const pickIds = ({ session, grant }: OpenSession) => ({ session, grant });

const refused = ({ call }: OpenSession, reason: RefusalReason): FromEdge => ({
  kind: 'session.refused',
  call,
  reason,
  message: SENTENCES[reason] ?? 'The session was refused.',
});

const openedEvent = (message: OpenSession, { grant }: StoredGrant, connector: ConnectorId): AuditEvent => ({
  kind: 'session.opened',
  actor: grant.email,
  object: message.session,
  details: { resource: grant.resource, grant: grant.id, connector, clientAddress: message.client.address },
});

function admission(message: OpenSession, resource: Resource, { grant, identity }: StoredGrant): FromEdge {
  const { id, request, reason, labels, until, rule, policyVersion, obligations } = grant;
  return {
    kind: 'session.admitted',
    call: message.call,
    opened: {
      session: message.session,
      identity,
      grant: { id, request, reason, labels, until, rule, policyVersion, obligations },
      resource: grant.resource,
      protocol: resource.protocol,
    },
  };
}
