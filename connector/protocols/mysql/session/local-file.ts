// LOAD DATA LOCAL: the target asks the client for a file by its name, and the client answers with the content.
//
//   target   0xfb | file name                         as the first packet of the answer
//   client   packets of content, then an empty one    numbered on from it
//
// It is the server that asks, so one that is not honest may ask for any file, whatever the statement was. So its demand goes
// on only where it is for the file that the statement names; it is no more than the client asked for by itself.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_local_infile_request.html

import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { FileTransferred, PartialReason } from '../../../../core/recording/facts/file.ts';
import type { Lane } from '../../../door.ts';
import { FULL_PACKET_BYTES, lengthAt, PACKET_HEADER_BYTES } from '../wire/packets.ts';
import { LOCAL_INFILE } from '../wire/replies.ts';

/** A demand for a longer name is for none that is expected: servers take 512 bytes (FN_REFLEN). */
const MAX_NAME_BYTES = 1024;

export interface Demand {
  /** Its packets' bytes. */
  readonly bytes: Buffer;
  readonly sequence: number;
  readonly name: Buffer;
}

/** The answer that begins with `bytes`: whether it is a demand. Undefined: more of it is needed. */
export function readDemand(bytes: Buffer): Demand | 'none' | 'too long' | undefined {
  if (bytes.length < PACKET_HEADER_BYTES) return undefined;
  const end = PACKET_HEADER_BYTES + lengthAt(bytes, 0);
  if (end === PACKET_HEADER_BYTES) return 'none';
  if (bytes.length === PACKET_HEADER_BYTES) return undefined;
  if (bytes[PACKET_HEADER_BYTES] !== LOCAL_INFILE) return 'none';
  if (end > PACKET_HEADER_BYTES + 1 + MAX_NAME_BYTES) return 'too long';
  if (bytes.length < end) return undefined;
  return {
    bytes: bytes.subarray(0, end),
    sequence: bytes[3] as number,
    name: bytes.subarray(PACKET_HEADER_BYTES + 1, end),
  };
}

/** A file while its content goes to the target. */
export class LocalFile {
  readonly #lane: Lane;
  readonly #action: number;
  readonly #name: Buffer;
  readonly #startedUs: number;
  readonly #hash = createHash('sha256');
  #size = 0;
  #left = 0;
  readonly #header = Buffer.alloc(PACKET_HEADER_BYTES);
  #headerBytes = 0;
  /** The packet before was a full one: this one goes on its payload. */
  #continued = false;
  #told = false;
  /** Of the last packet, the target's demand or the client's. */
  sequence: number;
  /** Its empty packet came. */
  ended = false;
  fault: string | undefined;

  constructor(lane: Lane, action: number, { name, sequence }: Demand) {
    this.#lane = lane;
    this.#action = action;
    this.#name = Buffer.from(name);
    this.#startedUs = lane.elapsedUs();
    this.sequence = sequence;
    this.#lane.fact({
      ...{ kind: 'file.accessed', action, operation: 'open', ...this.#path, flags: ['read'], durationUs: 0 },
    });
  }

  /** More of the client's packets, headers included; none behind its empty one. */
  take(bytes: Buffer): void {
    for (let at = 0; at < bytes.length && this.fault === undefined; ) {
      if (this.#left > 0) {
        const share = Math.min(this.#left, bytes.length - at);
        this.#hash.update(bytes.subarray(at, at + share));
        this.#size += share;
        this.#left -= share;
        at += share;
        continue;
      }
      this.#header[this.#headerBytes++] = bytes[at++] as number;
      if (this.#headerBytes === PACKET_HEADER_BYTES) this.#begin();
    }
  }

  #begin(): void {
    this.#headerBytes = 0;
    this.sequence = (this.sequence + 1) & 255;
    if (this.#header[3] !== this.sequence) this.fault = 'packets of a file came out of order';
    this.#left = lengthAt(this.#header, 0);
    if (this.#left === 0 && !this.#continued) this.ended = true;
    this.#continued = this.#left === FULL_PACKET_BYTES;
  }

  /** The answer is over. `failed`: with an error; undefined: there was none. */
  finish(failed: boolean | undefined): void {
    if (this.#told) return;
    this.#told = true;
    const partial: PartialReason[] = [];
    if (!this.ended) partial.push('not_closed');
    if (failed === undefined) partial.push('unanswered');
    else if (failed) partial.push('write_failed');
    const fact: FileTransferred = {
      ...{ kind: 'file.transferred', action: this.#action, ...this.#path, direction: 'upload', size: this.#size },
      sha256: this.#hash.digest('hex'),
      ...(partial.length > 0 && { partial }),
      durationUs: Math.max(0, this.#lane.elapsedUs() - this.#startedUs),
    };
    this.#lane.fact(fact);
  }

  get #path() {
    const path = this.#name.toString('utf8');
    return { path, ...(!isUtf8(this.#name) && { pathBase64: this.#name.toString('base64') }) };
  }
}
