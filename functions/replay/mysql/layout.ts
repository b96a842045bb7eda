// What it takes to read one result of MySQL's from its first message alone, as text in a cursor. Whoever made it up reads nonsense,
// and nothing else.

import { z } from 'zod';
import type { MysqlColumn } from './values.ts';

const flag = z.literal([0, 1]);
const whole = z.number().int().min(0);
/** Is there no EOF behind definitions? null: not known. */
const WithoutEof = flag.nullable();

/** A result that its own definitions describe: whether it is binary. */
const Plain = z.tuple([z.literal('r'), flag, WithoutEof]);
/** Rows of a cursor: their bytes with all between them, and of each column: type, character set, unsigned, decimals. */
const Fetched = z.tuple([
  z.literal('c'),
  whole,
  WithoutEof,
  z.array(z.tuple([whole, whole, flag, whole])).max(1000),
  whole,
]);
const Layout = z.union([Plain, Fetched]);

type Read =
  | { readonly shape: 'text' | 'binary'; readonly prepared?: undefined; readonly withoutEof: boolean | undefined }
  | {
      readonly shape: 'fetched';
      readonly prepared: number;
      readonly bytes: number;
      readonly withoutEof: boolean | undefined;
      readonly columns: readonly MysqlColumn[];
    };

const flagOf = (is: boolean | undefined): 0 | 1 | null => (is === undefined ? null : is ? 1 : 0);
const readFlag = (flag: 0 | 1 | null): boolean | undefined => (flag === null ? undefined : flag === 1);

export function plainLayout(binary: boolean, withoutEof: boolean | undefined): string {
  const layout: z.infer<typeof Plain> = ['r', binary ? 1 : 0, flagOf(withoutEof)];
  return JSON.stringify(layout);
}

/** Of the cursor of prepared statement `prepared`. undefined: it would be too long. */
export function cursorLayout(
  prepared: number,
  columns: readonly MysqlColumn[],
  bytes: number,
  withoutEof: boolean | undefined,
): string | undefined {
  const shapes = columns.map(({ type, characterSet, unsigned, decimals }): [number, number, 0 | 1, number] => [
    ...([type, characterSet, unsigned ? 1 : 0, decimals] as const),
  ]);
  const layout: z.infer<typeof Fetched> = ['c', bytes, flagOf(withoutEof), shapes, prepared];
  const text = JSON.stringify(layout);
  return text.length > 4000 ? undefined : text;
}

/** Throws where it is none. */
export function readMysqlLayout(text: string): Read {
  const layout = Layout.parse(JSON.parse(text));
  const withoutEof = readFlag(layout[2]);
  if (layout[0] === 'r') return { shape: layout[1] === 1 ? 'binary' : 'text', withoutEof };
  const [, bytes, , shapes, prepared] = layout;
  const columns = shapes.map(([type, characterSet, unsigned, decimals]): MysqlColumn => {
    return { name: '', type, characterSet, unsigned: unsigned === 1, decimals };
  });
  return { shape: 'fetched', prepared, bytes, withoutEof, columns };
}
