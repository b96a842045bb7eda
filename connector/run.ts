// A connector's life: identity -> edge -> write-ahead log -> listeners, and the way back. Wiring
// only; every part is made here and nowhere else.

import { join } from 'node:path';
import packageJson from '../package.json' with { type: 'json' };
import type { Report } from '../core/control.ts';
import type { ConnectorStatus } from '../core/fleet/connector-status.ts';
import { err, ok, type Result } from '../core/result.ts';
import { secret } from '../core/secret.ts';
import { announcedResources, certificateHosts } from './announce.ts';
import type { ProtocolName } from '../core/protocols.ts';
import type { ResourceName } from '../core/resource.ts';
import type { ConnectorConfig, ListenerConfig } from './config/settings.ts';
import { type HostPort, showHostPort } from './config/host-port.ts';
import { allowsPlainText } from './config/sections.ts';
import { keepCertificate, type ListenerCertificate } from './control/certificate.ts';
import { requestCertificate, requestHostCertificate } from './control/edge-http.ts';
import { createEdgeLink } from './control/edge-link.ts';
import { createAuthorizer } from './control/edge-token.ts';
import { keepHostCertificate } from './control/host-certificate.ts';
import { ensureJoined } from './control/join.ts';
import { keepOwnKey, type OwnKey } from './control/rotate-key.ts';
import { openOutbox } from './control/outbox.ts';
import type { ByteStream, Peer } from './door.ts';
import { createCredentials } from './credentials/open-credential.ts';
import { drainConnector } from './drain.ts';
import { createTargetProbes } from './fleet/target-probes.ts';
import { keepTaskProtected, protectionEndpoint } from './fleet/task-protection.ts';
import { serveHealth } from './health.ts';
import { describeBug, type Logger } from './logger.ts';
import { maskingHash, maskingKeyId, masksByItself } from './masking/masking-key.ts';
import { bucketFault } from './recording/store/s3-bucket-proof.ts';
import type { SpoolUsage } from './recording/archive/spool-usage.ts';
import { openRecordingLog } from './recording/recording-log.ts';
import { PROTOCOL_MODULES, type Upstream } from './registry.ts';
import { markedOpenings } from './session/recorders/marked-openings.ts';
import { type Listener, startListener } from './session/serve.ts';
import { createSessions, type Entrance, type Sessions } from './session/sessions.ts';
import { loadIdentity } from './state/identity.ts';
import { keptFiles } from './state/kept-files.ts';
import { lockState } from './state/lock.ts';
import { openingMarks } from './state/opening-marks.ts';
import { storeSettings } from './store-settings.ts';
import { createTargets, resourcesOf, targetTools } from './targets.ts';
import { type Trial, tryTarget } from './trial.ts';
import { dialRelay } from './tunnel/dial-relay.ts';
import { createTunnels } from './tunnel/tunnels.ts';

const BUILD = `gatehouse ${packageJson.version}`;
/** How old the numbers of what waits to be stored may be. */
const COUNT_WAITING_MS = 10_000;
/** A target that takes longer is of no use to people who wait for it. */
const PROBE_TIMEOUT_MS = 10_000;

interface StartFault {
  /** refused: the same start will fail again. unreachable: the edge does not answer. */
  readonly kind: 'refused' | 'unreachable';
  /** One sentence for the operator. */
  readonly message: string;
}

interface Connector {
  /** Where each is bound. */
  readonly listeners: ReadonlyMap<ProtocolName, HostPort>;
  readonly health: HostPort | undefined;
  /** Resolves when clients can be served: the edge is linked and the listeners have their certificate. */
  readonly ready: Promise<void>;
  /** Takes no more connections, lets sessions finish, stores what was recorded. Resolves when all is done or out of time. */
  stop(): Promise<void>;
}

interface ConnectorDeps {
  readonly config: ConnectorConfig;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
}

/** What metrics are made of, where nobody asks /readyz. */
const STANDING_MS = 60_000;

