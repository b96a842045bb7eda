// Whether a statement may turn values into what masks keep: keys of JSON, bounds and lengths of arrays. A masked
// document keeps its keys and a masked array its elements only where they are none of the data.

import { COMPUTATIONS, READS_NO_TABLE } from './computations.ts';
import { children, names, nodeOf, nodesOf, type TreeNode } from './tree.ts';

/** Functions whose keys, bounds or lengths are values that they were given. */
const MAKERS: ReadonlySet<string> = new Set(
  `array_fill array_positions array_sample json_object json_object_agg json_object_agg_strict json_object_agg_unique
  json_object_agg_unique_strict json_object_keys jsonb_insert jsonb_object jsonb_object_agg jsonb_object_agg_strict
  jsonb_object_agg_unique jsonb_object_agg_unique_strict jsonb_set jsonb_set_lax regexp_matches regexp_match
  regexp_split_to_array string_to_array trim_array`.split(/\s+/),
);
/** Keys and values in turn. */
const BUILDERS: ReadonlySet<string> = new Set(['json_build_object', 'jsonb_build_object']);
const JSON_TYPES: ReadonlySet<string> = new Set(['json', 'jsonb']);
/** What is written in the statement itself. A parameter is the client's own. */
const WRITTEN: ReadonlySet<string> = new Set(['A_Const', 'ParamRef']);

/** True whenever that is not certain: functions that nobody knows may do it too. */
export function makesShapes(node: TreeNode): boolean {
  return makes(node) || children(node).some(makesShapes);
}

function makes({ type, fields }: TreeNode): boolean {
  switch (type) {
    case 'FuncCall': {
      const name = names(fields.funcname).at(-1) ?? '';
      if (MAKERS.has(name) || !(COMPUTATIONS.has(name) || READS_NO_TABLE.has(name))) return true;
      return BUILDERS.has(name) && !nodesOf(fields.args).every((key, index) => index % 2 === 1 || isWritten(key));
    }
    case 'JsonKeyValue':
      return !isWritten(nodeOf(fields.key));
    case 'JsonParseExpr':
      return true;
    case 'TypeCast': {
      const target = names(nodeOf(fields.typeName, 'TypeName')?.fields.names).at(-1) ?? '';
      // `'{"' || phone || '":1}'` is no JSON until then. What is JSON already comes of something that is looked at too.
      return (JSON_TYPES.has(target) || isArray(fields.typeName)) && !isWritten(nodeOf(fields.arg));
    }
    case 'ResTarget':
      // `set doc[email] = 1`, and `insert into t (doc[email])`.
      return nodesOf(fields.indirection).some(
        ({ fields: index }) => ![index.lidx, index.uidx].every((end) => isWritten(nodeOf(end))),
      );
    case 'A_Indices':
      return fields.is_slice === true && ![fields.lidx, fields.uidx].every((end) => isWritten(nodeOf(end)));
    default:
      return false;
  }
}

const isArray = (typeName: unknown): boolean => nodesOf(nodeOf(typeName, 'TypeName')?.fields.arrayBounds).length > 0;

function isWritten(node: TreeNode | undefined): boolean {
  if (!node) return true;
  return WRITTEN.has(node.type) || (node.type === 'TypeCast' && isWritten(nodeOf(node.fields.arg)));
}
