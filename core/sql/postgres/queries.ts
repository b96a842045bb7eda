// INSERT, UPDATE, DELETE, MERGE and COPY: what they write, and what they read on the way.

import { choosesNothing, mentions } from './conditions.ts';
import { type Draft, READING, relationOf, type DraftScope } from './draft.ts';
import { nodeOf, nodesOf, type TreeNode, text } from './tree.ts';
import type { RelationName } from '../statement.ts';

const COLUMN: ReadonlySet<string> = new Set(['ColumnRef']);

const targetOf = ({ fields }: TreeNode): RelationName => {
  const relation = nodeOf(fields.relation, 'RangeVar');
  return relation ? relationOf(relation.fields) : {};
};

/** The rest of a data-modifying statement reads; its own table does not count as one that is merely named. */
function visitRest(draft: Draft, node: TreeNode, outer: DraftScope): void {
  const scope = draft.withClause(node.fields, { ...outer, ...READING });
  draft.visitAll(node, scope, ['withClause', 'relation']);
}

/** Reading its own table goes with the statement, as far as allowing it goes; a rule against reading still sees it. */
function readsOwn(draft: Draft, relation: RelationName): void {
  draft.act({ ...READING, relation, free: true });
}

export function insert(draft: Draft, node: TreeNode, scope: DraftScope): void {
  const { fields } = node;
  const relation = targetOf(node);
  draft.act({ verbs: ['insert'], class: 'write', relation });
  const conflict = nodeOf(fields.onConflictClause, 'OnConflictClause');
  if (conflict?.fields.action === 'ONCONFLICT_UPDATE') draft.act({ verbs: ['update'], class: 'write', relation });
  if (conflict || fields.returningClause !== undefined) readsOwn(draft, relation);
  visitRest(draft, node, scope);
}

export function update(draft: Draft, node: TreeNode, scope: DraftScope): void {
  const { fields } = node;
  const relation = targetOf(node);
  const withoutWhere = choosesNothing(fields.whereClause) && { withoutWhere: true as const };
  draft.act({ verbs: ['update'], class: 'write', relation, ...withoutWhere });
  const assigned = nodesOf(fields.targetList).some((target) => mentions(target, COLUMN));
  if (assigned || fields.whereClause !== undefined || fields.returningClause !== undefined) readsOwn(draft, relation);
  // Writing to this view is how set_config is spelt in SQL.
  if (relation.name === 'pg_settings') draft.setting(null, null);
  visitRest(draft, node, scope);
}

export function remove(draft: Draft, node: TreeNode, scope: DraftScope): void {
  const { fields } = node;
  const relation = targetOf(node);
  const withoutWhere = choosesNothing(fields.whereClause) && { withoutWhere: true as const };
  draft.act({ verbs: ['delete'], class: 'write', relation, ...withoutWhere });
  if (fields.whereClause !== undefined || fields.returningClause !== undefined) readsOwn(draft, relation);
  visitRest(draft, node, scope);
}

const MERGE_COMMANDS: Readonly<Record<string, string>> = {
  CMD_INSERT: 'insert',
  CMD_UPDATE: 'update',
  CMD_DELETE: 'delete',
};

export function merge(draft: Draft, node: TreeNode, scope: DraftScope): void {
  const { fields } = node;
  const relation = targetOf(node);
  draft.act({ verbs: ['merge'], class: 'write', relation });
  for (const { fields: when } of nodesOf(fields.mergeWhenClauses)) {
    const verb = MERGE_COMMANDS[String(when.commandType)];
    if (verb === undefined) continue; // DO NOTHING
    const bySource = when.matchKind === 'MERGE_WHEN_NOT_MATCHED_BY_SOURCE';
    const unchosen = choosesNothing(when.condition) && (bySource || choosesNothing(fields.joinCondition));
    draft.act({
      verbs: [verb, 'merge'],
      class: 'write',
      relation,
      ...(unchosen && verb !== 'insert' && { withoutWhere: true }),
    });
  }
  readsOwn(draft, relation);
  visitRest(draft, node, scope);
}

export function copy(draft: Draft, node: TreeNode, scope: DraftScope): void {
  const { fields } = node;
  const from = fields.is_from === true;
  const way = from ? 'copy from' : 'copy to';
  const file = text(fields.filename);
  if (fields.is_program === true) {
    draft.act({ verbs: ['copy program'], also: ['copy', way], class: 'opaque' });
    draft.opaque.push({ why: 'COPY ... PROGRAM runs a program on the server', verbs: ['copy program'] });
  } else if (file !== undefined) {
    draft.act({ verbs: ['copy file'], also: ['copy', way], class: 'privilege' });
  }
  const relation = nodeOf(fields.relation, 'RangeVar');
  draft.act({
    verbs: ['copy', way],
    ...(relation && { also: [from ? 'insert' : 'select'], relation: relationOf(relation.fields) }),
    class: from ? 'write' : 'read',
  });
  visitRest(draft, node, scope);
}