export async function startConnector(deps: ConnectorDeps): Promise<Result<Connector, StartFault>> {
  const refused = (message: string): Result<never, StartFault> => err({ kind: 'refused', message });
  const { config, environment, log } = deps;
  // What is released, last one first, when a later step fails.
  const undo: (() => unknown)[] = [];
  const giveUp = async <T>(fault: Result<T, StartFault>): Promise<Result<T, StartFault>> => {
    for (const step of undo.reverse()) await step();
    return fault;
  };

  const store = storeSettings(config.store, environment);
  if (!store.ok) return refused(store.error);
  const unfit = await bucketFault(store.value);
  if (unfit?.reason === 'store_refused') return refused(`store: ${unfit.message}`);
  // Recordings wait for it in the log.
  if (unfit) log.warn('store.away', { message: unfit.message });
  const protection = config.ecsTaskProtection ? protectionEndpoint(environment) : ok(undefined);
  if (!protection.ok) return refused(protection.error);
  const identity = loadIdentity(config.state);
  if (!identity.ok) return refused(identity.error);
  const lock = lockState(config.state);
  if (!lock.ok) return refused(lock.error);
  undo.push(() => lock.value.release());
  const joined = await ensureJoined({ identity: identity.value, config, environment, log });
  if (!joined.ok) return giveUp(joined);

  const keyedHash = await maskingHash({ ...deps, vault: config.vault }, joined.value.derived.masking);
  if (!keyedHash.ok) return giveUp(refused(keyedHash.error));
  const masksAlone = masksByItself(config);
  if (masksAlone !== undefined) log.warn('masking.key_of_its_own', { message: masksAlone });

  const listeners = new Map<ProtocolName, Listener>();
  const hostKeys = new Map<ProtocolName, string>();
  const bound = () => new Map([...listeners].map(([protocol, { address }]) => [protocol, address]));
  let sessions: Sessions | undefined;
  let drainingUntil: string | undefined;
  let waiting: SpoolUsage = { bytes: 0, objects: 0, oldestMs: undefined };
  const carriers = new Map<ProtocolName, (stream: ByteStream, peer: Peer) => void>();
  const ownKey = keepOwnKey({
    ...{ state: config.state, identity: joined.value, edge: config.edge, log },
    onChanged({ privateKey, earlierKeys }) {
      if (recording.ok) recording.value.signWith(privateKey, earlierKeys);
    },
    onFault: (message) => fault('key_not_changed', message),
  });
  undo.push(() => ownKey.stop());
  const tunnels = createTunnels({
    connect: async (tunnel, events) => dialRelay(config.edge, tunnel, await authorizer(config, ownKey)(), events),
    tls: () => certificate.current(),
    carrierOf(name) {
      const resource = config.resources.find((it) => it.name === name);
      return resource && carriers.get(resource.protocol);
    },
    draining: () => drainingUntil !== undefined,
    log,
  });
  const describe = () => ({
    resources: announcedResources(config, bound(), hostKeys).slice(),
    live: sessions?.live().slice() ?? [],
    ...(config.site !== undefined && { site: config.site }),
    maskingKey: maskingKeyId(keyedHash.value),
    ...(drainingUntil !== undefined && { draining: true as const }),
  });
  /** undefined: too early to say. */
  let status: (() => Omit<ConnectorStatus, 'lagMs'>) | undefined;
  const link = openLink(deps, ownKey, {
    describe,
    status: () => status?.(),
    onTunnel: tunnels.open,
    onRotate() {
      // The edge asks again when it is back.
      if (drainingUntil === undefined) ownKey.change();
    },
  });
  undo.push(() => link.stop(0));
  undo.push(() => tunnels.close());
  const report = (it: Report): void => {
    if (it.kind === 'connector.fault')
      log.warn('connector.fault', { reason: it.reason, message: it.message, session: it.session });
    link.report(it);
  };
  const fault = (reason: string, message: string): void =>
    report({ kind: 'connector.fault', reason, message, at: new Date().toISOString() });

  const connector = { id: joined.value.joined.connector, name: config.name, build: BUILD };
  const marks = openingMarks(config.state, (message) => fault('openings_unmarked', message));
  const recording = await openRecordingLog({
    directory: join(config.state, 'recording'),
    connector,
    signingKey: joined.value.privateKey,
    earlierKeys: joined.value.earlierKeys,
    store: store.value,
    ...(config.limits.diskFreeBytes === undefined ? {} : { limits: { minFreeBytes: config.limits.diskFreeBytes } }),
    onReport: report,
    opening: marks.left,
    onRecovered(unbegun) {
      const message = 'never begun: the connector stopped before anything of it was recorded';
      for (const session of unbegun)
        report({
          ...{ kind: 'session.ended', session, reason: 'connector_crashed', message, neverBegan: true },
          at: new Date().toISOString(),
        });
      for (const session of marks.left) marks.clear(session);
    },
  });
  if (!recording.ok) return giveUp(refused(recording.error.message));
  undo.push(() => recording.value.close());
  const certificate = openCertificate(deps, ownKey, link.firstLinked);
  undo.push(() => certificate.stop());

  const onBug = (error: unknown): void => {
    log.error('bug', { message: describeBug(error) });
    fault('bug', describeBug(error));
  };
  const pipeline = createSessions({
    ...markedOpenings({ ...link, report }, recording.value, marks),
    connector,
    keyedHash: keyedHash.value,
    onTarget(resource, fault) {
      link.sawTarget(resource, fault);
      probes.saw(resource, fault);
    },
    limits: sessionLimits(config),
    onBug,
  });
  sessions = pipeline;
  undo.push(() => pipeline.close(0));
  const credentials = createCredentials({ ...deps, vault: config.vault });
  const trials = new Map<ResourceName, () => Promise<Trial>>();
  const probes = createTargetProbes({
    trials,
    onSeen: link.sawTarget,
    onChanged(resource, detail) {
      if (detail === undefined) log.info('target.usable', { resource });
      else log.warn('target.unusable', { resource, message: detail });
    },
    now: Date.now,
    periodMs: config.probePeriodMs,
  });
  const trialOptions = {
    toolsFor: targetTools(credentials, PROBE_TIMEOUT_MS),
    withinMs: PROBE_TIMEOUT_MS,
    rights: false,
  };
  undo.push(() => probes.stop());
  /** What was made for sessions that are over. */
  const givenBack = new Set<Promise<unknown>>();
  const files = keptFiles(config.state);
  const stopRenewing: (() => void)[] = [];
  undo.push(() => {
    for (const stop of stopRenewing) stop();
  });
  const listen = async <P extends ProtocolName>(
    protocol: P,
    listener: ListenerConfig,
  ): Promise<Result<Listener, string>> => {
    const spoken = PROTOCOL_MODULES[protocol].create(listener.written, files);
    const { hostKey } = spoken;
    if (hostKey?.ok === false) return err(hostKey.error);
    if (hostKey) {
      const { line, present } = hostKey.value;
      hostKeys.set(protocol, line);
      const authorize = authorizer(config, ownKey);
      const request = () => requestHostCertificate(config.edge, line, authorize);
      const served = config.resources.some((resource) => resource.protocol === protocol);
      // A key that goes with no resource is not announced.
      if (served) stopRenewing.push(keepHostCertificate({ request, present, askAfter: link.firstLinked, log }));
    }
    for (const message of hostKey?.value.notes ?? []) log.info('listener.note', { protocol, message });
    const entrance: Entrance<Upstream<P>> = {
      name: protocol,
      protocol: spoken,
      targets: createTargets(
        protocol,
        config.resources,
        credentials,
        (resource, message) => {
          fault('target_unusable', `${resource}: ${message}`);
        },
        (work) => {
          givenBack.add(work);
          void work.finally(() => givenBack.delete(work));
        },
      ),
      tls: () => certificate.current(),
      allowPlainText: allowsPlainText(listener),
    };
    for (const resource of resourcesOf(protocol, config.resources))
      trials.set(resource.name, () => tryTarget(spoken, resource, trialOptions));
    carriers.set(protocol, (stream, peer) => {
      // TLS of the tunnel is around it.
      void pipeline.carry(stream, peer, { ...entrance, allowPlainText: true });
    });
    try {
      return ok(await startListener({ ...listener.listen, entrance, sessions: pipeline, onFault: onBug }));
    } catch (error) {
      return err(cannotListen(listener.listen, error));
    }
  };
  undo.push(() => {
    for (const listener of listeners.values()) listener.close();
  });
  for (const [protocol, listener] of config.listeners) {
    const started = await listen(protocol, listener);
    if (!started.ok) return giveUp(refused(`listeners.${protocol}: ${started.error}`));
    listeners.set(protocol, started.value);
  }

  let health: Awaited<ReturnType<typeof serveHealth>> | undefined;
  if (config.health !== undefined) {
    try {
      health = await serveHealth(config.health, () => ({
        link: link.status(),
        log: recording.value.health(),
        sessions: pipeline.live().length,
        certificateUntil: certificate.notAfter(),
        build: BUILD,
        drainingUntil,
      }));
    } catch (error) {
      return giveUp(refused(`health: ${cannotListen(config.health, error)}`));
    }
  }

  let accepted = true;
  const count = async () => {
    waiting = await recording.value.waiting();
    const { accepting } = recording.value.health();
    if (accepting !== accepted) link.tellStatus();
    accepted = accepting;
  };
  const counting = setInterval(() => void count(), COUNT_WAITING_MS).unref();
  await count();
  status = () => {
    const { accepting, freeBytes } = recording.value.health();
    const { bytes, objects, oldestMs } = waiting;
    return {
      accepting,
      ...(drainingUntil !== undefined && { draining: { until: drainingUntil } }),
      sessions: pipeline.live().length,
      logFree: freeBytes,
      backlog: { bytes, objects, ...(oldestMs !== undefined && { oldest: new Date(oldestMs).toISOString() }) },
    };
  };
  const unprotect =
    protection.value === undefined
      ? () => {}
      : keepTaskProtected({ endpoint: protection.value, sessions: () => pipeline.live().length, log });

  const standing = setInterval(() => {
    const { backlog } = recording.value.health();
    log.info('connector.standing', {
      sessions: pipeline.live().length,
      waiting: backlog.objects,
      failing: backlog.failing,
    });
  }, STANDING_MS).unref();
  ownKey.start();
  link.start();
  probes.start();
  return ok({
    listeners: bound(),
    health: health?.address,
    ready: link.firstLinked.then(() => (config.resources.length === 0 ? undefined : certificate.available)),
    async stop() {
      await probes.stop();
      const parts = {
        sessions: pipeline,
        givenBack,
        recording: recording.value,
        link,
        tunnels,
        limits: config.limits,
        log,
      };
      await drainConnector({ ...parts, listeners: listeners.values() }, (until) => {
        drainingUntil = until.toISOString();
      });
      // Not before: a change of keys that was under way is finished, since sessions are sealed with the key that the edge has.
      ownKey.stop();
      clearInterval(counting);
      unprotect();
      clearInterval(standing);
      tunnels.close();
      certificate.stop();
      for (const stop of stopRenewing) stop();
      health?.close();
      lock.value.release();
    },
  });
}

