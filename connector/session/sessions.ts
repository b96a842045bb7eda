// The session pipeline of a connector: every connection comes through here, whatever brought it (a listener, a
// tunnel, a console) and whatever it speaks (law 10). Caps, live sessions and compiled rules are one set for all.
// Connections share nothing but those, so that one which stalls or misbehaves delays no other.

import { secretDigest } from '../../core/grant.ts';
import { type IdSource, newId, type SessionId, systemIdSource } from '../../core/ids.ts';
import type { KeyedHash } from '../../core/masking/ways.ts';
import type { ProtocolName } from '../../core/protocols.ts';
import type { SessionOpened } from '../../core/recording/facts/session.ts';
import type { Refusal } from '../../core/refusal.ts';
import { ResourceName } from '../../core/resource.ts';
import { err, ok, type Result } from '../../core/result.ts';
import { fingerprintOf, readPublicKey } from '../../core/ssh/public-key.ts';
import type { SecureContext } from 'node:tls';
import type { ArrivalFacts, ByteStream, Claim, Door, EnterOptions, Peer, ProvenGrant } from '../door.ts';
import { orAborted } from '../net/or-aborted.ts';
import { destroySoon } from '../net/turn-away.ts';
import type { Protocol } from '../protocol.ts';
import { type AdmitDeps, admit, type OpenSessionTarget, refusedFor } from './admit.ts';
import type { Edge } from './edge.ts';
import { ClientWatch, HUNG_UP } from './client-watch.ts';
import { Joinable, Opening } from './joinable.ts';
import { DEFAULT_LIMITS, type Limits } from './login/limits.ts';
import { type Cause, LiveSession, LiveSessions } from './live-sessions.ts';
import { BrowserSignIns, SIGN_IN_MS, TOO_MANY_WAIT } from './login/browser-sign-ins.ts';
import { LoginPlaces } from './login/login-places.ts';
import { endReason, type Entering, OpenSession, type OwnSession } from './open-session.ts';
import { certifiedGrant, grantLookup, type Proof, registeredKey, signedInGrant } from './prove.ts';
import { createRulesCompiler } from './guard/rules.ts';
import type { SessionLog } from './session-log.ts';

export interface SessionsDeps {
  readonly edge: Edge;
  readonly log: SessionLog;
  readonly connector: SessionOpened['connector'];
  /** Under a key of this gateway: for masks that keep equal values equal. */
  readonly keyedHash: KeyedHash;
  /** Told how each session that was let in found its target. `fault`: why it could not be used, in words for anybody. */
  readonly onTarget?: (resource: ResourceName, fault: string | undefined) => void;
  readonly limits?: Partial<Limits>;
  /** Clock and randomness; the system's when missing. */
  readonly ids?: IdSource;
  /** Told of what nobody foresaw, with the error's text. A connection that throws is closed; the others go on. */
  readonly onBug?: (error: unknown) => void;
}

/** Where a connection comes in, and what it speaks. */
export interface Entrance<Upstream> {
  readonly name: ProtocolName;
  readonly protocol: Protocol<Upstream>;
  /** The connector's own file says where a resource lives (law 9); its credential is fetched for this session (law 8). */
  readonly targets: OpenSessionTarget<Upstream>;
  /** The certificate; a function where it is renewed while listening. Undefined: plain text only. */
  readonly tls: SecureContext | (() => SecureContext | undefined) | undefined;
  /** Whether a client may go on without TLS. The caller allows it on loopback alone unless told otherwise. */
  readonly allowPlainText: boolean;
}

export interface Sessions {
  /** Carries a connection to its end. Never rejects. */
  carry<Upstream>(stream: ByteStream, peer: Peer, entrance: Entrance<Upstream>): Promise<void>;
  /** Sessions running now. */
  live(): readonly SessionId[];
  /** Waits up to `graceMs` for running sessions, then ends them. Resolves when all are over and recorded. */
  close(graceMs: number): Promise<void>;
}

const STOPPED: Refusal = {
  reason: 'connector_stopping',
  message: 'The gateway is stopping. Connect again in a moment.',
};

