// A tunnel's relay: what one end sends, the other gets. It keeps nothing of what goes through, looks at nothing, and may sleep
// between two messages or be restarted: its ends send again what was lost (core/tunnel, docs/adr/0057). Only whose tunnel it is,
// or how it ended for an end that was away, stands in its storage, and goes with it. While both ends are there no alarm wakes it.

import { DurableObject } from 'cloudflare:workers';
import { z } from 'zod';
import { MAX_CHANNEL_MESSAGE_BYTES } from '../../../core/tunnel/channel-messages.ts';
import {
  CLOSE_ABANDONED,
  CLOSE_DONE,
  CLOSE_OVER,
  CLOSE_TUNNEL_REFUSED,
  CLOSE_REPLACED,
  type RelayNotice,
  RESUME_WITHIN_MS,
} from '../../../core/tunnel/relay.ts';
import type { Env } from '../../env.ts';
import type { Serves } from '../../ports/object.ts';
import {
  TUNNEL_ADDRESS_HEADER,
  TUNNEL_END_HEADER,
  TUNNEL_OWNER_HEADER,
  type TunnelPort,
  type TunnelTerms,
} from '../../ports/tunnel.ts';

const CLOSE_MALFORMED = 4400;
/** A little more than its ends wait. */
const ABANDONED_AFTER_MS = RESUME_WITHIN_MS + 15_000;

const TERMS = 'terms';
/** How it ended, for an end that was not there to hear it. */
const VERDICT = 'verdict';

interface Verdict {
  readonly code: number;
  readonly reason: string;
}

const End = z.enum(['person', 'connector']);
type End = z.infer<typeof End>;

const Attachment = z.object({
  end: End,
  /** false: another took its place, or it left. */
  current: z.boolean(),
  address: z.string(),
});
type Attachment = z.infer<typeof Attachment>;

export class TunnelRelay extends DurableObject<Env> implements Serves<TunnelPort> {
  #awaited: (() => void) | undefined;

  // --- called by the Worker ---

  async open(terms: TunnelTerms): Promise<void> {
    await this.ctx.storage.put(TERMS, terms);
    await this.ctx.storage.setAlarm(Date.now() + ABANDONED_AFTER_MS);
  }

  /** Only whoever opens a tunnel waits here, for a second: an object that is evicted meanwhile fails the call. */
  async dialled(withinMs: number): Promise<boolean> {
    if (!this.#current('connector')) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#awaited = resolve;
      const timer = setTimeout(resolve, withinMs);
      await promise;
      clearTimeout(timer);
      this.#awaited = undefined;
    }
    // One that refused came too: whoever opens the tunnel hears why.
    if (this.#current('connector') || (await this.ctx.storage.get(VERDICT))) return true;
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    return false;
  }

  async end(reason: string): Promise<void> {
    // One that is over for good leaves nothing.
    if (await this.ctx.storage.get(TERMS)) await this.#over(undefined, { code: CLOSE_OVER, reason });
  }

  override async fetch(request: Request): Promise<Response> {
    const end = End.parse(request.headers.get(TUNNEL_END_HEADER));
    const owner = request.headers.get(TUNNEL_OWNER_HEADER) ?? '';
    const terms = await this.ctx.storage.get<TunnelTerms>(TERMS);
    // Others' tunnels are not told apart from none.
    if (!terms || owner !== (end === 'person' ? terms.subject : terms.connector))
      return new Response(null, { status: 404 });
    const verdict = await this.ctx.storage.get<Verdict>(VERDICT);
    if (verdict) return turnAway(verdict);
    const before = this.#current(end);
    if (before) this.#leave(before, CLOSE_REPLACED, 'a newer connection of this end took over');
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    const address = request.headers.get(TUNNEL_ADDRESS_HEADER) ?? '';
    server.serializeAttachment({ end, current: true, address } satisfies Attachment);
    if (end === 'connector') this.#awaited?.();
    const other = this.#current(otherOf(end));
    if (other) {
      this.#attach(end === 'person' ? server : other, end === 'person' ? other : server);
      await this.ctx.storage.deleteAlarm();
    } else await this.ctx.storage.setAlarm(Date.now() + ABANDONED_AFTER_MS);
    return new Response(null, { status: 101, webSocket: client });
  }

  // --- called by the runtime ---

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    const { end, current } = attachmentOf(socket);
    if (!current) return;
    if (typeof message === 'string') this.#refuse(socket, 'text is not relayed');
    else if (message.byteLength > MAX_CHANNEL_MESSAGE_BYTES) this.#refuse(socket, 'message too big');
    // What comes while the other is away is sent again by its end.
    else this.#current(otherOf(end))?.send(message);
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
    await this.#gone(socket, 1006, '');
  }