function openLink(
  { config, log }: ConnectorDeps,
  ownKey: OwnKey,
  more: Pick<Parameters<typeof createEdgeLink>[0], 'describe' | 'status' | 'onTunnel' | 'onRotate'>,
) {
  const outbox = openOutbox({ directory: config.state, onFault: (message) => log.error('outbox.fault', { message }) });
  const link = createEdgeLink({
    edge: config.edge,
    connector: ownKey.current().joined.connector,
    build: BUILD,
    authorize: authorizer(config, ownKey),
    ...more,
    outbox,
    log,
    saltKey: secret(ownKey.current().derived.salts),
  });
  return {
    ...link,
    async stop(withinMs: number) {
      await link.stop(withinMs);
      outbox.close();
    },
  };
}

function openCertificate({ config, log }: ConnectorDeps, ownKey: OwnKey, linked: Promise<void>): ListenerCertificate {
  const authorize = authorizer(config, ownKey);
  return keepCertificate({
    directory: config.state,
    connectorName: config.name,
    hosts: certificateHosts(config),
    request: (csr) => requestCertificate(config.edge, csr, authorize),
    // Without a resource nothing is announced, and there is nothing to certify.
    askAfter: config.resources.length === 0 ? new Promise(() => {}) : linked,
    log,
  });
}

const authorizer = (config: ConnectorConfig, { current }: OwnKey) =>
  createAuthorizer({
    connector: current().joined.connector,
    privateKey: () => current().privateKey,
    edge: config.edge,
  });

function sessionLimits({ limits }: ConnectorConfig) {
  const { idleMs, loginMs, maxUnauthenticated, maxUnauthenticatedPerAddress } = limits;
  return {
    ...(idleMs === undefined ? {} : { idleTimeoutMs: idleMs }),
    ...(loginMs === undefined ? {} : { loginDeadlineMs: loginMs }),
    ...(maxUnauthenticated === undefined ? {} : { maxUnauthenticated }),
    ...(maxUnauthenticatedPerAddress === undefined ? {} : { maxUnauthenticatedPerAddress }),
  };
}

function cannotListen(at: HostPort, error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  const why =
    code === 'EADDRINUSE' ? 'another program listens there' : code === 'EACCES' ? 'that port needs more rights' : code;
  return `cannot listen on ${showHostPort(at)} (${why}): choose another address`;
}
