// Messages that a PostgreSQL client sends, for tests that say each of them.

import { message } from '../../../connector/protocols/postgres/wire/messages.ts';

const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);

export const query = (text: string): Buffer => message('Q', `${text}\0`);
export const parse = (name: string, text: string): Buffer => message('P', `${name}\0${text}\0`, int16(0));
/** Text parameters. */
export const bind = (portal: string, name: string, ...values: string[]): Buffer =>
  message(
    'B',
    `${portal}\0${name}\0`,
    int16(0),
    int16(values.length),
    ...values.flatMap((value) => [Buffer.byteLength(value), value]),
    int16(0),
  );
export const describePortal = (name = ''): Buffer => message('D', `P${name}\0`);
export const describeStatement = (name = ''): Buffer => message('D', `S${name}\0`);
export const execute = (portal = '', rows = 0): Buffer => message('E', `${portal}\0`, rows);
export const closeStatement = (name: string): Buffer => message('C', `S${name}\0`);
export const sync = (): Buffer => message('S');
export const flush = (): Buffer => message('H');
export const terminate = (): Buffer => message('X');

/** Parse, Bind, Describe and Execute of the unnamed statement. */
export const run = (text: string, ...values: string[]): Buffer =>
  Buffer.concat([parse('', text), bind('', '', ...values), describePortal(), execute()]);
