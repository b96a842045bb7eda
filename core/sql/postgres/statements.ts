// What each of PostgreSQL's statements is called and what it does. A statement that is not in these
// tables is refused (law 3): postgres.test.ts holds them against the parser's own list.

import { Draft, relationOfNames, type DraftScope } from './draft.ts';
import { copy, insert, merge, remove, update } from './queries.ts';
import { constantText, names, nodeOf, nodesOf, TreeFault, type TreeNode, text } from './tree.ts';
import { type Act, asPlanned, type RelationName, type StatementClass, type StatementSummary } from '../statement.ts';
import { OBJECT_WORDS } from '../vocabulary.ts';

type Handler = (draft: Draft, node: TreeNode, scope: DraftScope) => void;

const NOWHERE = { offset: 0, length: 0 };

export function summarizeStatement(node: TreeNode, at: StatementSummary['at']): StatementSummary {
  return summarize(node, { ctes: new Set(), verbs: ['select'], class: 'read', depth: 0 }, at);
}

function summarize(node: TreeNode, scope: DraftScope, at = NOWHERE): StatementSummary {
  const handler = Object.hasOwn(HANDLERS, node.type) ? HANDLERS[node.type] : undefined;
  if (!handler) throw new TreeFault('unknown_node', `a ${node.type}, which is not known here`);
  const draft = new Draft('', (nested, inner) => summarize(nested, { ...inner, depth: inner.depth + 1 }));
  handler(draft, node, { ...scope, depth: scope.depth + 1 });
  if (draft.kind === '') draft.kind = draft.acts[0]?.verbs[0] ?? 'select';
  return draft.finish(at);
}

interface Also {
  readonly also?: readonly string[];
  /** Where the tree names no table: it could be any. */
  readonly anywhere?: boolean;
  /** Tables that the tree names otherwise than by a RangeVar. */
  readonly relations?: (fields: TreeNode['fields']) => readonly (RelationName | undefined)[];
  readonly more?: Handler;
}

/** A statement whose acts are one thing done to every table that it names. */
function does(verbs: readonly string[], kind: StatementClass, options: Also = {}): Handler {
  return (draft, node, scope) => {
    draft.kind = verbs.at(-1) ?? '';
    const act: Act = { verbs, ...(options.also && { also: options.also }), class: kind };
    for (const relation of options.relations?.(node.fields) ?? []) if (relation) draft.act({ ...act, relation });
    options.more?.(draft, node, scope);
    draft.visitAll(node, { ctes: scope.ctes, depth: scope.depth, ...act });
    if (!draft.acts.some((done) => done.verbs === verbs)) draft.act(options.anywhere ? { ...act, relation: {} } : act);
  };
}

const free =
  (verb: string, more?: Handler): Handler =>
  (draft, node, scope) => {
    draft.kind = verb;
    draft.act({ verbs: [verb], class: 'session', free: true });
    more?.(draft, node, scope);
  };

const wordOf = (objectType: unknown): string => {
  const word = (OBJECT_WORDS as Readonly<Record<string, string>>)[String(objectType)];
  if (word === undefined) throw new TreeFault('unknown_node', `an object of type ${String(objectType)}`);
  return word;
};

const PRIVILEGED = new Set(['role', 'policy', 'default privileges', 'parameter', 'user mapping']);
const classOf = (word: string): StatementClass => (PRIVILEGED.has(word) ? 'privilege' : 'schema');

const IN_A_TABLE = new Set(['OBJECT_COLUMN', 'OBJECT_TRIGGER', 'OBJECT_RULE', 'OBJECT_POLICY', 'OBJECT_TABCONSTRAINT']);
const TABLE_LIKE = new Set(['table', 'view', 'materialized view', 'foreign table', 'sequence', 'index']);

/** The table that an object is, or hangs on; for a schema, every table in it. */
function relationOfObject(objectType: unknown, object: TreeNode | undefined): RelationName | undefined {
  const word = wordOf(objectType);
  if (objectType === 'OBJECT_DATABASE') return {};
  if (!object) return undefined;
  if (objectType === 'OBJECT_SCHEMA') return { schema: String(object.fields.sval ?? '') };
  const parts = object.type === 'List' ? names(object.fields.items) : [];
  if (IN_A_TABLE.has(String(objectType))) return relationOfNames(parts.slice(0, -1));
  return TABLE_LIKE.has(word) ? relationOfNames(parts) : undefined;
}

