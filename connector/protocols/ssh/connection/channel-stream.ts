// One channel of a connection as a stream of records: the channel's messages in their order, without the channel's
// number, which differs on the two legs. The stream's end is CHANNEL_CLOSE; CHANNEL_EOF is a record like others.
//
//    byte type | u32 length of what follows | the message behind its recipient channel
//
// A record is its message with the length where the number was, so nothing is copied. Windows (RFC 4254 section 5.2) are
// kept here: credit goes back when the reader took what came, and what is written waits for the other side's credit.

import { Duplex } from 'node:stream';
import {
  CHANNEL_CLOSE,
  CHANNEL_DATA,
  CHANNEL_EXTENDED_DATA,
  CHANNEL_REQUEST,
  CHANNEL_WINDOW_ADJUST,
  FieldReader,
  sshMessage,
} from '../wire/messages.ts';
import { ProtocolFault } from '../wire/transport.ts';

export const WINDOW_BYTES = 2 * 1024 * 1024;
/** What the library reads as one packet is not much more. */
export const MAX_PACKET_BYTES = 32 * 1024;
/** Of records that no window limits: requests that come faster than they are taken. */
const MAX_UNREAD_REQUEST_BYTES = 1024 * 1024;
const RECORD_HEADER_BYTES = 5;
const MAX_WINDOW = 0xffff_ffff;

/** The connection that a channel is one of. */
export interface ChannelCarrier {
  /** More may be sent now; false: `resumeSending` is called later. */
  readonly writable: boolean;
  send(payload: Buffer): void;
  sendFilled(length: number, fill: (packet: Buffer, start: number) => void): void;
  /** Nothing of it comes or goes any more. */
  forget(channel: ChannelStream): void;
}

interface RemoteEnd {
  readonly id: number;
  readonly window: number;
  readonly maxPacket: number;
}

interface PendingWrite {
  readonly chunk: Buffer;
  at: number;
  readonly done: (error?: Error | null) => void;
}

export class ChannelStream extends Duplex {
  readonly id: number;
  readonly #carrier: ChannelCarrier;
  #remote: RemoteEnd | undefined;
  #sendWindow = 0;
  /** Credit that the other side has. */
  #receiveWindow = WINDOW_BYTES;
  #taken = 0;
  #unread: Buffer[] = [];
  #unreadRequests = 0;
  #wanted = true;
  #pending: PendingWrite | undefined;
  #closeSent = false;
  #closeReceived = false;
  #gone = false;

  /** Told at once when the other side closes the channel or its connection, though nothing is read. */
  onHangUp: () => void = () => {};
  /** Told when its connection went before the other side had closed it. */
  onLost: () => void = () => {};

  constructor(id: number, carrier: ChannelCarrier, remote?: RemoteEnd) {
    super({ allowHalfOpen: true, readableHighWaterMark: 64 * 1024, writableHighWaterMark: 64 * 1024 });
    this.id = id;
    this.#carrier = carrier;
    this.on('error', () => {});
    if (remote) this.opened(remote);
  }

  /** It was confirmed: what was written meanwhile goes on. */
  opened(remote: RemoteEnd): void {
    this.#remote = remote;
    this.#sendWindow = remote.window;
    if (this.destroyed) this.#sendClose();
    else this.resumeSending();
  }

