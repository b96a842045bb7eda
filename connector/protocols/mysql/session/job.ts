// What is to be done with one command of a client.

import type { Decision } from '../../../../core/policy/sections/entries.ts';
import type { ActionToHold } from '../../../action.ts';
import type { ClientPacket } from '../wire/client-packets.ts';
import type { MysqlError } from '../wire/replies.ts';
import type { Exchange } from './exchange.ts';
import type { MysqlStatement } from './statement-facts.ts';

const STAR = 0x2a;

export interface Job {
  /** As it is recorded, where that is not as it came. */
  readonly recorded?: Buffer | undefined;
  /** The same with secrets alone written over; undefined: of what stood there nothing is kept. */
  readonly clear?: (() => Buffer) | undefined;
  /** The same for the rest of a long one. */
  readonly recordedRest?: ((part: Buffer) => Buffer) | undefined;
  /** Writes the fact that it began. */
  readonly begin?: () => MysqlStatement;
  /** It goes on now: what it changes is noted, and its answer expected. */
  readonly send: (statement: MysqlStatement | undefined) => void;
  /** Goes on in its place. */
  readonly instead?: Buffer;
  /** The gate decides. */
  readonly question?: JobQuestion;
  /** The gateway does not do that. */
  readonly refused?: MysqlError;
  /** A login within the session, instead of all that: packets go both ways until it is over. */
  readonly login?: (client: Exchange, statement: MysqlStatement | undefined) => Promise<MysqlError | undefined>;
  /** The client waits for an answer to it. */
  readonly answered: boolean;
}

export interface JobQuestion {
  readonly decision: Decision;
  readonly judge: () => Decision;
  readonly count: number;
  readonly describe: () => ActionToHold | string;
}

/** Bytes of its first packet's payload. */
export const payloadBytes = ({ bytes }: ClientPacket): number => bytes.readUIntLE(0, 3);

/** A copy that says nothing from there on. */
export function hiddenFrom(bytes: Buffer, from: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.fill(STAR, Math.min(from, copy.length));
  return copy;
}

export const allHidden = (part: Buffer): Buffer => Buffer.alloc(part.length, STAR);