/** CREATE x / ALTER x for one kind of object. */
const creates = (word: string, options?: Also): Handler => does(['create', `create ${word}`], classOf(word), options);
const alters = (word: string, options?: Also): Handler => does(['alter', `alter ${word}`], classOf(word), options);

/** ALTER of an object whose type the tree names. */
const altersObject =
  (typeField: string, options: Also = {}): Handler =>
  (draft, node, scope) => {
    const word = wordOf(node.fields[typeField]);
    alters(word, {
      relations: ({ object, subname }) => [
        node.fields[typeField] === 'OBJECT_SCHEMA' && text(subname) !== undefined
          ? { schema: String(subname) }
          : object === undefined && typeof node.fields.relation === 'object'
            ? undefined
            : relationOfObject(node.fields[typeField], nodeOf(object)),
      ],
      ...options,
    })(draft, node, scope);
  };

const MEMBERSHIP = new Set(['addroleto', 'rolemembers', 'adminmembers']);
const membership: Handler = (draft, { type, fields }) => {
  if (!nodesOf(fields.options).some((option) => MEMBERSHIP.has(String(option.fields.defname)))) return;
  const verb = type === 'AlterRoleStmt' && fields.action === -1 ? 'revoke' : 'grant';
  draft.act({ verbs: [verb, 'alter role', 'create role'], class: 'privilege' });
};
const namesRole: Handler = (draft, node, scope) => {
  if (typeof node.fields.role === 'string') draft.roles.add(node.fields.role);
  membership(draft, node, scope);
};

const hides =
  (why: string, ...verbs: string[]): Handler =>
  (draft) => {
    draft.opaque.push({ why, verbs });
  };

const schemasOf = (fields: TreeNode['fields']) =>
  fields.targtype === 'ACL_TARGET_ALL_IN_SCHEMA' || fields.objtype === 'OBJECT_SCHEMA'
    ? nodesOf(fields.objects).map((object) => ({ schema: String(object.fields.sval ?? '') }))
    : [];

const published = (fields: TreeNode['fields']): (RelationName | undefined)[] => [
  fields.for_all_tables === true ? {} : undefined,
  ...nodesOf(fields.pubobjects).map((object) => {
    if (object.fields.pubobjtype === 'PUBLICATIONOBJ_TABLE') return undefined;
    const schema = text(object.fields.name);
    return schema === undefined ? {} : { schema };
  }),
];

const alterTable: Handler = (draft, node, scope) => {
  const commands = nodesOf(node.fields.cmds).map(({ fields }) => String(fields.subtype));
  const also = [
    ...(commands.includes('AT_DropColumn') ? ['drop', 'drop column'] : []),
    ...(commands.includes('AT_ChangeOwner') ? ['alter owner'] : []),
  ];
  alters(wordOf(node.fields.objtype), { also })(draft, node, scope);
  if (commands.some((command) => /RowSecurity|ChangeOwner/.test(command)))
    draft.act({ verbs: ['alter', 'alter table', 'alter owner'], class: 'privilege' });
};

const TRANSACTION: Readonly<Record<string, string>> = {
  TRANS_STMT_BEGIN: 'begin',
  TRANS_STMT_START: 'begin',
  TRANS_STMT_COMMIT: 'commit',
  TRANS_STMT_ROLLBACK: 'rollback',
  TRANS_STMT_SAVEPOINT: 'savepoint',
  TRANS_STMT_RELEASE: 'release',
  TRANS_STMT_ROLLBACK_TO: 'rollback',
};
/** These outlive the session, or end another's. */
const TWO_PHASE: Readonly<Record<string, string>> = {
  TRANS_STMT_PREPARE: 'prepare transaction',
  TRANS_STMT_COMMIT_PREPARED: 'commit prepared',
  TRANS_STMT_ROLLBACK_PREPARED: 'rollback prepared',
};
const transaction: Handler = (draft, { fields }) => {
  const kind = String(fields.kind);
  const own = TRANSACTION[kind];
  const verb = own ?? TWO_PHASE[kind];
  if (verb === undefined) throw new TreeFault('unknown_node', `a transaction statement of kind ${kind}`);
  draft.kind = verb;
  draft.act({ verbs: [verb, 'transaction'], class: 'session', ...(own !== undefined && { free: true }) });
};

