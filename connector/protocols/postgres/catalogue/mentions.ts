// Which columns a statement may write literals to or compare them with, for the recorded copy: its
// literals may stay where none of them can belong to a masked column. Errs on one side: what is not
// plainly a column under its own name may be every column.

import { children, names, nodesOf, type TreeNode } from '../../../../core/sql/postgres/tree.ts';

/** Undefined: any column of any table that it touches may be meant. A name that no such table has means the same. */
export type Mentions = ReadonlySet<string> | undefined;

/** Statements whose names are looked at. In any other, literals may be anything. */
const LOOKED_AT: ReadonlySet<string> = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt']);

export function mentionsOf(statement: TreeNode): Mentions {
  if (!LOOKED_AT.has(statement.type)) return undefined;
  const columns = new Set<string>();
  return visit(statement, columns, { output: false, compared: false }) ? columns : undefined;
}

interface Place {
  /** What stands here is given out as it is. */
  readonly output: boolean;
  /** Within a sub-select whose rows are compared with something. */
  readonly compared: boolean;
}

/** Says whether every mention was understood. */
function visit(node: TreeNode, columns: Set<string>, place: Place): boolean {
  const { type, fields } = node;
  const inner = { ...place, output: false };
  const visitAll = (within: Place, skip: readonly string[] = []): boolean =>
    children(node, skip).every((child) =>
      visit(child, columns, { ...within, output: type === 'ResTarget' && child.type === 'ColumnRef' }),
    );
  switch (type) {
    case 'ColumnRef': {
      const column = names(fields.fields).at(-1) ?? '';
      if (column === '*') return place.output && !place.compared;
      columns.add(column);
      return true;
    }
    case 'InsertStmt': {
      const named = nodesOf(fields.cols).map((column) => String(column.fields.name ?? ''));
      for (const column of named) columns.add(column);
      return named.length > 0 && visitAll(inner);
    }
    case 'UpdateStmt':
      for (const target of nodesOf(fields.targetList)) columns.add(String(target.fields.name ?? ''));
      return visitAll(inner);
    // Other names for columns: which is which is not followed here.
    case 'Alias':
      return !Array.isArray(fields.colnames);
    case 'CommonTableExpr':
      return !Array.isArray(fields.aliascolnames) && visitAll(inner);
    case 'SubLink':
      return visitAll({ ...inner, compared: fields.subLinkType !== 'EXISTS_SUBLINK' });
    case 'SelectStmt':
      // UNION and its kin compare whole rows.
      return (fields.op === undefined || fields.op === 'SETOP_NONE') && visitAll(inner);
    default:
      return visitAll(inner);
  }
}
