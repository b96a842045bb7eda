// What the edge answers to a connector, message by message. Knows nothing of sockets: the Durable
// Object in objects/connector-link.ts carries the messages.
//
// A connector is believed about its own sessions and resources only (law 9: nothing here names
// anything to dial).

import {
  CONTROL_PROTOCOL,
  EDGE_UNDERSTANDS,
  OLDEST_CONTROL_PROTOCOL,
  type FromConnector,
  type FromEdge,
  type GrantCandidate,
  type Report,
} from '../../core/control.ts';
import { GRANT_SCRAM_ITERATIONS } from '../../core/grant.ts';
import type { ConnectorId, GrantId, SessionId } from '../../core/ids.ts';
import { Email } from '../../core/identity.ts';
import type { Resource } from '../../core/resource.ts';
import { unreachable } from '../../core/result.ts';
import type { AuditPort } from '../ports/audit.ts';
import type { DirectoryPort } from '../ports/directory.ts';
import type { GrantsPort } from '../ports/grants.ts';
import type { Announced, PolicyInForce } from '../ports/directory.ts';
import type { WitnessPort, WitnessAnswer } from '../ports/witness.ts';
import { Holds, type HoldsDeps } from './holds.ts';
import { inGroups, rulesMessages } from './rules-messages.ts';
import { type PolicyReader, SessionOpener } from './session-opener.ts';
import { SignIns } from './sign-ins.ts';

/** Of a session's end, in the audit log: the recording has the whole. */
const MAX_END_MESSAGE_CHARACTERS = 1_000;
/** At a hello: whoever has to look at these looks at all. */
const MAX_DIFFERENCES_TOLD = 20;

type Message<K extends FromConnector['kind']> = Extract<FromConnector, { kind: K }>;

interface LinkDeps {
  readonly connector: { readonly id: ConnectorId; readonly name: string };
  readonly directory: Pick<
    DirectoryPort,
    | 'allow'
    | 'announce'
    | 'connector'
    | 'connectorSeen'
    | 'endSignIn'
    | 'holders'
    | 'keyHolder'
    | 'listRequest'
    | 'openHoldsOf'
    | 'resourcesOf'
    | 'served'
    | 'signIn'
    | 'startDeviceLogin'
    | 'targetsSeen'
  >;
  readonly grants: Pick<
    GrantsPort,
    'bySecret' | 'candidates' | 'counted' | 'endSession' | 'findAll' | 'liveOf' | 'liveSession' | 'openAll' | 'resume'
  >;
  readonly audit: Pick<AuditPort, 'append' | 'appendAll' | 'appendCounted'>;
  readonly witness: Pick<WitnessPort, 'admissions' | 'admitAll' | 'recordHead' | 'recordManifest' | 'recordNeverBegan'>;
  /** Base64, see keys.ts. */
  salt(email: string, resource: string): Promise<string>;
  /** The public key that certificates for grants are signed by. */
  userAuthority(): Promise<string>;
  /** Whether the grant was revoked since this object woke: closes the gap between an admission under way and a push. */
  wasRevoked(grant: GrantId): boolean;
  readonly policy: PolicyReader;
  readonly approvals: HoldsDeps['approvals'];
  readonly publicUrl: string;
  /** The edge's own. */
  readonly build: string;
  /** The links of other connectors. */
  readonly links: {
    /** undefined: it is not linked. */
    lastHeard(connector: ConnectorId): Promise<number | undefined>;
    push(connector: ConnectorId, message: FromEdge): Promise<boolean>;
  };
  now(): number;
  random(count: number): Uint8Array;
  /** false when this very report was taken before. */
  isNewReport(seq: number, report: Report): Promise<boolean>;
}

export class LinkConversation {
  readonly #deps: LinkDeps;
  readonly #actor: string;
  readonly #opener: SessionOpener;
  readonly #holds: Holds;
  readonly #signIns: SignIns;

  constructor(deps: LinkDeps) {
    this.#deps = deps;
    this.#actor = `connector:${deps.connector.id}`;
    const own = {
      ...deps,
      serves: (name: string) => this.#serves(name),
      fault: (reason: string, details: Record<string, string>) => this.#fault(reason, details),
    };
    this.#opener = new SessionOpener(own);
    this.#holds = new Holds(own);
    this.#signIns = new SignIns(own);
  }

