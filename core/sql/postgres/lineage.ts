// Lineage of PostgreSQL's results, from the parse tree. Follows aliases, sub-selects, CTEs, joins,
// set operations, RETURNING and whole rows; answers `unknown` for what it does not follow.

import { err, ok, type Result } from '../../result.ts';
import type { ResultColumn, ResultLineage, StatementLineage } from '../lineage.ts';
import { asUnparsable, type PgParser, type PgTextSettings, readTree } from './postgres.ts';
import { LineageReader, OUTERMOST } from './lineage-reader.ts';
import { nodeOf, nodesOf, type TreeNode, text } from './tree.ts';
import type { Unparsable } from '../statement.ts';

export function lineagePostgres(
  parse: PgParser,
  statements: string,
  settings: PgTextSettings,
): Result<readonly StatementLineage[], Unparsable> {
  const read = readTree(parse, statements, settings);
  if (!read.ok) return read;
  try {
    return ok(read.value.map(({ node }) => lineageOf(node)));
  } catch (error) {
    return err(asUnparsable(error));
  }
}

const NONE: StatementLineage = { result: { kind: 'none' } };
const QUERIES = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt', 'MergeStmt']);
/** A plan and a setting are text that no row goes into. */
const PLAIN: ResultLineage = {
  kind: 'columns',
  columns: [{ kind: 'star', sources: [] }],
};

function lineageOf(node: TreeNode): StatementLineage {
  const { type, fields } = node;
  if (QUERIES.has(type)) return { result: queryLineage(node) };
  switch (type) {
    case 'ExplainStmt':
    case 'VariableShowStmt':
      return { result: PLAIN };
    case 'ExecuteStmt':
      return { result: { kind: 'prepared', name: String(fields.name ?? '') } };
    case 'FetchStmt':
      return { result: { kind: 'cursor', name: String(fields.portalname ?? '') } };
    case 'DeclareCursorStmt':
      return defining('cursor', fields.portalname, nodeOf(fields.query));
    case 'PrepareStmt':
      return defining('prepared', fields.name, nodeOf(fields.query));
    case 'CopyStmt':
      return { result: copyLineage(node) };
    case 'CallStmt':
      return { result: { kind: 'unknown', why: 'what a procedure gives back is not seen' } };
    default:
      return NONE;
  }
}

function defining(kind: 'cursor' | 'prepared', name: unknown, query: TreeNode | undefined): StatementLineage {
  const result: ResultLineage = query ? lineageOf(query).result : { kind: 'unknown', why: 'no query' };
  return { ...NONE, defines: { kind, name: String(name ?? ''), result } };
}

function queryLineage(node: TreeNode): ResultLineage {
  const reader = new LineageReader();
  const columns = reader.query(node, OUTERMOST);
  if (columns.length === 0 && node.type !== 'SelectStmt') return { kind: 'none' };
  return { kind: 'columns', columns, ...(reader.assigned.length > 0 && { assigned: reader.assigned }) };
}

function copyLineage({ fields }: TreeNode): ResultLineage {
  if (fields.is_from === true) return { kind: 'none' };
  const query = nodeOf(fields.query);
  if (query) return queryLineage(query);
  const relation = nodeOf(fields.relation, 'RangeVar');
  if (!relation) return { kind: 'unknown', why: 'no table' };
  const schema = text(relation.fields.schemaname);
  const table = { ...(schema !== undefined && { schema }), table: String(relation.fields.relname) };
  const named = nodesOf(fields.attlist).map(({ fields: column }) => String(column.sval));
  const columns: ResultColumn[] = named.map((column) => ({
    kind: 'value',
    name: column,
    sources: [{ kind: 'column', ...table, column, otherwise: 'row' }],
    exact: true,
  }));
  if (named.length === 0) columns.push({ kind: 'star', table, sources: [{ kind: 'row', ...table }] });
  return { kind: 'columns', columns };
}