  /** An end did not come, or not again, or has had its time to hear of the end. */
  override async alarm(): Promise<void> {
    const present = End.options.flatMap((end) => this.#current(end) ?? []);
    if (present.length === End.options.length) return;
    for (const socket of present) this.#leave(socket, CLOSE_OVER, 'the other end did not come in time');
    await this.ctx.storage.deleteAll();
  }

  // --- parts ---

  #attach(person: WebSocket, connector: WebSocket): void {
    notify(person, { kind: 'attached' });
    notify(connector, { kind: 'attached', address: attachmentOf(person).address });
  }

  async #gone(socket: WebSocket, code: number, reason: string): Promise<void> {
    const attachment = attachmentOf(socket);
    if (!attachment.current) return;
    socket.serializeAttachment({ ...attachment, current: false } satisfies Attachment);
    const { end } = attachment;
    if (code === 1000) return this.#over(end, { code: CLOSE_DONE, reason: 'the other end is done' });
    if (code === CLOSE_ABANDONED) return this.#over(end, { code: CLOSE_OVER, reason: 'the other end left' });
    if (code === CLOSE_TUNNEL_REFUSED && end === 'connector')
      return this.#over(end, { code, reason: reason || 'the connector takes no tunnel now' });
    const other = this.#current(otherOf(end));
    if (other) notify(other, { kind: 'detached' });
    await this.ctx.storage.setAlarm(Date.now() + ABANDONED_AFTER_MS);
  }

  #refuse(socket: WebSocket, reason: string): void {
    const { end } = attachmentOf(socket);
    this.#leave(socket, CLOSE_MALFORMED, reason);
    void this.#over(end, { code: CLOSE_OVER, reason: 'the other end sent what is not understood' });
  }

  /** Ended by one end, or by the edge. Whoever is away, or has not come yet, hears it then. */
  async #over(by: End | undefined, verdict: Verdict): Promise<void> {
    for (const end of End.options) {
      const socket = end === by ? undefined : this.#current(end);
      if (socket) this.#leave(socket, verdict.code, verdict.reason);
    }
    await this.ctx.storage.put(VERDICT, verdict);
    await this.ctx.storage.setAlarm(Date.now() + ABANDONED_AFTER_MS);
  }

  #leave(socket: WebSocket, code: number, reason: string): void {
    socket.serializeAttachment({ ...attachmentOf(socket), current: false } satisfies Attachment);
    try {
      socket.close(code, reason);
    } catch {
      // Closed already.
    }
  }

  #current(end: End): WebSocket | undefined {
    return this.ctx.getWebSockets().find((socket) => {
      const attachment = attachmentOf(socket);
      return attachment.end === end && attachment.current && socket.readyState === WebSocket.OPEN;
    });
  }
}

/** By a WebSocket that is closed at once: of a refused upgrade most clients show the status alone. */
function turnAway({ code, reason }: Verdict): Response {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  server.close(code, reason);
  return new Response(null, { status: 101, webSocket: client });
}

const otherOf = (end: End): End => (end === 'person' ? 'connector' : 'person');
const attachmentOf = (socket: WebSocket): Attachment => Attachment.parse(socket.deserializeAttachment());
const notify = (socket: WebSocket, notice: RelayNotice): void => socket.send(JSON.stringify(notice));
