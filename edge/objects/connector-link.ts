// One connector's control link: the edge's end of its WebSocket, one object per connector. The
// object may sleep between messages (hibernation), so what a link is stands in its attachment.
//
// One link at a time: a new one replaces the old. Messages are core/control.ts; anything else
// closes the link with a reason and an audit entry (law 3).

import { DurableObject } from 'cloudflare:workers';
import {
  CLOSE_REFUSED,
  CONTROL_PING_INTERVAL_MS,
  type FromConnector,
  type FromEdge,
  holdActionOf,
  type Report,
} from '../../core/control.ts';
import type { ConnectorStatus } from '../../core/fleet/connector-status.ts';
import { ConnectorId, type GrantId, type TunnelId } from '../../core/ids.ts';
import { unreachable } from '../../core/result.ts';
import { LinkTunnels, tellRevoked } from '../connectors/keys/link-end.ts';
import { LinkConversation } from '../connectors/link-conversation.ts';
import { type Attachment, attachmentOf, isUnderstood, send } from '../connectors/link-socket.ts';
import { RulesTeller } from '../connectors/telling/rules-teller.ts';
import { readMessage } from '../connectors/read-message.ts';
import { SshAuthority } from '../authority/ssh-authority.ts';
import type { Env } from '../env.ts';
import { grantSalt } from '../keys.ts';
import {
  CONNECTOR_HEADER,
  CONNECTOR_NAME_HEADER,
  type ConnectorLinkPort,
  type EndAnswer,
  type LinkStanding,
  type LinkRevoked,
  type SessionEnd,
} from '../ports/connector-link.ts';
import type { Serves } from '../ports/object.ts';
import type { TunnelTerms } from '../ports/tunnel.ts';
import { type EdgeSettings, parseSettings } from '../settings.ts';
import { LinkMemory } from '../storage/link-memory.ts';
import { PolicyCache } from '../storage/policy-cache.ts';
import { BUILD } from '../version.ts';
import { remote } from './rpc.ts';
import { witnessOf } from './witness/days.ts';

const CLOSE_MALFORMED = 4400;
const CLOSE_REPLACED = 4409;
/** As HTTP says gone: it is of no use to come again. */
const CLOSE_REVOKED = 4410;
const CLOSE_SILENT = 4408;
const CLOSE_TOO_BIG = 1009;
const CLOSE_INTERNAL = 1011;
const CLOSE_RESTART = 1012;

/** RFC 6455 section 5.5: a control frame has 125 bytes, two of them the code. */
const MAX_CLOSE_REASON = 120;

const HELLO_WITHIN_MS = 10_000;
/** A little over three pings. */
const SILENT_AFTER_MS = 3 * CONTROL_PING_INTERVAL_MS + 5_000;
const CHECK_EVERY_MS = 30_000;
/** While it is linked, the directory hears that it is there this often at least. */
const SEEN_EVERY_MS = 60_000;
const REVOKED = 'revoked';

export class ConnectorLink extends DurableObject<Env> implements Serves<ConnectorLinkPort> {
  readonly #memory: LinkMemory;
  readonly #settings: EdgeSettings;
  /** Revocations pushed since this object woke. An admission under way looks here last. */
  readonly #revoked = new Set<GrantId>();
  #kept: LinkConversation | undefined;
  readonly #rules: RulesTeller;
  readonly #userAuthority: SshAuthority;
  readonly #tunnels: LinkTunnels;
  /** What messages of a link wait for: its hello, then each report for the one before. */
  readonly #order = new WeakMap<WebSocket, Promise<void>>();

