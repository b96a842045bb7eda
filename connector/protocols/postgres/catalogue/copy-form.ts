// How the data of COPY ... TO STDOUT and FROM STDIN is written, from its options. What is not known here is
// `undefined`: of data in an unknown form nothing is shown.

import { constantText, names, nodeOf, nodesOf, type TreeNode, text } from '../../../../core/sql/postgres/tree.ts';

export type CopyForm =
  | { readonly kind: 'binary' }
  | {
      readonly kind: 'text';
      readonly delimiter: number;
      readonly nullText: string;
      readonly header: boolean;
      readonly csv: { readonly quote: number; readonly escape: number } | undefined;
    };

/** Options that do not change where fields begin and end, or count for COPY FROM alone. */
const HARMLESS: ReadonlySet<string> = new Set([
  'freeze',
  'force_quote',
  'force_not_null',
  'force_null',
  'default',
  'on_error',
  'log_verbosity',
  'reject_limit',
]);
/** Encodings in which a delimiter's byte is nothing but a delimiter. WIN932, 936, 949 and 950 are other names of SJIS, GBK, UHC and BIG5. */
const PLAIN_ENCODING = /^(?:utf-?8|sql_ascii|latin\d+|iso_?8859_?\d+|win(?:125\d|866|874)|koi8[ru])$/i;

/** COPY FROM STDIN. */
export interface CopyInto {
  readonly form: CopyForm;
  readonly schema?: string;
  readonly table: string;
  /** In the order of the fields. Undefined: the table's own, without generated ones. */
  readonly columns: readonly string[] | undefined;
}

/** `node`: a CopyStmt. */
export const copyFormOf = ({ fields }: TreeNode): CopyForm | undefined =>
  fields.is_from === true ? undefined : formOf(fields);

/** `node`: a CopyStmt. */
export function copyIntoOf({ fields }: TreeNode): CopyInto | undefined {
  const relation = nodeOf(fields.relation, 'RangeVar');
  const form = fields.is_from === true ? formOf(fields) : undefined;
  const table = text(relation?.fields.relname);
  if (!form || table === undefined) return undefined;
  const schema = text(relation?.fields.schemaname);
  const columns = Array.isArray(fields.attlist) ? names(fields.attlist) : undefined;
  return { form, ...(schema !== undefined && { schema }), table, columns };
}

function formOf(fields: TreeNode['fields']): CopyForm | undefined {
  if (text(fields.filename) !== undefined || fields.is_program === true) return undefined;
  let format = 'text';
  const given = new Map<string, string | undefined>();
  for (const { fields: option } of nodesOf(fields.options)) {
    const name = String(option.defname ?? '').toLowerCase();
    const value = option.arg === undefined ? undefined : constant(option.arg);
    if (HARMLESS.has(name)) continue;
    if (name === 'format') format = (value ?? '').toLowerCase();
    else if (['delimiter', 'null', 'header', 'quote', 'escape', 'encoding'].includes(name)) given.set(name, value);
    else return undefined;
  }
  const encoding = given.get('encoding');
  if (encoding !== undefined && !PLAIN_ENCODING.test(encoding)) return undefined;
  if (format === 'binary') return { kind: 'binary' };
  if (format !== 'text' && format !== 'csv') return undefined;
  const csv = format === 'csv';
  const delimiter = byteOf(given.get('delimiter') ?? (csv ? ',' : '\t'));
  const quote = byteOf(given.get('quote') ?? '"');
  const escapeSign = byteOf(given.get('escape') ?? given.get('quote') ?? '"');
  if (delimiter === undefined || quote === undefined || escapeSign === undefined) return undefined;
  const nullText = given.get('null') ?? (csv ? '' : '\\N');
  return {
    kind: 'text',
    delimiter,
    // Fields are compared byte by byte.
    nullText: Buffer.from(nullText).toString('latin1'),
    header: given.has('header') && !/^(?:false|off|0)$/i.test(given.get('header') ?? 'true'),
    csv: csv ? { quote, escape: escapeSign } : undefined,
  };
}

function constant(value: unknown): string | undefined {
  const node = nodeOf(value);
  if (node?.type === 'Boolean') return String(node.fields.boolval ?? false);
  if (node?.type === 'Integer') return String(node.fields.ival ?? 0);
  return constantText(value);
}

const byteOf = (sign: string): number | undefined =>
  sign.length === 1 && sign.charCodeAt(0) < 0x80 ? sign.charCodeAt(0) : undefined;