const setVariable: Handler = (draft, { fields }) => {
  const kind = String(fields.kind);
  const name = text(fields.name)?.toLowerCase();
  const reset = kind === 'VAR_RESET' || kind === 'VAR_SET_DEFAULT';
  if (kind === 'VAR_RESET_ALL') draft.act({ verbs: ['reset'], class: 'session', setting: null });
  else if (kind === 'VAR_SET_MULTI')
    draft.act({ verbs: ['set', 'set transaction'], class: 'session', setting: name ?? null });
  else if (name === undefined) draft.setting(null, null);
  else if (reset && name !== 'role' && name !== 'session_authorization')
    draft.act({ verbs: kind === 'VAR_RESET' ? ['reset', 'set'] : ['set'], class: 'session', setting: name });
  else {
    const [value] = Array.isArray(fields.args) ? fields.args : [];
    draft.setting(name, reset ? 'none' : (constantText(value) ?? null), reset ? ['set', 'reset'] : ['set']);
  }
  draft.kind = draft.acts[0]?.verbs[0] ?? 'set';
};

const explain: Handler = (draft, node, scope) => {
  draft.kind = 'explain';
  draft.act({ verbs: ['explain'], class: 'read' });
  const query = nodeOf(node.fields.query);
  if (!query) throw new TreeFault('unknown_node', 'an EXPLAIN of nothing');
  const analyze = nodesOf(node.fields.options).some(
    ({ fields }) => fields.defname === 'analyze' && !/^(false|off|0)$/i.test(constantText(fields.arg) ?? 'true'),
  );
  draft.nest(query, scope);
  if (analyze) return;
  // It is planned and not run: its tables are looked at. Functions stay, since planning may call them.
  const planned = draft.nested.pop();
  if (planned) draft.nested.push(asPlanned(planned));
};

const select: Handler = (draft, node, scope) => {
  draft.kind = 'select';
  draft.select(node, scope);
  if (draft.touched === 0) draft.act({ verbs: ['select'], class: 'read' });
};

const call: Handler = (draft, node, scope) => {
  const parts = names(nodeOf(node.fields.funccall, 'FuncCall')?.fields.funcname);
  const schema = parts.at(-2);
  draft.kind = 'call';
  draft.act({ verbs: ['call'], class: 'opaque' });
  const called = { ...(schema !== undefined && { schema }), name: parts.at(-1) ?? '' };
  draft.opaque.push({ why: 'what a procedure does is not seen', verbs: ['call'], function: called });
  draft.visitAll(node, scope);
};

const drop: Handler = (draft, node, scope) => {
  const word = wordOf(node.fields.removeType);
  does(['drop', `drop ${word}`], classOf(word), {
    relations: ({ removeType, objects }) => nodesOf(objects).map((object) => relationOfObject(removeType, object)),
  })(draft, node, scope);
};

const createTableAs: Handler = (draft, node, scope) => {
  const word = wordOf(node.fields.objtype);
  does(['create', 'create table as', `create ${word}`], 'schema')(draft, node, scope);
};

const createFunction: Handler = (draft, node, scope) => {
  const word = node.fields.is_procedure === true ? 'procedure' : 'function';
  creates(word, { more: hides(`what a ${word} will do is not seen`, `create ${word}`) })(draft, node, scope);
};

const grant: Handler = (draft, node, scope) => {
  for (const { fields } of nodesOf(node.fields.granted_roles))
    if (text(fields.priv_name)) draft.roles.add(String(fields.priv_name));
  does([node.fields.is_grant === true ? 'grant' : 'revoke'], 'privilege', { relations: schemasOf })(draft, node, scope);
};

const prepare: Handler = free('prepare', (draft, node, scope) => {
  draft.prepares = String(node.fields.name ?? '');
  draft.visitAll(node, scope, ['query']);
  const query = nodeOf(node.fields.query);
  if (query) draft.nest(query, scope);
});

const execute: Handler = free('execute', (draft, node, scope) => {
  draft.executes = String(node.fields.name ?? '');
  draft.visitAll(node, scope);
});

/** Settings by which a server reads texts. A running session learns of its new configuration unannounced. */
const READING_SETTINGS = new Set(['standard_conforming_strings', 'client_encoding', 'search_path']);
const changesReading: Handler = (draft, { fields }) => {
  const set = nodeOf(fields.setstmt, 'VariableSetStmt');
  const name = text(set?.fields.name)?.toLowerCase();
  if (name === undefined || READING_SETTINGS.has(name))
    draft.opaque.push({ why: 'it changes how statements are read, in every session', verbs: [] });
};

