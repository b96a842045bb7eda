// Backend messages as a server writes them.

export function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(type, 'latin1');
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

export interface WireField {
  readonly name: string;
  readonly table: number;
  readonly attribute: number;
  readonly type: number;
  readonly binary?: boolean;
}

export function rowDescription(fields: readonly WireField[]): Buffer {
  const parts = fields.map(({ name, table, attribute, type, binary }) => {
    const tail = Buffer.alloc(18);
    tail.writeUInt32BE(table, 0);
    tail.writeInt16BE(attribute, 4);
    tail.writeUInt32BE(type, 6);
    tail.writeInt16BE(-1, 10);
    tail.writeInt32BE(-1, 12);
    tail.writeInt16BE(binary ? 1 : 0, 16);
    return Buffer.concat([Buffer.from(`${name}\0`), tail]);
  });
  return message('T', Buffer.concat([int16(fields.length), ...parts]));
}

export const dataRow = (cells: readonly (string | Buffer | null)[]): Buffer =>
  message(
    'D',
    Buffer.concat([
      int16(cells.length),
      ...cells.flatMap((cell) =>
        cell === null ? [int32(-1)] : [int32(Buffer.byteLength(cell)), Buffer.from(cell as string)],
      ),
    ]),
  );

/** Messages of a stream: type and body. */
export function readMessages(stream: Buffer): { type: string; body: Buffer }[] {
  const messages: { type: string; body: Buffer }[] = [];
  let at = 0;
  while (at < stream.length) {
    const length = stream.readInt32BE(at + 1);
    messages.push({ type: String.fromCharCode(stream[at] as number), body: stream.subarray(at + 5, at + 1 + length) });
    at += 1 + length;
  }
  if (at !== stream.length) throw new Error('a message is cut');
  return messages;
}

export function readRow(body: Buffer): (Buffer | null)[] {
  const cells: (Buffer | null)[] = [];
  let at = 2;
  for (let i = 0; i < body.readUInt16BE(0); i++) {
    const length = body.readInt32BE(at);
    cells.push(length < 0 ? null : body.subarray(at + 4, at + 4 + length));
    at += 4 + Math.max(0, length);
  }
  if (at !== body.length) throw new Error('a row does not add up');
  return cells;
}

export function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

export function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