export function createSessions(options: SessionsDeps): Sessions {
  const { edge, ids = systemIdSource, onBug = () => {}, onTarget = () => {} } = options;
  const deps = { ...options, ids, onBug, onTarget, compiler: createRulesCompiler() };
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const live = new LiveSessions(onBug);
  const stopping = new AbortController();
  const places = new LoginPlaces(limits, stopping.signal);
  const signIns = new BrowserSignIns();
  const running = new Set<Promise<void>>();
  const joinable = new Joinable();

  async function carry<Upstream>(stream: ByteStream, peer: Peer, entrance: Entrance<Upstream>): Promise<void> {
    const { protocol, tls } = entrance;
    const place = places.enter(stream, peer.address, (refusal) => protocol.turnAway(stream, refusal));
    let session: OwnSession<Upstream> | undefined;
    /** A proof is of the connection that showed it. */
    const proofs = new WeakSet<ProvenGrant>();
    const door: Door<Upstream> = {
      peer,
      tls: typeof tls === 'function' ? tls() : tls,
      allowPlainText: entrance.allowPlainText,
      signal: place.signal,
      progressed: (to) => place.progressed(to),
      async lookUp(claim) {
        // The edge's answer is the same for names that do not exist; those that cannot exist never get here.
        if (!ResourceName.safeParse(claim.resource).success) return err(noResource);
        const known = await orAborted(edge.lookUp(claim, entrance.name), place.signal);
        // The edge may take longer to answer than this client has.
        if (!known) return err(place.signal.reason as Refusal);
        return known.ok ? ok(grantLookup(claim, known.value, (proof) => proofs.add(proof))) : known;
      },
      async proveSecret(resource, secret) {
        const name = ResourceName.safeParse(resource);
        if (!name.success) return err(noResource);
        const digest = await secretDigest(secret.reveal());
        const known = await orAborted(edge.find(digest, name.data, entrance.name), place.signal);
        if (!known) return err(place.signal.reason as Refusal);
        if (!known.ok) return known;
        const claim = { email: known.value.email ?? '', resource };
        return ok(await grantLookup(claim, known.value, (proof) => proofs.add(proof)).proveSecret(secret));
      },
      async certified(resource, certificate) {
        const name = ResourceName.safeParse(resource);
        if (!name.success) return err(noResource);
        const authority = await orAborted(edge.userAuthority(), place.signal);
        if (!authority) return err(place.signal.reason as Refusal);
        if (!authority.ok || !authority.value) return authority.ok ? ok(undefined) : authority;
        const { address } = peer;
        const expected = { authority: authority.value, principal: name.data, address, now: ids.now() };
        return certifiedGrant(certificate, expected, (proof) => proofs.add(proof));
      },
      async registered(resource, publicKey) {
        const name = ResourceName.safeParse(resource);
        if (!name.success) return err(noResource);
        const key = readPublicKey(publicKey);
        if (!key) return ok(undefined);
        const fingerprint = await fingerprintOf(publicKey);
        const found = await orAborted(edge.findOfKey(fingerprint, name.data, entrance.name), place.signal);
        if (!found) return err(place.signal.reason as Refusal);
        if (!found.ok || !found.value) return found.ok ? ok(undefined) : found;
        const { email, grant } = found.value;
        return ok(registeredKey({ email, resource }, { key, fingerprint, grant }, (proof) => proofs.add(proof)));
      },
      async signIn(resource) {
        const name = ResourceName.safeParse(resource);
        if (!name.success) return err(noResource);
        const leave = signIns.enter(peer.address);
        if (!leave) return err(TOO_MANY_WAIT);
        stream.once('close', leave);
        place.signal.addEventListener('abort', leave, { once: true });
        const asked = await orAborted(edge.signIn(name.data, entrance.name, peer.address), place.signal);
        if (!asked?.ok) {
          leave();
          return asked ?? err(place.signal.reason as Refusal);
        }
        place.extend(SIGN_IN_MS);
        const { link, userCode, outcome } = asked.value;
        return ok({
          link,
          userCode,
          async outcome(signal, told) {
            const either = AbortSignal.any([signal, place.signal]);
            const found = await outcome(either, told).finally(leave);
            if (!found.ok) {
              // Nobody is waited for any more.
              place.extend();
              return found;
            }
            const { email, grant } = found.value;
            return ok(signedInGrant({ email, resource }, grant, (proof) => proofs.add(proof)));
          },
        });
      },
      async enter(proof, arrival, options) {
        place.leave();
        if (session) throw new Error('a connection entered twice');
        if (!proofs.has(proof)) throw new Error('the proof of another connection was shown');
        const watch = new ClientWatch(arrival.client);
        const entered = await enter(entrance, peer, proof as Proof, arrival, options, watch);
        if (entered.ok) session = entered.value;
        else watch.over();
        return entered;
      },
      async refused(refusal, told, claim) {
        reportRefused(peer, entrance.name, claim, refusal);
        place.progressed('leaving');
        await told;
      },
    };
    try {
      if (await place.turn) await protocol.carry(stream, door);
    } finally {
      place.leave();
      session?.abandon();
      if (!stream.destroyed) destroySoon(stream);
    }
  }

  async function enter<Upstream>(
    entrance: Entrance<Upstream>,
    peer: Peer,
    proof: Proof,
    arrival: ArrivalFacts,
    options: EnterOptions | undefined,
    watch: ClientWatch,
  ): Promise<Result<OwnSession<Upstream>, Refusal>> {
    if (watch.refusal) return err(watch.refusal);
    const client = {
      address: peer.address,
      ...(arrival.tls !== undefined && { tls: arrival.tls }),
      ...(arrival.application !== undefined && { application: arrival.application }),
    };
    const who = { watch, client, details: { ...arrival.details } };
    const begin = (abandoned: AbortSignal) => open(entrance, peer, proof, who, options, abandoned);
    if (!options) return new Opening(begin).enter(who);
    // That a session is open says nothing of the proof at hand, which only who opens one is asked for.
    const refused = refusedFor(proof.grant, ids.now());
    if (refused) {
      reportRefused(peer, entrance.name, proof.claim, refused);
      return err(refused);
    }
    const { grant, claim } = proof;
    const encrypted = arrival.tls !== undefined;
    const alike = [entrance.name, grant.id, claim.resource, peer.address, encrypted, options.join];
    return joinable.join(JSON.stringify(alike), who, begin);
  }

  async function open<Upstream>(
    entrance: Entrance<Upstream>,
    peer: Peer,
    proof: Proof,
    { client, details }: Entering,
    options: EnterOptions | undefined,
    abandoned: AbortSignal,
  ): Promise<Result<OpenSession<Upstream>, Refusal>> {
    const session = new LiveSession(newId('ses', ids), proof.grant.id, {
      now: ids.now,
      idleTimeoutMs: limits.idleTimeoutMs,
    });
    // Before the edge is asked, so that a revocation which overtakes its answer is not missed.
    live.add(session);
    abandoned.addEventListener('abort', () => session.end('client_closed', HUNG_UP.message), { once: true });
    const told = {
      onTarget,
      onBug,
      refused: (refusal: Refusal) => reportRefused(peer, entrance.name, proof.claim, refusal),
      ended: (end: Cause, neverBegan: boolean) => {
        const at = new Date(ids.now()).toISOString();
        edge.report({ kind: 'session.ended', session: session.id, ...end, at, ...(neverBegan && { neverBegan }) });
        live.remove(session);
      },
    };
    try {
      if (stopping.signal.aborted) session.end('connector_stopped', STOPPED.message);
      const admittedLate = () =>
        told.ended(session.cause ?? { reason: 'client_closed', message: HUNG_UP.message }, true);
      const admitDeps: AdmitDeps<Upstream> = { ...deps, targets: entrance.targets, admittedLate };
      const admitted = await admit({ proof, client, details }, session, admitDeps);
      if (admitted.ok)
        return ok(
          new OpenSession(session, admitted.value, {
            ...told,
            joinable: options !== undefined,
            idleMs: options?.idleMs ?? 0,
            now: ids.now,
          }),
        );
      const { refusal, opened, recorder, target } = admitted.error;
      if (target) onTarget(target, refusal.message);
      if (session.cause?.reason !== 'client_closed') told.refused(refusal);
      const end = { reason: session.cause?.reason ?? endReason(refusal.reason), message: refusal.message };
      session.close();
      recorder?.end({ kind: 'session.ended', ...end });
      if (opened) told.ended(end, recorder?.neverLogged !== false);
      live.remove(session);
      return err(refusal);
    } catch (error) {
      live.remove(session);
      throw error;
    }
  }

  function reportRefused(peer: Peer, protocol: ProtocolName, claim: Claim | undefined, refusal: Refusal): void {
    edge.report({
      kind: 'attempt.refused',
      email: (claim?.email ?? '').slice(0, 254),
      resource: (claim?.resource ?? '').slice(0, 253),
      protocol,
      reason: refusal.reason,
      clientAddress: peer.address.slice(0, 64),
      at: new Date(ids.now()).toISOString(),
    });
  }

  const listening = [
    edge.onGrantRevoked((grant, reason) => live.revoke(grant, reason)),
    edge.onSessionEnd((session, by, reason) => live.end(session, by, reason)),
    edge.onRulesChanged((sessions, rules) => live.applyRules(sessions, rules)),
  ];

  return {
    carry(stream, peer, entrance) {
      // A stream without an error listener throws; whoever reads it learns of the error by its close.
      stream.on('error', () => {});
      if (stopping.signal.aborted) {
        stream.destroy();
        return Promise.resolve();
      }
      const work = carry(stream, peer, entrance).catch((error: unknown) => {
        stream.destroy();
        onBug(error);
      });
      running.add(work);
      return work.finally(() => running.delete(work));
    },
    live: () => live.ids(),
    async close(graceMs) {
      stopping.abort(STOPPED);
      const settled = () => Promise.all([...running]);
      let timer: NodeJS.Timeout | undefined;
      const grace = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, graceMs);
      });
      await Promise.race([settled(), grace]);
      clearTimeout(timer);
      live.endAll('connector_stopped', STOPPED.message);
      await settled();
      for (const stop of listening) stop();
    },
  };
}

const noResource: Refusal = {
  reason: 'resource_unknown',
  message: 'This is not the name of a resource. The portal lists them.',
};