  /** A message of this channel came: DATA, EXTENDED_DATA, EOF, a request, or an answer to one. The payload is the channel's. */
  received(payload: Buffer): void {
    if (this.#closeReceived) throw new ProtocolFault('something came on a channel that was closed');
    const type = payload[0] ?? 0;
    if (type === CHANNEL_DATA || type === CHANNEL_EXTENDED_DATA) {
      const header = type === CHANNEL_DATA ? 9 : 13;
      const data = new FieldReader(payload, header - 4).string();
      if (header + data.length !== payload.length) throw new ProtocolFault('data has more bytes than it says');
      this.#receiveWindow -= data.length;
      if (this.#receiveWindow < 0) throw new ProtocolFault('it sent more than the window has room for');
    } else {
      if (type === CHANNEL_REQUEST) checkRequest(payload);
      this.#unreadRequests += payload.length;
    }
    if (this.destroyed) return;
    if (this.#unreadRequests > MAX_UNREAD_REQUEST_BYTES)
      throw new ProtocolFault('it sends more requests than are taken');
    payload.writeUInt32BE(payload.length - RECORD_HEADER_BYTES, 1);
    this.#unread.push(payload);
    if (this.#wanted) this.#hand();
  }

  /** CHANNEL_CLOSE came. */
  closedByRemote(): void {
    if (this.#closeReceived) throw new ProtocolFault('a channel was closed twice');
    this.#closeReceived = true;
    this.#release();
    this.#dropPending();
    this.onHangUp();
    if (this.#wanted) this.#hand();
  }

  credited(bytes: number): void {
    this.#sendWindow += bytes;
    if (this.#sendWindow > MAX_WINDOW) throw new ProtocolFault('a window grew beyond 32 bits');
    this.resumeSending();
  }

  /** Its connection is gone, or it could not be opened. */
  lost(): void {
    this.#gone = true;
    this.#dropPending();
    // What came before a close is still there to be read.
    if (this.#closeReceived) return;
    this.onHangUp();
    this.onLost();
    this.destroy();
  }

  resumeSending(): void {
    const pending = this.#pending;
    if (!pending || !this.#remote) return;
    while (pending.at < pending.chunk.length) if (!this.#sendSome(pending, this.#remote)) return;
    this.#pending = undefined;
    pending.done();
  }

  override _read(): void {
    this.#wanted = true;
    this.#hand();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    if (this.#closeReceived || this.#gone) {
      done();
      return;
    }
    this.#pending = { chunk, at: 0, done };
    this.resumeSending();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#sendClose();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#unread = [];
    this.#pending = undefined;
    this.#sendClose();
    if (!this.#remote) this.#release();
    done(error);
  }

  #hand(): void {
    let taken = 0;
    while (this.#wanted) {
      const record = this.#unread.shift();
      if (!record) break;
      if (record[0] === CHANNEL_DATA) taken += record.length - 9;
      else if (record[0] === CHANNEL_EXTENDED_DATA) taken += record.length - 13;
      else this.#unreadRequests -= record.length;
      this.#wanted = this.push(record);
    }
    if (this.#unread.length === 0 && this.#closeReceived && !this.readableEnded && !this.destroyed) this.push(null);
    this.#credit(taken);
  }

  #credit(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken < WINDOW_BYTES / 4 || !this.#remote || this.#closeReceived || this.#closeSent) return;
    this.#carrier.send(sshMessage(CHANNEL_WINDOW_ADJUST, this.#remote.id, this.#taken));
    this.#receiveWindow += this.#taken;
    this.#taken = 0;
  }

  /** False: it has to wait. */
  #sendSome(pending: PendingWrite, remote: RemoteEnd): boolean {
    if (!this.#carrier.writable) return false;
    const { chunk, at } = pending;
    const type = chunk[at] ?? 0;
    const end = at + RECORD_HEADER_BYTES + chunk.readUInt32BE(at + 1);
    const fields = type === CHANNEL_DATA ? 4 : type === CHANNEL_EXTENDED_DATA ? 8 : undefined;
    if (fields === undefined) {
      this.#sendPart(type, remote.id, chunk, at + RECORD_HEADER_BYTES, end);
      pending.at = end;
      return true;
    }
    const dataAt = at + RECORD_HEADER_BYTES + fields;
    const length = end - dataAt;
    const sent = Math.min(length, this.#sendWindow, remote.maxPacket, MAX_PACKET_BYTES);
    if (sent === 0 && length > 0) return false;
    this.#sendWindow -= sent;
    this.#carrier.sendFilled(RECORD_HEADER_BYTES + fields + sent, (packet, start) => {
      packet[start] = type;
      packet.writeUInt32BE(remote.id, start + 1);
      if (fields === 8) chunk.copy(packet, start + 5, at + 5, at + 9);
      packet.writeUInt32BE(sent, start + fields + 1);
      chunk.copy(packet, start + fields + 5, dataAt, dataAt + sent);
    });
    if (sent === length) pending.at = end;
    else shorten(pending, sent, type, fields);
    return true;
  }

  #sendPart(type: number, remoteId: number, chunk: Buffer, from: number, to: number): void {
    this.#carrier.sendFilled(RECORD_HEADER_BYTES + to - from, (packet, start) => {
      packet[start] = type;
      packet.writeUInt32BE(remoteId, start + 1);
      chunk.copy(packet, start + 5, from, to);
    });
  }

  #dropPending(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.done();
  }

  #sendClose(): void {
    if (this.#closeSent || !this.#remote || this.#gone) return;
    this.#closeSent = true;
    this.#carrier.send(sshMessage(CHANNEL_CLOSE, this.#remote.id));
    this.#release();
  }

  /** The number is free again when both sides have closed. */
  #release(): void {
    if (this.#remote ? this.#closeSent && this.#closeReceived : this.destroyed) this.#carrier.forget(this);
  }
}

/** What is left of a record gets a header of its own, over what was sent of it. */
function shorten(pending: PendingWrite, sent: number, type: number, fields: number): void {
  const { chunk, at } = pending;
  const left = chunk.readUInt32BE(at + 1) - fields - sent;
  const kind = fields === 8 ? chunk.readUInt32BE(at + 5) : 0;
  const from = at + sent;
  chunk[from] = type;
  chunk.writeUInt32BE(fields + left, from + 1);
  if (fields === 8) chunk.writeUInt32BE(kind, from + 5);
  chunk.writeUInt32BE(left, from + fields + 1);
  pending.at = from;
}

/** Whoever reads its record later has nobody to tell. */
function checkRequest(payload: Buffer): void {
  const fields = new FieldReader(payload, RECORD_HEADER_BYTES);
  fields.text();
  fields.boolean();
}
