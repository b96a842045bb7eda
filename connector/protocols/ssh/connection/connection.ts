// The connection protocol (RFC 4254) of one leg: channels by number, and global requests. Which are allowed is its owner's.

import {
  CHANNEL_CLOSE,
  CHANNEL_DATA,
  CHANNEL_EOF,
  CHANNEL_EXTENDED_DATA,
  CHANNEL_FAILURE,
  CHANNEL_OPEN,
  CHANNEL_OPEN_CONFIRMATION,
  CHANNEL_OPEN_FAILURE,
  CHANNEL_REQUEST,
  CHANNEL_SUCCESS,
  CHANNEL_WINDOW_ADJUST,
  FieldReader,
  GLOBAL_REQUEST,
  sshMessage,
  OPEN_SHORTAGE,
  REQUEST_FAILURE,
  REQUEST_SUCCESS,
} from '../wire/messages.ts';
import { ProtocolFault, type SshTransport, type TransportEnd, type TransportHandler } from '../wire/transport.ts';
import { type ChannelCarrier, ChannelStream, MAX_PACKET_BYTES, WINDOW_BYTES } from './channel-stream.ts';

/** At one time, of one connection. */
const MAX_CHANNELS = 200;

/** Of the other side that are still to be answered, and of ours. */
const MAX_REQUESTS = 1000;

/** A channel that the other side wants: to be accepted or refused, at once or later. */
export interface AskedChannel {
  readonly type: string;
  /** What stands behind its windows. A view, good for this turn. */
  readonly fields: Buffer;
  /** Nothing comes on it before it is accepted. */
  readonly channel: ChannelStream;
  accept(): void;
  refuse(refused: ChannelRefused): void;
}

export interface ChannelRefused {
  readonly reason: number;
  readonly words: string;
}

/** A global request of the other side (RFC 4254 section 4): answered once, at once or later; answers go out in the order of the requests. */
export interface AskedGlobally {
  readonly name: string;
  /** What stands behind its name. A view, good for this turn. */
  readonly fields: Buffer;
  succeed(fields?: Buffer): void;
  fail(): void;
}

export interface ConnectionOwner {
  channelAsked(asked: AskedChannel): void;
  globallyAsked(asked: AskedGlobally): void;
  closed(how: TransportEnd): void;
}

type Answered = (success: boolean, fields: Buffer) => void;
type Opened = (refused: ChannelRefused | undefined) => void;

export class Connection implements ChannelCarrier, TransportHandler {
  readonly #transport: SshTransport;
  readonly #owner: ConnectionOwner;
  readonly #channels = new Map<number, ChannelStream>();
  readonly #opening = new Map<number, { readonly channel: ChannelStream; readonly done: Opened }>();
  /** The other side asked for them, and they are not accepted. */
  readonly #asked = new Set<number>();
  #next = 0;
  /** To requests of the other side, in their order; undefined: not answered yet. */
  readonly #answers: { payload: Buffer | undefined }[] = [];
  /** To requests of ours. */
  readonly #requested: Answered[] = [];

  /** Takes over the transport's messages with `begin`. */
  constructor(transport: SshTransport, owner: ConnectionOwner) {
    this.#transport = transport;
    this.#owner = owner;
  }

  begin(): void {
    this.#transport.handle(this);
  }

  get writable(): boolean {
    return this.#transport.writable;
  }

  send(payload: Buffer): void {
    this.#transport.send(payload);
  }

  sendFilled(length: number, fill: (packet: Buffer, start: number) => void): void {
    this.#transport.sendFilled(length, fill);
  }

