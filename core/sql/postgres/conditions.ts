// Whether a WHERE chooses among rows at all. A guard against accidents: `where true` and `where id = id`
// are seen through, a condition that happens to hold for every row is not.

import { children, names, nodeOf, nodesOf, type TreeNode } from './tree.ts';

export function choosesNothing(where: unknown): boolean {
  const node = nodeOf(where);
  if (!node || !mentions(node, COLUMNS)) return true;
  if (node.type === 'BoolExpr') {
    const arms = nodesOf(node.fields.args);
    if (node.fields.boolop === 'AND_EXPR') return arms.every(alwaysTrue);
    if (node.fields.boolop === 'OR_EXPR') return arms.some(alwaysTrue);
  }
  return alwaysTrue(node);
}

const COLUMNS: ReadonlySet<string> = new Set(['ColumnRef', 'CurrentOfExpr']);
const UNDECIDED: ReadonlySet<string> = new Set([...COLUMNS, 'ParamRef']);

/** True for every row, as far as the text tells. */
function alwaysTrue(node: TreeNode): boolean {
  if (node.type === 'BoolExpr') {
    const arms = nodesOf(node.fields.args);
    if (node.fields.boolop === 'AND_EXPR') return arms.every(alwaysTrue);
    if (node.fields.boolop === 'OR_EXPR') return arms.some(alwaysTrue);
  }
  if (node.type === 'A_Expr' && comparesWithItself(node)) return true;
  return !mentions(node, UNDECIDED) && !isFalse(node);
}

const COMPARES: ReadonlySet<unknown> = new Set(['AEXPR_OP', 'AEXPR_NOT_DISTINCT']);

/** `id = id`, `t.id >= id`. */
function comparesWithItself({ fields }: TreeNode): boolean {
  if (!COMPARES.has(fields.kind) || !['=', '>=', '<='].includes(names(fields.name).at(-1) ?? '')) return false;
  const left = nodeOf(fields.lexpr);
  const right = nodeOf(fields.rexpr);
  return (
    left?.type === 'ColumnRef' &&
    right?.type === 'ColumnRef' &&
    meanTheSame(names(left.fields.fields), names(right.fields.fields))
  );
}

/**
 * Two references in one WHERE, each `column`, `table.column` or longer. What one of them leaves out is what the other
 * has: PostgreSQL refuses a name that could be of two tables.
 */
function meanTheSame(a: readonly string[], b: readonly string[]): boolean {
  const shared = Math.min(a.length, b.length);
  return shared > 0 && a.slice(-shared).join('\0') === b.slice(-shared).join('\0');
}

function isFalse(node: TreeNode): boolean {
  if (node.type === 'TypeCast') {
    const inner = nodeOf(node.fields.arg);
    return inner !== undefined && isFalse(inner);
  }
  if (node.type !== 'A_Const') return false;
  if (node.fields.isnull === true) return true;
  const { boolval, sval } = node.fields as { boolval?: { boolval?: boolean }; sval?: { sval?: string } };
  if (boolval) return boolval.boolval !== true;
  return sval !== undefined && /^(f|false|n|no|off|0)$/i.test(sval.sval ?? '');
}

export function mentions(node: TreeNode, types: ReadonlySet<string>): boolean {
  return types.has(node.type) || children(node).some((child) => mentions(child, types));
}
