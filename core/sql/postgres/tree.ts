// The shape of PostgreSQL's parse tree, as libpg_query prints it in JSON, and how to walk it without
// ever stepping over something: an object whose type is not known here ends the walk (law 3).
//
//   { "SelectStmt": { ... } }        a wrapped node: one key, the type, beginning with a capital
//   "relation": { "relname": ... }   a bare node: the field says which type it has
//   {}                               NULL in a list

export type Fields = Readonly<Record<string, unknown>>;

export interface TreeNode {
  readonly type: string;
  readonly fields: Fields;
}

/** The tree holds something that is not known here, or too much of it. */
export class TreeFault extends Error {
  readonly reason: 'unknown_node' | 'too_deep';
  constructor(reason: 'unknown_node' | 'too_deep', message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Nested nodes. A chain of ANDs is one node; a thousand `||` or UNIONs are a thousand. */
export const MAX_DEPTH = 1_000;

/** What the grammar makes inside statements. The analyser's types (Var, Query, OpExpr...) never come out of it. */
const PARTS =
  `Integer Float Boolean String BitString List A_Const Alias RangeVar IntoClause GroupingFunc GroupingSet NamedArgExpr BoolExpr SubLink
  CaseExpr CaseWhen RowExpr CoalesceExpr MinMaxExpr SQLValueFunction XmlExpr JsonFormat JsonReturning JsonValueExpr
  JsonIsPredicate JsonBehavior NullTest BooleanTest SetToDefault CurrentOfExpr JoinExpr TypeName ColumnRef ParamRef A_Expr
  TypeCast CollateClause RoleSpec FuncCall A_Star A_Indices A_Indirection A_ArrayExpr ResTarget MultiAssignRef SortBy
  WindowDef RangeSubselect RangeFunction RangeTableFunc RangeTableFuncCol RangeTableSample ColumnDef TableLikeClause
  IndexElem DefElem LockingClause XmlSerialize PartitionElem PartitionSpec PartitionBoundSpec PartitionRangeDatum
  PartitionCmd WithClause InferClause OnConflictClause CTESearchClause CTECycleClause CommonTableExpr MergeWhenClause
  MergeSupportFunc ReturningOption ReturningClause TriggerTransition JsonOutput JsonArgument JsonFuncExpr JsonTablePathSpec
  JsonTable JsonTableColumn JsonKeyValue JsonParseExpr JsonScalarExpr JsonSerializeExpr JsonObjectConstructor
  JsonArrayConstructor JsonArrayQueryConstructor JsonAggConstructor JsonObjectAgg JsonArrayAgg AlterTableCmd
  ATAlterConstraint ReplicaIdentityStmt ReturnStmt ObjectWithArgs AccessPriv Constraint CreateOpClassItem StatsElem
  FunctionParameter VacuumRelation PublicationTable PublicationObjSpec`.split(/\s+/);
const KNOWN_PARTS: ReadonlySet<string> = new Set(PARTS);

/** Fields that hold a bare node. `Type.field` where one name stands for several types. */
const FIELDS = Object.entries({
  alias: 'Alias',
  join_using_alias: 'Alias',
  rel: 'RangeVar',
  relation: 'RangeVar',
  identitySequence: 'RangeVar',
  pktable: 'RangeVar',
  table: 'RangeVar',
  constrrel: 'RangeVar',
  sequence: 'RangeVar',
  typevar: 'RangeVar',
  view: 'RangeVar',
  'PartitionCmd.name': 'RangeVar',
  larg: 'SelectStmt',
  rarg: 'SelectStmt',
  setstmt: 'VariableSetStmt',
  base: 'CreateStmt',
  'AlterDefaultPrivilegesStmt.action': 'GrantStmt',
  funccall: 'FuncCall',
  intoClause: 'IntoClause',
  into: 'IntoClause',
  withClause: 'WithClause',
  returningClause: 'ReturningClause',
  onConflictClause: 'OnConflictClause',
  infer: 'InferClause',
  search_clause: 'CTESearchClause',
  cycle_clause: 'CTECycleClause',
  over: 'WindowDef',
  collClause: 'CollateClause',
  typeName: 'TypeName',
  ofTypename: 'TypeName',
  datatype: 'TypeName',
  storedtype: 'TypeName',
  returnType: 'TypeName',
  argType: 'TypeName',
  sourcetype: 'TypeName',
  targettype: 'TypeName',
  type_name: 'TypeName',
  authrole: 'RoleSpec',
  newowner: 'RoleSpec',
  grantor: 'RoleSpec',
  owner: 'RoleSpec',
  user: 'RoleSpec',
  role: 'RoleSpec',
  newrole: 'RoleSpec',
  partbound: 'PartitionBoundSpec',
  bound: 'PartitionBoundSpec',
  partspec: 'PartitionSpec',
  func: 'ObjectWithArgs',
  opername: 'ObjectWithArgs',
  fromsql: 'ObjectWithArgs',
  tosql: 'ObjectWithArgs',
  'CreateOpClassItem.name': 'ObjectWithArgs',
  extname: 'String',
  pubtable: 'PublicationTable',
  format: 'JsonFormat',
  returning: 'JsonReturning',
  on_empty: 'JsonBehavior',
  on_error: 'JsonBehavior',
  context_item: 'JsonValueExpr',
  val: 'JsonValueExpr',
  value: 'JsonValueExpr',
  expr: 'JsonValueExpr',
  'JsonArrayAgg.arg': 'JsonValueExpr',
  'JsonObjectAgg.arg': 'JsonKeyValue',
  constructor: 'JsonAggConstructor',
  output: 'JsonOutput',
  pathspec: 'JsonTablePathSpec',
});
const BARE: ReadonlyMap<string, string> = new Map(FIELDS);
/** Of those: type by field by the type that it is in. */
const BARE_WITHIN = new Map<string, Map<string, string>>();
for (const [place, bareType] of FIELDS) {
  const [within = '', field] = place.split('.');
  if (field !== undefined) BARE_WITHIN.set(field, (BARE_WITHIN.get(field) ?? new Map()).set(within, bareType));
}

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The type of a wrapped node; undefined for a bare one and for NULL. */
function wrappedType(value: Fields): string | undefined {
  let only: string | undefined;
  for (const key in value) {
    if (only !== undefined) return undefined;
    only = key;
  }
  const first = only?.charCodeAt(0) ?? 0;
  return first >= 0x41 && first <= 0x5a ? only : undefined;
}

/** `{ "ColumnRef": {...} }` as type and fields; undefined for NULL and for what is absent. Bare nodes: give the type. */
export function nodeOf(value: unknown, bareType?: string): TreeNode | undefined {
  if (!isObject(value)) return undefined;
  const type = wrappedType(value);
  if (type !== undefined) {
    const fields = value[type];
    if (!isObject(fields)) throw new TreeFault('unknown_node', 'a node without fields');
    return { type, fields };
  }
  if (bareType !== undefined) return { type: bareType, fields: value };
  if (Object.keys(value).length === 0) return undefined;
  throw new TreeFault('unknown_node', 'an object of unknown type');
}

export const nodesOf = (value: unknown): TreeNode[] =>
  Array.isArray(value) ? value.flatMap((item) => nodeOf(item) ?? []) : [];

/** Every node right below `node`, in order. Throws TreeFault for a type that is not known. */
export function children({ type, fields }: TreeNode, skip: readonly string[] = []): TreeNode[] {
  // Constants and type names hold nothing that acts.
  if (type === 'A_Const' || type === 'TypeName') return [];
  const found: TreeNode[] = [];
  for (const field in fields) {
    const value = fields[field];
    if (typeof value !== 'object' || value === null || skip.includes(field)) continue;
    const bareType = BARE_WITHIN.get(field)?.get(type) ?? BARE.get(field);
    if (!Array.isArray(value)) addChild(found, value, bareType);
    else for (const item of value) addChild(found, item, bareType);
  }
  return found;
}

function addChild(found: TreeNode[], item: unknown, bareType: string | undefined): void {
  const child = nodeOf(item, bareType);
  if (!child) return;
  if (!KNOWN_PARTS.has(child.type) && !child.type.endsWith('Stmt'))
    throw new TreeFault('unknown_node', `a ${child.type} where none is known`);
  found.push(child);
}

export const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined;

/** The names in a list of String nodes. A_Star comes out as `*`. */
export const names = (value: unknown): string[] =>
  nodesOf(value).map(({ type, fields }) => (type === 'A_Star' ? '*' : String(fields.sval ?? '')));

/** The text of a string constant, through casts and parentheses; undefined for anything else. */
export function constantText(value: unknown): string | undefined {
  const node = nodeOf(value);
  if (node?.type === 'TypeCast') return constantText(node.fields.arg);
  if (node?.type === 'String') return typeof node.fields.sval === 'string' ? node.fields.sval : '';
  if (node?.type !== 'A_Const') return undefined;
  const { sval, ival, fval, boolval } = node.fields;
  if (isObject(sval)) return String(sval.sval ?? '');
  if (isObject(ival)) return String(ival.ival ?? 0);
  if (isObject(fval)) return String(fval.fval ?? 0);
  if (isObject(boolval)) return String(boolval.boolval ?? false);
  return undefined;
}
