// COM_CHANGE_USER, in both roles: a login within a session.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_change_user.html
//
//   0x11 | string<NUL> user | int<1> length, answer | string<NUL> database | int<2> collation
//   with PLUGIN_AUTH: string<NUL> plugin | with CONNECT_ATTRS: int<lenenc> length, attributes

import { has } from './capabilities.ts';
import { COM_CHANGE_USER } from './commands.ts';
import { lengthBytes, littleEndian, MalformedPacket, PayloadReader } from './values.ts';

export interface ChangeUser {
  readonly user: Buffer;
  readonly answer: Buffer;
  readonly database: Buffer;
  /** Undefined: as before. */
  readonly collation: number | undefined;
  readonly plugin: string | undefined;
  /** Names and values, as they came. */
  readonly attributes: Buffer | undefined;
  /** Of `answer` in the payload. */
  readonly answerAt: number;
}

/** `capabilities`: what client and gateway agreed to. Undefined: it is malformed. */
export function readChangeUser(payload: Buffer, capabilities: number): ChangeUser | undefined {
  try {
    const r = new PayloadReader(payload, 1);
    const user = r.terminated();
    const answerBytes = r.int(1);
    const answerAt = r.at;
    const answer = r.take(answerBytes);
    const database = r.terminated();
    const collation = r.left >= 2 ? r.int(2) : undefined;
    const plugin = has(capabilities, 'PLUGIN_AUTH') && r.left > 0 ? r.terminated().toString('latin1') : undefined;
    const attributes = has(capabilities, 'CONNECT_ATTRS') && r.left > 0 ? r.lengthBytes() : undefined;
    return { user, answer, database, collation, plugin, attributes, answerAt };
  } catch (error) {
    if (!(error instanceof MalformedPacket)) throw error;
    return undefined;
  }
}

type Asked = Pick<ChangeUser, 'user' | 'database' | 'plugin' | 'attributes'> & { readonly collation: number };

/** The payload, with no answer: the target asks for one. */
export const changeUser = ({ user, database, collation, plugin, attributes }: Asked, capabilities: number): Buffer =>
  Buffer.concat([
    Buffer.of(COM_CHANGE_USER),
    user,
    Buffer.of(0, 0),
    database,
    Buffer.of(0),
    littleEndian(collation, 2),
    ...(has(capabilities, 'PLUGIN_AUTH') ? [Buffer.from(`${plugin ?? ''}\0`, 'latin1')] : []),
    ...(has(capabilities, 'CONNECT_ATTRS') ? [lengthBytes(attributes ?? Buffer.alloc(0))] : []),
  ]);