  forget(channel: ChannelStream): void {
    if (!this.#opening.has(channel.id) && !this.#asked.has(channel.id)) this.#channels.delete(channel.id);
  }

  /** A channel that is not open yet: what is written to it waits. */
  newChannel(): ChannelStream {
    const channel = new ChannelStream(this.#next++, this);
    this.#channels.set(channel.id, channel);
    if (this.#transport.ended) channel.lost();
    return channel;
  }

  /** Asks the other side for it. Once, for a channel of `newChannel`. `fields`: what the type has beside. */
  open(channel: ChannelStream, type: string, done: Opened, fields: Buffer = Buffer.alloc(0)): void {
    if (this.#transport.ended || channel.destroyed) return;
    this.#opening.set(channel.id, { channel, done });
    this.send(sshMessage(CHANNEL_OPEN, type, channel.id, WINDOW_BYTES, MAX_PACKET_BYTES, { raw: fields }));
  }

  /** Asks the other side globally. `answered`: never, once the connection is closed. */
  request(name: string, fields: Buffer, answered: Answered): void {
    if (this.#transport.ended) return;
    this.#requested.push(answered);
    this.send(sshMessage(GLOBAL_REQUEST, name, true, { raw: fields }));
  }

  message(payload: Buffer): void {
    const type = payload[0] ?? 0;
    switch (type) {
      case CHANNEL_DATA:
      case CHANNEL_EXTENDED_DATA:
      case CHANNEL_EOF:
      case CHANNEL_REQUEST:
      case CHANNEL_SUCCESS:
      case CHANNEL_FAILURE:
        this.#channelOf(payload).received(payload);
        return;
      case CHANNEL_WINDOW_ADJUST:
        this.#channelOf(payload).credited(new FieldReader(payload, 5).uint32());
        return;
      case CHANNEL_CLOSE:
        this.#channelOf(payload).closedByRemote();
        return;
      case CHANNEL_OPEN:
        this.#channelAsked(payload);
        return;
      case CHANNEL_OPEN_CONFIRMATION:
      case CHANNEL_OPEN_FAILURE:
        this.#answered(payload, type);
        return;
      case GLOBAL_REQUEST:
        this.#globalRequest(payload);
        return;
      case REQUEST_SUCCESS:
      case REQUEST_FAILURE: {
        const answered = this.#requested.shift();
        if (!answered) throw new ProtocolFault('it answers a request that nobody made');
        answered(type === REQUEST_SUCCESS, payload.subarray(1));
        return;
      }
      default:
        throw new ProtocolFault(`message ${type} is not understood`);
    }
  }

  resume(): void {
    for (const channel of this.#channels.values()) channel.resumeSending();
  }

  closed(how: TransportEnd): void {
    for (const channel of [...this.#channels.values()]) channel.lost();
    this.#channels.clear();
    this.#opening.clear();
    this.#asked.clear();
    this.#owner.closed(how);
  }

  #channelOf(payload: Buffer): ChannelStream {
    const id = new FieldReader(payload).uint32();
    const channel = this.#channels.get(id);
    if (!channel || this.#opening.has(id) || this.#asked.has(id))
      throw new ProtocolFault('something came on a channel that is not open');
    return channel;
  }

  #channelAsked(payload: Buffer): void {
    const fields = new FieldReader(payload);
    const type = fields.text();
    const remote = { id: fields.uint32(), window: fields.uint32(), maxPacket: fields.uint32() };
    const sendRefusal = ({ reason, words }: ChannelRefused) =>
      this.send(sshMessage(CHANNEL_OPEN_FAILURE, remote.id, reason, words, ''));
    if (this.#channels.size >= MAX_CHANNELS) {
      sendRefusal({ reason: OPEN_SHORTAGE, words: `Gatehouse: no more than ${MAX_CHANNELS} channels at a time.` });
      return;
    }
    const channel = new ChannelStream(this.#next++, this);
    this.#channels.set(channel.id, channel);
    this.#asked.add(channel.id);
    this.#owner.channelAsked({
      type,
      fields: fields.rest(),
      channel,
      accept: () => {
        if (!this.#asked.delete(channel.id)) return;
        this.send(sshMessage(CHANNEL_OPEN_CONFIRMATION, remote.id, channel.id, WINDOW_BYTES, MAX_PACKET_BYTES));
        channel.opened(remote);
      },
      refuse: (refused) => {
        if (!this.#asked.delete(channel.id)) return;
        this.#channels.delete(channel.id);
        sendRefusal(refused);
        channel.destroy();
      },
    });
  }

  #answered(payload: Buffer, type: number): void {
    const fields = new FieldReader(payload);
    const id = fields.uint32();
    const opening = this.#opening.get(id);
    if (!opening) throw new ProtocolFault('it answers for a channel that nobody asked for');
    this.#opening.delete(id);
    if (type === CHANNEL_OPEN_CONFIRMATION) {
      opening.channel.opened({ id: fields.uint32(), window: fields.uint32(), maxPacket: fields.uint32() });
      opening.done(undefined);
    } else {
      const refused = { reason: fields.uint32(), words: fields.string().toString() };
      opening.done(refused);
      opening.channel.lost();
      this.#channels.delete(id);
    }
  }

  #globalRequest(payload: Buffer): void {
    const fields = new FieldReader(payload);
    const name = fields.text();
    const wantReply = fields.boolean();
    if (this.#answers.length >= MAX_REQUESTS) throw new ProtocolFault('it sends more requests than are answered');
    const slot: { payload: Buffer | undefined } = { payload: undefined };
    if (wantReply) this.#answers.push(slot);
    const answer = (payload: Buffer) => {
      slot.payload ??= payload;
      if (wantReply) this.#sendAnswers();
    };
    this.#owner.globallyAsked({
      name,
      fields: fields.rest(),
      succeed: (more) => answer(sshMessage(REQUEST_SUCCESS, { raw: more ?? Buffer.alloc(0) })),
      fail: () => answer(Buffer.from([REQUEST_FAILURE])),
    });
  }

  #sendAnswers(): void {
    for (let first = this.#answers[0]; first?.payload; first = this.#answers[0]) {
      this.#answers.shift();
      this.send(first.payload);
    }
  }
}
