// The channels of one connection as one conversation: it is over when all of them are.

import type { EndReason } from '../../../core/recording/facts/session.ts';
import type { Conversation, ConversationEnd, LogFault } from '../../../connector/door.ts';
import type { Demultiplexer } from './demultiplexer.ts';

export class Conversations implements Conversation {
  readonly ended: Promise<ConversationEnd>;
  readonly #all: readonly Conversation[];

  constructor(all: readonly Conversation[], channels: Demultiplexer) {
    this.#all = all;
    this.ended = Promise.race(all.map(({ ended }) => ended)).then(async (first) => {
      await Promise.all(all.map(({ ended }) => ended));
      return first;
    });
    channels.onFault = (what) => this.end('protocol_fault', `The session ends: ${what}.`);
  }

  end(reason: EndReason, message: string): void {
    for (const one of this.#all) one.end(reason, message);
  }

  logFailed(fault: LogFault): void {
    for (const one of this.#all) one.logFailed(fault);
  }

  lastActivityMs(): number {
    return Math.max(...this.#all.map((one) => one.lastActivityMs()));
  }
}