/** Operators, aggregates and casts call functions under other names: what is known of a function is said where it gets one. */
const runsFunctions: Handler = (draft, { fields }) => {
  const given = nodesOf(fields.definition).map((option) => nodeOf(option.fields.arg));
  const cast = nodeOf(fields.func, 'ObjectWithArgs');
  for (const parts of [...given.map((arg) => names(arg?.fields.names)), names(cast?.fields.objname)])
    draft.called(parts);
};

const HANDLERS: Readonly<Record<string, Handler>> = {
  SelectStmt: select,
  InsertStmt: insert,
  UpdateStmt: update,
  DeleteStmt: remove,
  MergeStmt: merge,
  CopyStmt: copy,
  TruncateStmt: does(['truncate'], 'write'),
  ExplainStmt: explain,
  PrepareStmt: prepare,
  ExecuteStmt: execute,
  DeallocateStmt: free('deallocate'),
  DeclareCursorStmt: free('declare', (draft, node, scope) => draft.visitAll(node, scope)),
  FetchStmt: free('fetch'),
  ClosePortalStmt: free('close'),
  TransactionStmt: transaction,
  CallStmt: call,
  DoStmt: does(['do'], 'opaque', { more: hides('what a DO block does is not seen', 'do') }),
  LoadStmt: does(['load'], 'opaque', { more: hides('what a library does is not seen', 'load') }),

  VariableSetStmt: setVariable,
  VariableShowStmt: does(['show'], 'read'),
  ConstraintsSetStmt: does(['set constraints'], 'session', { also: ['set'] }),
  DiscardStmt: does(['discard'], 'session'),
  ListenStmt: does(['listen'], 'session'),
  UnlistenStmt: does(['unlisten'], 'session'),
  NotifyStmt: does(['notify'], 'write'),
  LockStmt: does(['lock'], 'write'),

  GrantStmt: grant,
  GrantRoleStmt: grant,
  AlterDefaultPrivilegesStmt: alters('default privileges', { anywhere: true }),
  CreateRoleStmt: creates('role', { more: namesRole }),
  AlterRoleStmt: alters('role', { more: namesRole }),
  AlterRoleSetStmt: alters('role'),
  DropRoleStmt: does(['drop', 'drop role'], 'privilege'),
  DropOwnedStmt: does(['drop', 'drop owned'], 'schema', { anywhere: true }),
  ReassignOwnedStmt: does(['reassign owned'], 'privilege', { also: ['alter', 'alter owner'], anywhere: true }),
  CreatePolicyStmt: creates('policy'),
  AlterPolicyStmt: alters('policy'),
  SecLabelStmt: does(['security label'], 'privilege', {
    relations: ({ objtype, object }) => [relationOfObject(objtype, nodeOf(object))],
  }),
  AlterSystemStmt: does(['alter system'], 'privilege', { also: ['alter'], more: changesReading }),

  CreateStmt: creates('table'),
  CreateTableAsStmt: createTableAs,
  CreateForeignTableStmt: creates('foreign table'),
  ViewStmt: creates('view'),
  CreateSeqStmt: creates('sequence'),
  AlterSeqStmt: alters('sequence'),
  IndexStmt: creates('index'),
  CreateStatsStmt: creates('statistics'),
  AlterStatsStmt: alters('statistics'),
  CreateTrigStmt: creates('trigger'),
  CreateEventTrigStmt: creates('event trigger'),
  AlterEventTrigStmt: alters('event trigger'),
  RuleStmt: creates('rule'),
  CreateSchemaStmt: creates('schema', {
    relations: ({ schemaname }) => [text(schemaname) === undefined ? {} : { schema: String(schemaname) }],
  }),
  CreateFunctionStmt: createFunction,
  AlterFunctionStmt: altersObject('objtype'),
  CreatedbStmt: creates('database'),
  AlterDatabaseStmt: alters('database'),
  AlterDatabaseSetStmt: alters('database'),
  AlterDatabaseRefreshCollStmt: alters('database'),
  DropdbStmt: does(['drop', 'drop database'], 'schema', { anywhere: true }),
  CreateTableSpaceStmt: creates('tablespace'),
  AlterTableSpaceOptionsStmt: alters('tablespace'),
  AlterTableMoveAllStmt: alters('table', { anywhere: true }),
  DropTableSpaceStmt: does(['drop', 'drop tablespace'], 'schema'),
  CreateExtensionStmt: creates('extension', {
    more: hides("what an extension's script does is not seen", 'create extension'),
  }),
  AlterExtensionStmt: alters('extension', {
    more: hides("what an extension's script does is not seen", 'alter extension'),
  }),
  AlterExtensionContentsStmt: alters('extension', {
    relations: ({ objtype, object }) => [relationOfObject(objtype, nodeOf(object))],
  }),
  CreatePLangStmt: creates('language'),
  CreateFdwStmt: creates('foreign data wrapper'),
  AlterFdwStmt: alters('foreign data wrapper'),
  CreateForeignServerStmt: creates('server'),
  AlterForeignServerStmt: alters('server'),
  CreateUserMappingStmt: creates('user mapping'),
  AlterUserMappingStmt: alters('user mapping'),
  DropUserMappingStmt: does(['drop', 'drop user mapping'], 'privilege'),
  ImportForeignSchemaStmt: does(['import foreign schema'], 'schema', {
    also: ['create', 'create foreign table'],
    relations: ({ local_schema: schema }) => [text(schema) === undefined ? {} : { schema: String(schema) }],
  }),
  CreatePublicationStmt: creates('publication', { relations: published }),
  AlterPublicationStmt: alters('publication', { relations: published }),
  CreateSubscriptionStmt: creates('subscription', { anywhere: true }),
  AlterSubscriptionStmt: alters('subscription', { anywhere: true }),
  DropSubscriptionStmt: does(['drop', 'drop subscription'], 'schema'),
  CreateAmStmt: creates('access method'),
  DefineStmt: (draft, node, scope) => creates(wordOf(node.fields.kind), { more: runsFunctions })(draft, node, scope),
  CreateDomainStmt: creates('domain'),
  AlterDomainStmt: alters('domain'),
  CompositeTypeStmt: creates('type'),
  CreateEnumStmt: creates('type'),
  AlterEnumStmt: alters('type'),
  CreateRangeStmt: creates('type'),
  AlterTypeStmt: alters('type'),
  AlterCollationStmt: alters('collation'),
  CreateOpClassStmt: creates('operator class'),
  CreateOpFamilyStmt: creates('operator family'),
  AlterOpFamilyStmt: alters('operator family'),
  AlterOperatorStmt: alters('operator'),
  CreateConversionStmt: creates('conversion'),
  CreateCastStmt: creates('cast', { more: runsFunctions }),
  CreateTransformStmt: creates('transform'),
  AlterTSDictionaryStmt: alters('text search dictionary'),
  AlterTSConfigurationStmt: alters('text search configuration'),

  AlterTableStmt: alterTable,
  RenameStmt: altersObject('renameType', {
    more: (draft, { fields }) => {
      if (fields.renameType !== 'OBJECT_ROLE') return;
      for (const role of [fields.subname, fields.newname]) if (text(role)) draft.roles.add(String(role));
    },
  }),
  AlterObjectSchemaStmt: altersObject('objectType'),
  AlterObjectDependsStmt: altersObject('objectType'),
  AlterOwnerStmt: altersObject('objectType', {
    also: ['alter owner'],
    more: (draft) => draft.act({ verbs: ['alter', 'alter owner'], class: 'privilege' }),
  }),
  DropStmt: drop,
  CommentStmt: does(['comment'], 'schema', {
    relations: ({ objtype, object }) => [relationOfObject(objtype, nodeOf(object))],
  }),

  RefreshMatViewStmt: does(['refresh'], 'write'),
  ClusterStmt: does(['cluster'], 'schema', { anywhere: true }),
  ReindexStmt: does(['reindex'], 'schema', {
    anywhere: true,
    relations: ({ kind, name }) => [kind === 'REINDEX_OBJECT_SCHEMA' ? { schema: String(name ?? '') } : undefined],
  }),
  VacuumStmt: (draft, node, scope) =>
    does([node.fields.is_vacuumcmd === true ? 'vacuum' : 'analyze'], 'schema', { anywhere: true })(draft, node, scope),
  CheckPointStmt: does(['checkpoint'], 'privilege'),
};

/** Statement nodes that are summarised here, for the test that holds them against the grammar. */
export const SUMMARIZED_NODES: readonly string[] = Object.keys(HANDLERS);
