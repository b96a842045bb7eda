// What a session was answered, message by message, as named cells.

import { message } from '../../../connector/protocols/postgres/wire/messages.ts';
import { fieldsOf } from '../../harness/guarded.ts';
import type { RawMessage, RawPeer } from '../../harness/postgres/raw-postgres.ts';
import type { Ran } from '../../harness/run.ts';
import type { Case, Step } from './case.ts';

export interface Answer {
  /** `row`, `error`, `complete`... */
  readonly kind: string;
  readonly cells: readonly Cell[];
}

export interface Cell {
  readonly name: string;
  readonly value: string | null;
}

/** Fields of errors and notices that the place in the server's own source does not change. */
const SAID = ['S', 'C', 'M', 'D', 'H', 'P', 'W', 's', 't', 'c', 'd', 'n'];

export async function ask(peer: RawPeer, { steps }: Case): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const step of steps) answers.push(...read(await send(peer, step)));
  return answers;
}

async function send(peer: RawPeer, step: Step): Promise<RawMessage[]> {
  if (typeof step === 'string') peer.send(message('Q', `${step}\0`));
  else if ('copy' in step)
    peer.send(message('Q', `${step.text}\0`), message('d', Buffer.from(step.copy)), message('c'));
  else {
    const values = step.parameters.flatMap((one) =>
      one === null ? [int32(-1)] : [int32(Buffer.byteLength(one)), Buffer.from(one)],
    );
    const counted = Buffer.alloc(4);
    counted.writeUInt16BE(step.parameters.length, 2);
    peer.send(
      message('P', `\0${step.text}\0`, Buffer.alloc(2)),
      message('B', '\0\0', counted, ...values, Buffer.alloc(2)),
      message('D', 'P\0'),
      message('E', '\0', int32(0)),
      message('S'),
    );
  }
  return peer.upTo('Z');
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function read(messages: readonly RawMessage[]): Answer[] {
  let columns: string[] = [];
  return messages.flatMap((one): Answer[] => {
    const { type, body } = one;
    const text = body.toString('utf8').replace(/\0$/, '');
    const said = (kind: string, value: string): Answer[] => [{ kind, cells: [{ name: kind, value }] }];
    if (type === 'T') {
      const described = columnsOf(body);
      columns = described.map(({ name }) => name);
      return [
        {
          kind: 'columns',
          cells: described.map(({ name, value }) => ({ name: `type of ${name}`, value: `${name} ${value}` })),
        },
      ];
    }
    if (type === 'D')
      return [{ kind: 'row', cells: cellsOf(body).map((value, at) => ({ name: columns[at] ?? String(at), value })) }];
    if (type === 'd') return [{ kind: 'copied', cells: copied(body) }];
    if (type === 'E' || type === 'N') {
      const fields = fieldsOf(one);
      const kind = type === 'E' ? 'error' : 'notice';
      return [{ kind, cells: SAID.map((field) => ({ name: `${kind} ${field}`, value: fields[field] ?? null })) }];
    }
    if (type === 'C') return said('complete', text);
    if (type === 'S') return said('setting', text.replace('\0', '='));
    if (type === 'A') {
      const [channel = '', payload = ''] = body.toString('utf8', 4).split('\0');
      return [
        {
          kind: 'notified',
          cells: [
            { name: 'channel', value: channel },
            { name: 'payload', value: payload },
          ],
        },
      ];
    }
    return said(type, type === 'Z' ? text : body.toString('hex'));
  });
}

/** Text by its tabs or, where it has none, commas; binary as a whole. */
function copied(body: Buffer): Cell[] {
  const text = body.toString('utf8');
  if (text.includes('\0')) return [{ name: 'binary', value: body.toString('hex') }];
  const line = text.replace(/\n$/, '');
  return line
    .split(line.includes('\t') ? '\t' : ',')
    .map((value, at) => ({ name: String(at), value: value === '\\N' ? null : value }));
}

function columnsOf(body: Buffer): Cell[] {
  let at = 2;
  return Array.from({ length: body.readInt16BE(0) }, () => {
    const end = body.indexOf(0, at);
    const name = body.toString('utf8', at, end);
    at = end + 19;
    return { name, value: body.toString('hex', end + 1, at) };
  });
}

function cellsOf(body: Buffer): (string | null)[] {
  let at = 2;
  return Array.from({ length: body.readInt16BE(0) }, () => {
    const length = body.readInt32BE(at);
    at += 4 + Math.max(length, 0);
    return length < 0 ? null : body.toString('utf8', at - length, at);
  });
}

/** What a program printed, line by line. */
export function printed({ code, stdout, stderr }: Ran): Answer[] {
  const lines = (kind: string, text: string) =>
    text.split('\n').map((value): Answer => ({ kind, cells: [{ name: kind, value }] }));
  return [
    ...lines('out', stdout),
    ...lines('err', stderr),
    { kind: 'exit', cells: [{ name: 'exit', value: String(code) }] },
  ];
}