  /** `link`: over which it came. As text: why the link is refused. */
  async hello(message: Message<'hello'>, link: string): Promise<FromEdge[] | string> {
    const { audit, connector, directory, grants } = this.#deps;
    const unfit = await this.#unfit(message);
    if (unfit !== undefined) {
      await this.#fault('link_refused', { message: unfit, build: message.build, protocol: message.protocol ?? 1 });
      return unfit;
    }
    await audit.append({
      kind: 'connector.linked',
      actor: this.#actor,
      object: connector.name,
      details: {
        build: message.build,
        protocol: message.protocol ?? 1,
        resources: message.resources.length,
        live: message.live.length,
      },
    });
    const { build, protocol = 1, maskingKey } = message;
    await directory.connectorSeen(connector.id, { build, protocol, maskingKey });
    const resources = uniqueByName(message.resources);
    const { refused, differ } = await this.#announce(resources);
    const missed = await grants.resume(connector.id, message.live, link);
    // Nobody waits there any more, so nobody should be asked.
    await this.#holds.withdrawAllOf(missed.lost);
    for (const session of missed.unknown) await this.#fault('session_unknown', { session });
    const version = (await this.#deps.policy.read())?.version ?? 0;
    const wantsKey = (await directory.connector(connector.id))?.rotationBy !== undefined;
    return [
      {
        kind: 'welcome',
        policyVersion: version,
        protocol: CONTROL_PROTOCOL,
        build: this.#deps.build,
        serving: resources.length - refused.length,
        understands: [...EDGE_UNDERSTANDS],
        userAuthority: await this.#deps.userAuthority(),
      },
      ...refused.map(({ resource, holder }) => ({
        kind: 'resource.contested' as const,
        resource,
        yours: false,
        other: holder.name,
      })),
      ...differ
        .slice(0, MAX_DIFFERENCES_TOLD)
        .filter(() => message.understands.includes('replicas.differ'))
        .map(({ other, ...difference }) => ({ kind: 'replicas.differ' as const, ...difference, other: other.name })),
      ...missed.revoked.map((gone) => ({ kind: 'grant.revoked' as const, grant: gone.grant, reason: gone.reason })),
      // Asked for while it was away.
      ...(wantsKey && message.understands.includes('key.rotate') ? [{ kind: 'key.rotate' as const }] : []),
      // Nothing is known of them, so there are no rules that they could go on under.
      ...inGroups(missed.unknown).map((sessions) => ({
        kind: 'rules.in_force' as const,
        policyVersion: version,
        sessions,
      })),
    ];
  }

  /** Why this connector cannot be linked as it is, for its log. */
  async #unfit({ protocol = 1, site }: Message<'hello'>): Promise<string | undefined> {
    if (protocol < OLDEST_CONTROL_PROTOCOL)
      return `its build is too old: it speaks link protocol ${protocol}, the edge ${OLDEST_CONTROL_PROTOCOL} to ${CONTROL_PROTOCOL}. Update it`;
    const known = (await this.#deps.directory.connector(this.#deps.connector.id))?.site;
    return site === undefined || site === known
      ? undefined
      : `it joined ${known === undefined ? 'without a site' : `site ${known}`}, and its file says ${site}: move it, or change the file`;
  }

  /** Answers with the names that stay with other connectors, and how it differs from the replicas of its site. */
  async #announce(resources: readonly Resource[]): Promise<Pick<Announced, 'refused' | 'differ'>> {
    const { connector, directory, links } = this.#deps;
    const holders = await directory.holders(
      connector.id,
      resources.map(({ name }) => name),
    );
    // Whoever cannot be asked keeps what it has.
    const asked = await Promise.all(
      holders.map(async (id) => [id, await links.lastHeard(id).catch(() => this.#deps.now())] as const),
    );
    const { refused, takenOver, differ } = await directory.announce(connector.id, resources, Object.fromEntries(asked));
    for (const { resource, holder } of refused) {
      await this.#fault('resource_name_taken', { resource, holder: holder.id, holderName: holder.name });
      // One that is away has nobody to tell; the portal shows it.
      const contested = { kind: 'resource.contested' as const, resource, yours: true, other: connector.name };
      await links.push(holder.id, contested).catch(() => false);
    }
    for (const { resource, holder } of takenOver)
      await this.#fault('resource_taken_over', { resource, holder: holder.id, holderName: holder.name });
    for (const { what, resource, other } of differ.slice(0, MAX_DIFFERENCES_TOLD)) {
      const named = resource !== undefined && { resource };
      await this.#fault('replicas_differ', { what, ...named, other: other.id, otherName: other.name });
      const told = { kind: 'replicas.differ' as const, what, ...named, other: connector.name };
      await links.push(other.id, told).catch(() => false);
    }
    return { refused, differ };
  }

  /** What is in force for the sessions that this connector carries, message by message; undefined policy: none is. */
  rulesInForce(policy: PolicyInForce | undefined): AsyncGenerator<FromEdge> {
    return rulesMessages(this.#deps, policy);
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

  async find(message: Message<'grants.find'>): Promise<FromEdge> {
    const served = await this.#serves(message.resource);
    const found =
      served?.protocol === message.protocol
        ? await this.#deps.grants.bySecret(message.digest, message.resource)
        : undefined;
    return {
      kind: 'grants.found',
      call: message.call,
      salt: await this.#deps.salt(found?.email ?? '', message.resource),
      iterations: GRANT_SCRAM_ITERATIONS,
      candidates: found ? [found.candidate] : [],
      ...(found && { email: found.email }),
    };
  }

  async findOfKey(message: Message<'grants.of_key'>): Promise<FromEdge> {
    const { directory, grants } = this.#deps;
    const [email, served] = await Promise.all([directory.keyHolder(message.key), this.#serves(message.resource)]);
    const found =
      email !== undefined && served?.protocol === message.protocol
        ? (await grants.candidates(email, message.resource))[0]
        : undefined;
    // The key is what is proven, so nothing of the secret is told.
    const candidate = found && { ...found, verifier: { storedKey: '', serverKey: '' } };
    return {
      kind: 'grants.found',
      call: message.call,
      salt: await this.#deps.salt('', message.resource),
      iterations: GRANT_SCRAM_ITERATIONS,
      candidates: candidate ? [candidate] : [],
      ...(candidate && { email }),
    };
  }

  askSignIn(message: Message<'sign_in.ask'>): Promise<FromEdge> {
    return this.#signIns.ask(message);
  }

  lookAtSignIn(message: Message<'sign_in.look'>): Promise<FromEdge> {
    return this.#signIns.look(message);
  }

  /** It was told to stop. */
  async draining(until: string): Promise<void> {
    const { audit, connector } = this.#deps;
    await audit.append({
      kind: 'connector.draining',
      actor: this.#actor,
      object: connector.name,
      details: { until },
    });
  }

  async targetsSeen({ targets }: Message<'targets.seen'>): Promise<void> {
    // A clock that is ahead, or a lie: nothing was seen later than now.
    const now = new Date(this.#deps.now()).toISOString();
    const seen = targets.map((target) => (target.at > now ? { ...target, at: now } : target));
    await this.#deps.directory.targetsSeen(this.#deps.connector.id, seen);
  }

  openSession(message: Message<'session.open'>, link: string): Promise<FromEdge> {
    return this.#opener.open({ ...message, link });
  }

  /** The admission of this session could not be told. */
  takeBack(session: SessionId): Promise<void> {
    return this.#opener.takeBack(session);
  }

  askHold(message: Message<'hold.action'>): Promise<FromEdge> {
    return this.#holds.ask(message);
  }

  claimHold(message: Message<'hold.claim'>): Promise<FromEdge> {
    return this.#holds.claim(message);
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
        // First, so that a report that comes again finishes what was begun.
        if (await grants.liveSession(report.session, connector.id)) await this.#holds.withdrawAllOf([report.session]);
        const ended = await grants.endSession(report.session, connector.id);
        // Of one that ran and was counted here nothing else need be known.
        const [admission] = ended && !report.neverBegan ? [] : await witness.admissions([report.session]);
        if (!ended && admission?.connector !== connector.id) {
          // A connector whose link broke while it asked for a session does not know whether it was let in.
          if (!admission && report.neverBegan) return;
          return this.#judge(report, 'foreign', {});
        }
        if (report.neverBegan && admission)
          await this.#judge(report, await witness.recordNeverBegan(connector.id, report), {
            neverBegan: report.reason,
          });
        if (await this.#deps.isNewReport(seq, report)) {
          await this.#deps.audit.append({
            kind: 'session.ended',
            actor: this.#actor,
            object: report.session,
            details: {
              reason: report.reason,
              message: report.message.slice(0, MAX_END_MESSAGE_CHARACTERS),
              endedAt: report.at,
              ...(report.neverBegan && { neverBegan: true }),
              ...(ended && { email: ended.email, grant: ended.grant }),
            },
          });
        }
        return;
      }
      case 'attempt.refused':
        if (await this.#deps.isNewReport(seq, report)) {
          await this.#deps.audit.appendCounted({
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
      case 'hold.withdrawn':
        return this.#holds.withdrawn(report);
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
    return this.#deps.directory.served(this.#deps.connector.id, name);
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