  constructor(context: DurableObjectState, env: Env) {
    super(context, env);
    this.#memory = new LinkMemory(context.storage.sql);
    this.#tunnels = new LinkTunnels(context.storage.sql);
    this.#settings = parseSettings(env);
    this.#rules = new RulesTeller({
      policies: new PolicyCache(remote(env.DIRECTORY)),
      ready: () => this.#ready(),
      rulesInForce: (connector, policy) => this.#conversation(connector).rulesInForce(policy),
      broken: (socket, error) => this.#broken(socket, error),
    });
    this.#userAuthority = new SshAuthority(remote(env.DIRECTORY), this.#settings.EDGE_SECRET, 'user');
    context.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'));
  }

  // --- called by the Worker ---

  override async fetch(request: Request): Promise<Response> {
    const id = ConnectorId.parse(request.headers.get(CONNECTOR_HEADER));
    const name = request.headers.get(CONNECTOR_NAME_HEADER) ?? id;
    // Of whoever was let in a moment before.
    if (await this.ctx.storage.get(REVOKED)) return new Response(null, { status: 403 });
    for (const old of this.ctx.getWebSockets()) {
      const attachment = attachmentOf(old);
      old.serializeAttachment({ ...attachment, state: 'replaced' } satisfies Attachment);
      old.close(CLOSE_REPLACED, 'a new link of this connector took over');
      // Until the hello of the new one, which may never come.
      if (attachment.state === 'ready') await remote(this.env.GRANTS).linkGone(id, attachment.link);
    }
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    server.serializeAttachment({
      connector: { id, name },
      state: 'greeting',
      openedMs: Date.now(),
      link: crypto.randomUUID(),
      toldVersion: 0,
      understands: [],
      draining: false,
      seenMs: 0,
    } satisfies Attachment);
    await this.ctx.storage.setAlarm(Date.now() + HELLO_WITHIN_MS);
    return new Response(null, { status: 101, webSocket: client });
  }

  push(message: FromEdge): boolean {
    if (message.kind === 'grant.revoked') this.#revoked.add(message.grant);
    const ready = this.#ready().filter((socket) => isUnderstood(socket, message));
    for (const socket of ready) send(socket, message);
    // One that is just being greeted has asked before this and was answered without it.
    for (const socket of this.ctx.getWebSockets()) {
      if (attachmentOf(socket).state !== 'greeting') continue;
      void this.#order.get(socket)?.then(() => {
        if (attachmentOf(socket).state === 'ready' && isUnderstood(socket, message)) send(socket, message);
      });
    }
    return ready.length > 0;
  }

  endSession(message: SessionEnd): EndAnswer {
    return this.#tell(message);
  }

  async revoke(message: LinkRevoked): Promise<boolean> {
    await this.ctx.storage.put(REVOKED, true);
    const ready = this.#ready();
    const told = await tellRevoked(ready, message, (of) => this.#conversation(of).rulesInForce(undefined));
    for (const socket of this.ctx.getWebSockets()) {
      await this.#gone(socket, CLOSE_REVOKED, 'revoked');
      socket.close(CLOSE_REVOKED, 'this connector was revoked');
    }
    await this.#tunnels.endAll((tunnel) => remote(this.env.TUNNEL, tunnel));
    return told;
  }

  askRotation(): EndAnswer {
    return this.#tell({ kind: 'key.rotate' });
  }

  async openTunnel(tunnel: TunnelId, terms: TunnelTerms, email: string): Promise<EndAnswer> {
    this.#tunnels.opened(tunnel, Date.now());
    await remote(this.env.TUNNEL, tunnel).open(terms);
    return this.#tell({ kind: 'tunnel.open', tunnel, email });
  }

  policyApplied(version: number): Promise<void> {
    return this.#rules.applied(version);
  }

  /** Its pings count, and do not wake this object. */
  lastHeard(): number | undefined {
    const ready = this.#ready().map((socket) => this.#lastHeardMs(socket));
    return ready.length > 0 ? Math.max(...ready) : undefined;
  }

  isLinked(): boolean {
    return this.standing() !== undefined;
  }

  standing(): LinkStanding | undefined {
    const socket = this.#ready().find((one) => this.#lastHeardMs(one) + SILENT_AFTER_MS > Date.now());
    if (!socket) return undefined;
    const { draining, status } = attachmentOf(socket);
    return { heardMs: this.#lastHeardMs(socket), draining, ...(status && { status }) };
  }

  unlink(reason: string): void {
    for (const socket of this.#ready()) socket.close(CLOSE_RESTART, reason);
  }

  burnToken(jti: string, expires: number): boolean {
    return this.#memory.burn(jti, expires, Date.now());
  }

  // --- called by the runtime ---

  override async webSocketMessage(socket: WebSocket, raw: string | ArrayBuffer): Promise<void> {
    const { connector, state } = attachmentOf(socket);
    if (state === 'replaced') return;
    const conversation = this.#conversation(connector);
    const message = readMessage(raw);
    if (typeof message === 'string') return this.#refuse(socket, message);
    if (message.kind === 'hello') {
      if (state !== 'greeting' || this.#order.has(socket)) return this.#refuse(socket, 'hello came twice');
      if (message.connector !== connector.id) return this.#refuse(socket, 'hello names another connector');
      const greeting = this.#greet(socket, conversation, message);
      this.#order.set(socket, greeting);
      return greeting;
    }
    const before = this.#order.get(socket);
    if (state === 'greeting' && !before) return this.#refuse(socket, 'the first message was not hello');
    if (message.kind === 'report') {
      const taken = (before ?? Promise.resolve()).then(() =>
        this.#take(socket, conversation, message.seq, message.report),
      );
      this.#order.set(socket, taken);
      return taken;
    }
    if (state === 'greeting') await before;
    switch (message.kind) {
      case 'grants.look_up':
        return this.#answer(socket, conversation.lookUp(message));
      case 'grants.find':
        return this.#answer(socket, conversation.find(message));
      case 'grants.of_key':
        return this.#answer(socket, conversation.findOfKey(message));
      case 'sign_in.ask':
        return this.#answer(socket, conversation.askSignIn(message));
      case 'sign_in.look':
        return this.#answer(socket, conversation.lookAtSignIn(message));
      case 'session.open':
        return this.#admit(socket, conversation, message);
      case 'hold.ask':
        return this.#answer(socket, conversation.askHold(holdActionOf(message)));
      case 'hold.action':
        return this.#answer(socket, conversation.askHold(message));
      case 'targets.seen':
        // Nothing hangs on it: told anew on every link, and when it changes.
        return conversation.targetsSeen(message).catch((error: unknown) => this.#broken(socket, error));
      case 'connector.status':
        return this.#stands(socket, conversation, message.status);
      case 'hold.claim':
        return this.#answer(socket, this.#claim(socket, conversation, message));
      default:
        return unreachable(message);
    }
  }

  override async webSocketClose(socket: WebSocket, code: number, reason: string): Promise<void> {
    try {
      // The other side's closing handshake ends with ours.
      socket.close(1000, 'closed');
    } catch {
      // Done by the runtime.
    }
    await this.#gone(socket, code, reason);
  }

  override async webSocketError(socket: WebSocket): Promise<void> {
    await this.#gone(socket, 1006, 'the connection broke');
  }

  override async alarm(): Promise<void> {
    const now = Date.now();
    for (const socket of this.ctx.getWebSockets()) {
      const { state, openedMs } = attachmentOf(socket);
      if (state === 'greeting' && openedMs + HELLO_WITHIN_MS <= now) socket.close(CLOSE_SILENT, 'no hello came');
      if (state === 'ready' && this.#lastHeardMs(socket) + SILENT_AFTER_MS <= now) {
        await this.#gone(socket, CLOSE_SILENT, 'no ping came');
        socket.close(CLOSE_SILENT, 'no ping came');
      }
    }
    await this.#rules.tellMissed();
    await this.#tellSeen(now);
    this.#memory.cleanUp(now);
    this.#tunnels.cleanUp(now);
    if (this.ctx.getWebSockets().length > 0) await this.ctx.storage.setAlarm(now + CHECK_EVERY_MS);
  }

  // --- parts ---

  /** To a connector that is there now; nobody tells it later. */
  #tell(message: SessionEnd | Extract<FromEdge, { kind: 'tunnel.open' | 'key.rotate' }>): EndAnswer {
    if (!this.isLinked()) return 'not_linked';
    const able = this.#ready().filter((socket) => isUnderstood(socket, message));
    for (const socket of able) send(socket, message);
    return able.length > 0 ? 'told' : 'too_old';
  }

  async #greet(
    socket: WebSocket,
    conversation: LinkConversation,
    hello: Extract<FromConnector, { kind: 'hello' }>,
  ): Promise<void> {
    try {
      const answers = await conversation.hello(hello, attachmentOf(socket).link);
      if (attachmentOf(socket).state !== 'greeting') return;
      if (typeof answers === 'string') {
        socket.serializeAttachment({ ...attachmentOf(socket), state: 'replaced' } satisfies Attachment);
        socket.close(CLOSE_REFUSED, answers.slice(0, MAX_CLOSE_REASON));
        return;
      }
      const { understands, draining = false } = hello;
      const greeted = { state: 'ready' as const, understands, draining, seenMs: Date.now() };
      socket.serializeAttachment({ ...attachmentOf(socket), ...greeted } satisfies Attachment);
      for (const answer of answers) send(socket, answer);
    } catch (error) {
      this.#broken(socket, error);
      return;
    }
    await this.#rules.tell();
  }

  /** Of the newest link alone; a connector that is draining does not take it back. */
  async #stands(socket: WebSocket, conversation: LinkConversation, status: ConnectorStatus): Promise<void> {
    const before = attachmentOf(socket);
    const draining = before.draining || status.draining !== undefined;
    socket.serializeAttachment({ ...before, status, draining } satisfies Attachment);
    if (before.status?.draining || !status.draining) return;
    await conversation.draining(status.draining.until).catch((error: unknown) => this.#broken(socket, error));
  }

  /** Whoever is linked was there now, also when it goes without a word. */
  async #tellSeen(now: number): Promise<void> {
    for (const socket of this.#ready()) {
      const attachment = attachmentOf(socket);
      if (attachment.seenMs + SEEN_EVERY_MS > now) continue;
      try {
        await remote(this.env.DIRECTORY).connectorSeen(attachment.connector.id, undefined);
        socket.serializeAttachment({ ...attachmentOf(socket), seenMs: now } satisfies Attachment);
      } catch {
        // Again in half a minute.
      }
    }
  }

  /** What is claimed goes on under the policy in force: the connector has heard of that one before it hears this answer. */
  async #claim(
    socket: WebSocket,
    conversation: LinkConversation,
    message: Extract<FromConnector, { kind: 'hold.claim' }>,
  ): Promise<FromEdge> {
    await this.#rules.upToDate(socket);
    return conversation.claimHold(message);
  }

  async #take(socket: WebSocket, conversation: LinkConversation, seq: number, report: Report): Promise<void> {
    try {
      await conversation.take(seq, report);
      send(socket, { kind: 'acknowledged', seq });
    } catch (error) {
      // Not acknowledged: the connector sends it again on its next link.
      this.#broken(socket, error);
    }
  }

  /** Whoever is let in while its connector's link goes is not carried by anybody, and must not count. */
  async #admit(
    socket: WebSocket,
    conversation: LinkConversation,
    message: Extract<FromConnector, { kind: 'session.open' }>,
  ): Promise<void> {
    try {
      const answer = await conversation.openSession(message, attachmentOf(socket).link);
      const isTold = attachmentOf(socket).state === 'ready' && send(socket, answer);
      if (!isTold && answer.kind === 'session.admitted') await conversation.takeBack(message.session);
    } catch (error) {
      this.#broken(socket, error);
    }
  }

  async #answer(socket: WebSocket, answer: Promise<FromEdge>): Promise<void> {
    try {
      send(socket, await answer);
    } catch (error) {
      this.#broken(socket, error);
    }
  }

  async #refuse(socket: WebSocket, reason: string): Promise<void> {
    const { connector } = attachmentOf(socket);
    socket.close(reason === 'message too big' ? CLOSE_TOO_BIG : CLOSE_MALFORMED, reason);
    await remote(this.env.AUDIT_LOG).append({
      kind: 'connector.fault',
      actor: `connector:${connector.id}`,
      object: connector.name,
      details: { reason: 'control_message_refused', message: reason },
    });
  }

  async #gone(socket: WebSocket, code: number, reason: string): Promise<void> {
    const attachment = attachmentOf(socket);
    socket.serializeAttachment({ ...attachment, state: 'replaced' } satisfies Attachment);
    if (attachment.state !== 'ready') return;
    const { connector, link } = attachment;
    await remote(this.env.GRANTS).linkGone(connector.id, link);
    await remote(this.env.DIRECTORY).connectorSeen(connector.id, undefined);
    await remote(this.env.AUDIT_LOG).append({
      kind: 'connector.unlinked',
      actor: `connector:${connector.id}`,
      object: connector.name,
      details: { code, reason: reason.slice(0, 120) },
    });
  }

  /** Our own failure: the link is dropped, the connector comes back and resumes. */
  #broken(socket: WebSocket, error: unknown): void {
    console.error(`control link: ${error instanceof Error ? error.message : 'unknown failure'}`);
    try {
      socket.close(CLOSE_INTERNAL, 'the edge could not handle a message');
    } catch {
      // Closed already.
    }
  }

  /** One while the object is awake: it opens together what comes together. */
  #conversation(connector: Attachment['connector']): LinkConversation {
    this.#kept ??= new LinkConversation({
      connector,
      directory: remote(this.env.DIRECTORY),
      grants: remote(this.env.GRANTS),
      audit: remote(this.env.AUDIT_LOG),
      witness: witnessOf(this.env),
      salt: (email, resource) => grantSalt(this.#settings.EDGE_SECRET, email, resource),
      userAuthority: () => this.#userAuthority.publicLine(),
      wasRevoked: (grant) => this.#revoked.has(grant),
      policy: { read: () => this.#rules.read(), newestVersion: () => this.#rules.newestVersion },
      approvals: (id) => remote(this.env.APPROVAL, id),
      publicUrl: this.#settings.PUBLIC_URL,
      build: BUILD,
      links: {
        lastHeard: (id) => remote(this.env.CONNECTOR_LINK, id).lastHeard(),
        push: (id, message) => remote(this.env.CONNECTOR_LINK, id).push(message),
      },
      now: () => Date.now(),
      random: (count) => crypto.getRandomValues(new Uint8Array(count)),
      isNewReport: (seq, report) => this.#memory.isNewReport(seq, report, Date.now()),
    });
    return this.#kept;
  }

  #ready(): WebSocket[] {
    return this.ctx.getWebSockets().filter((socket) => attachmentOf(socket).state === 'ready');
  }

  #lastHeardMs(socket: WebSocket): number {
    const ping = this.ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0;
    return Math.max(ping, attachmentOf(socket).openedMs);
  }
}
