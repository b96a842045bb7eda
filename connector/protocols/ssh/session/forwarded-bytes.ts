// What goes over a forwarded connection, whoever opened it: recorded, and handed on as it came. Knows of what is spoken
// on it only how SSH begins.

import { passUntouched } from '../../../../core/masking/masked.ts';
import type { Lane, Recorded } from '../../../door.ts';
import type { Relay } from '../../../net/relay.ts';
import { FAILURE_RECORD, recordsOf } from '../connection/records.ts';

/** RFC 4253 section 4.2: so both sides of SSH begin, possibly behind other lines, which sshd does not send. */
const SSH_BEGINS = Buffer.from('SSH-');

interface ForwardedDeps {
  readonly relay: Relay;
  readonly lane: Lane;
  readonly opened: Recorded;
  /** SSH is spoken on it. Gives whether it ends for that. */
  onSsh(): boolean;
}

export class ForwardedBytes {
  readonly #deps: ForwardedDeps;
  #receipt: Recorded;
  readonly #beginnings = { client: new Beginning(), target: new Beginning() };

  constructor(deps: ForwardedDeps) {
    this.#deps = deps;
    this.#receipt = deps.opened;
  }

  carry(from: 'client' | 'target', chunk: Buffer): void {
    const { relay, lane } = this.#deps;
    for (const record of recordsOf(chunk)) {
      if (record.kind === 'request') {
        // None is defined for these channels; a keepalive is one, and any answer will do.
        if (!record.wantReply) continue;
        if (from === 'client') relay.toClient(passUntouched(FAILURE_RECORD()), this.#receipt);
        else relay.toTarget(FAILURE_RECORD(), this.#receipt);
        continue;
      }
      if (record.kind !== 'data' && record.kind !== 'eof') {
        relay.end('protocol_fault', `The channel ends: the ${from} sends what forwarded connections have not.`);
        return;
      }
      if (record.kind === 'data') {
        this.#receipt = lane.record(from, record.data);
        if (this.#beginnings[from].isSsh(record.data) && this.#deps.onSsh()) return;
      }
      if (from === 'client') relay.toTarget(record.whole, this.#receipt);
      else relay.toClient(passUntouched(record.whole), this.#receipt);
    }
  }
}

/** What one side says first. */
class Beginning {
  #seen = 0;
  #ssh = true;

  /** Once: when all of the beginning is here, and it is SSH's. */
  isSsh(data: Buffer): boolean {
    if (!this.#ssh || this.#seen === SSH_BEGINS.length) return false;
    for (const byte of data.subarray(0, SSH_BEGINS.length - this.#seen))
      this.#ssh &&= byte === SSH_BEGINS[this.#seen++];
    return this.#ssh && this.#seen === SSH_BEGINS.length;
  }
}
