// Records of a channel (channel-stream.ts), read and made.

import {
  CHANNEL_DATA,
  CHANNEL_EXTENDED_DATA,
  CHANNEL_FAILURE,
  CHANNEL_REQUEST,
  CHANNEL_SUCCESS,
  EXTENDED_DATA_STDERR,
  FieldReader,
  fieldsOf,
} from '../wire/messages.ts';

export type ChannelRecord =
  | { readonly kind: 'data'; readonly whole: Buffer; readonly data: Buffer }
  | { readonly kind: 'extended'; readonly whole: Buffer; readonly type: number; readonly data: Buffer }
  /** `fields`: behind name and wantReply. */
  | {
      readonly kind: 'request';
      readonly whole: Buffer;
      readonly name: string;
      readonly wantReply: boolean;
      readonly fields: Buffer;
    }
  | { readonly kind: 'success' | 'failure' | 'eof'; readonly whole: Buffer };

/** The records of a chunk, which holds whole ones. Views. */
export function recordsOf(chunk: Buffer): readonly ChannelRecord[] {
  const records: ChannelRecord[] = [];
  for (let at = 0; at < chunk.length; ) {
    const end = at + 5 + chunk.readUInt32BE(at + 1);
    records.push(recordOf(chunk.subarray(at, end)));
    at = end;
  }
  return records;
}

function recordOf(whole: Buffer): ChannelRecord {
  const fields = new FieldReader(whole, 5);
  switch (whole[0]) {
    case CHANNEL_DATA:
      return { kind: 'data', whole, data: fields.string() };
    case CHANNEL_EXTENDED_DATA:
      return { kind: 'extended', whole, type: fields.uint32(), data: fields.string() };
    case CHANNEL_REQUEST:
      return { kind: 'request', whole, name: fields.text(), wantReply: fields.boolean(), fields: fields.rest() };
    case CHANNEL_SUCCESS:
      return { kind: 'success', whole };
    case CHANNEL_FAILURE:
      return { kind: 'failure', whole };
    default:
      return { kind: 'eof', whole };
  }
}

const record = (type: number, fields: Buffer): Buffer => {
  const whole = Buffer.alloc(5 + fields.length);
  whole[0] = type;
  whole.writeUInt32BE(fields.length, 1);
  fields.copy(whole, 5);
  return whole;
};

export const requestRecord = (name: string, wantReply: boolean, fields: Buffer = Buffer.alloc(0)): Buffer =>
  record(CHANNEL_REQUEST, fieldsOf(name, wantReply, { raw: fields }));
export const dataRecord = (data: Buffer): Buffer => record(CHANNEL_DATA, fieldsOf(data));
export const stderrRecord = (text: string | Buffer): Buffer =>
  record(CHANNEL_EXTENDED_DATA, fieldsOf(EXTENDED_DATA_STDERR, text));
export const SUCCESS_RECORD = (): Buffer => record(CHANNEL_SUCCESS, Buffer.alloc(0));
export const FAILURE_RECORD = (): Buffer => record(CHANNEL_FAILURE, Buffer.alloc(0));
