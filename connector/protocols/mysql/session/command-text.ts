// The text of a command, as it is recorded.

import { isUtf8 } from 'node:buffer';
import { keepShown } from '../../../../core/recording/originals/differences.ts';
import type { Masks } from '../../../../core/masking/masks.ts';
import { MAX_FACT_TEXT } from '../../../../core/recording/facts/bytes-at.ts';
import type { ClientPacket } from '../wire/client-packets.ts';
import { PACKET_HEADER_BYTES } from '../wire/packets.ts';
import { hideSecrets, LongText } from './hidden-secrets.ts';
import { payloadBytes } from './job.ts';
import type { MysqlFacts, MysqlStatement } from './statement-facts.ts';

/** Behind the command's number. */
export const BODY_AT = PACKET_HEADER_BYTES + 1;

interface CommandText {
  /** The packet, where it is not recorded as it came. */
  readonly packet: Buffer | undefined;
  /** The same for the rest of a long one. */
  readonly rest: ((part: Buffer) => Buffer) | undefined;
  /** Something of it was written over, so far. */
  readonly hidden: () => boolean;
  /** Its parameters may be secrets. */
  readonly parameters: boolean;
  /** For facts and approvers. */
  readonly shown: string;
}

/** `masks`: that what is hidden is counted with. `wary`: as hideSecrets has it. */
export function readCommandText(
  packet: ClientPacket,
  masks: Pick<Masks, 'hide'>,
  characterSet: string | undefined,
  wary = false,
): CommandText {
  const text = packet.bytes.subarray(BODY_AT);
  const recorded = (copy: Buffer) =>
    copy === text ? undefined : Buffer.concat([packet.bytes.subarray(0, BODY_AT), copy]);
  if (!packet.cut) {
    const { copy, hidden, parameters } = hideSecrets(text, wary);
    masks.hide('secret', hidden);
    return {
      packet: recorded(copy),
      rest: undefined,
      hidden: () => hidden > 0,
      parameters,
      shown: asCharacters(copy, characterSet),
    };
  }
  const long = new LongText();
  const take = (part: Buffer): Buffer => {
    const copy = long.take(part);
    masks.hide('secret', long.takeHidden() ? 1 : 0);
    return copy;
  };
  const copy = take(text);
  return {
    packet: recorded(copy),
    rest: take,
    hidden: () => long.hidden,
    // Where they stand is not known.
    parameters: true,
    shown: asCharacters(copy.subarray(0, MAX_FACT_TEXT * 4), characterSet),
  };
}

const UNCOUNTED = { hide: () => undefined };

/** What is kept of a command whose recorded `copy` hides more than secrets. */
export function originalOf(packet: ClientPacket, copy: Buffer, characterSet: string | undefined): Buffer {
  const { packet: without = packet.bytes } = readCommandText(packet, UNCOUNTED, characterSet, true);
  if (without !== packet.bytes) keepShown(without, copy, packet.bytes);
  return without;
}

export const beginText = (facts: MysqlFacts, packet: ClientPacket, { shown, hidden }: CommandText): MysqlStatement =>
  facts.begin({
    form: 'text',
    text: shown,
    textBytes: packet.cut ? payloadBytes(packet) - 1 : undefined,
    hidden,
    offset: packet.offset,
    length: packet.bytes.length,
  });

function asCharacters(bytes: Buffer, characterSet: string | undefined): string {
  const latin = characterSet !== undefined && !characterSet.startsWith('utf8');
  return latin && !isUtf8(bytes) ? bytes.toString('latin1') : bytes.toString('utf8');
}

export const quoteName = (name: Buffer): string => `\`${name.toString('utf8').replaceAll('`', '``')}\``;

/** string<NUL> table | wildcard: COM_FIELD_LIST, as the statement that does the same. */
export function fieldList(body: Buffer): string {
  const stop = body.indexOf(0);
  const table = stop < 0 ? body : body.subarray(0, stop);
  const wildcard = stop < 0 ? '' : body.toString('utf8', stop + 1);
  const like = wildcard === '' ? '' : ` LIKE '${wildcard.replace(/['\\]/g, '\\$&')}'`;
  return `SHOW COLUMNS FROM ${quoteName(table)}${like}`;
}
