// ColumnDefinition41.
// https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_query_response_text_resultset_column_definition.html
//
//   lenenc: catalogue, schema, table, original table, name, original name | int<lenenc> 12
//   int<2> character set | int<4> length | int<1> type | int<2> flags | int<1> decimals

import { PayloadReader } from './values.ts';

export interface ColumnDefinition {
  readonly schema: string;
  readonly originalTable: string;
  readonly name: string;
  readonly originalName: string;
  /** By the number of a collation. */
  readonly characterSet: number;
  /** enum_field_types */
  readonly type: number;
  readonly unsigned: boolean;
}

const UNSIGNED_FLAG = 32;

/** Throws MalformedPacket. */
export function readColumnDefinition(payload: Buffer): ColumnDefinition {
  const r = new PayloadReader(payload);
  const text = () => r.lengthBytes().toString('utf8');
  text();
  const schema = text();
  text();
  const originalTable = text();
  const name = text();
  const originalName = text();
  r.lengthInt();
  const characterSet = r.int(2);
  r.take(4);
  const type = r.int(1);
  const unsigned = (r.int(2) & UNSIGNED_FLAG) !== 0;
  return { schema, originalTable, name, originalName, characterSet, type, unsigned };
}
