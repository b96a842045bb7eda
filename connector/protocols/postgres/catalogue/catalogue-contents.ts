// What is read of a target's catalogue: names and definitions, never rows of tables. Two queries, so
// that definitions, which cost the server more and may wait for locks, are asked for again only where
// names or a view changed.
//
// The server makes both with an empty search_path: pg_get_viewdef then writes every name with its schema.

export interface CatalogueColumn {
  /** attnum: stays the column's for the table's life, whatever it is called. */
  readonly number: number;
  readonly name: string;
  readonly type: number;
  /** Of a column that holds rows (or arrays of rows) of a table: that table. */
  readonly rowOf: number | undefined;
  readonly generated: boolean;
}

export interface Relation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** r table, p partitioned, v view, m materialised view, f foreign, S sequence, t out-of-line storage. */
  readonly kind: string;
  /** What it is a partition or an inheritance child of. */
  readonly parents: readonly number[];
  /** Holds the long values of this table. */
  readonly storageOf: number | undefined;
  /**
   * Numbers of own functions that run when it is read: in row policies, checks, indexes, statistics and partition keys.
   * Undefined: nobody knows which.
   */
  readonly codeOfReads: readonly number[] | undefined;
  /** The same when it is written: triggers and defaults. */
  readonly codeOfWrites: readonly number[];
  /** Of these, what may put values into a row on its way: BEFORE ROW triggers and defaults. */
  readonly codeOfRows: readonly number[];
  /** Tables whose rows a foreign key changes with its own. */
  readonly cascades: readonly number[];
  /** Rules of its own beside a view's: what is written to it, and what RETURNING gives, may be something else. */
  readonly rewritten: boolean;
  /** A column's default reads a setting, of its own or its domain's. */
  readonly defaultsReadSettings: boolean;
  /** Changes with a view's definition. Empty for what has none. */
  readonly definedAt: string;
  readonly columns: readonly CatalogueColumn[];
}

/** A function that is neither the server's nor a compiled one of an extension, whatever schema it is in. */
export interface OwnFunction {
  readonly oid: number;
  readonly name: string;
  /** Another of this name is not the database's own. */
  readonly shares: boolean;
}

/** Code of a database's own, and what runs it unseen: numbers of functions. */
export interface OwnCode {
  readonly functions: readonly OwnFunction[];
  readonly operators: ReadonlyMap<string, readonly number[]>;
  /** Any expression may call one. Those of operator classes are among them. */
  readonly casts: readonly number[];
  /** In the checks and defaults of domains. */
  readonly domains: readonly number[];
  /** Run by changes of definitions. */
  readonly events: readonly number[];
  /** Run when a session begins. */
  readonly logins: readonly number[];
  /** Names of compiled functions of extensions that read no table. */
  readonly computations: ReadonlySet<string>;
}

/** What a server makes for itself has a lower number (FirstNormalObjectId), whatever schema it is in. */
export const FIRST_OWN_OID = 16_384;

/**
 * By relation: a view's query. By relation and column (`oid.attnum`): the expression of a generated column. By function:
 * its body, the defaults of its arguments and settings that it brings with it, when it is in SQL or PL/pgSQL.
 */
export interface Definitions {
  readonly views: ReadonlyMap<number, string>;
  readonly functions: ReadonlyMap<number, string>;
  readonly generated: ReadonlyMap<string, string>;
}

export interface CatalogueContents {
  readonly relations: readonly Relation[];
  readonly own: OwnCode;
}

const BEGIN = `begin transaction isolation level repeatable read read only; set local search_path = '';
set local statement_timeout = 5000; set local lock_timeout = 1000;`;

const EXTENSION_MEMBER = (classId: string, objId: string) =>
  `exists (select from pg_catalog.pg_depend d where d.classid = '${classId}'::pg_catalog.regclass and d.objid = ${objId} and d.deptype = 'e')`;

/** 12, 13: internal and C. What is compiled came with the extension; the rest may have been added to it by anybody who owns it. */
const OWN_FUNCTION = (p: string) =>
  `(${p}.oid >= ${FIRST_OWN_OID} and (${p}.prolang not in (12, 13) or not ${EXTENSION_MEMBER('pg_catalog.pg_proc', `${p}.oid`)}))`;

/** Objects of a catalogue, each with an own function that it calls, by name or by an operator. */
const CALLERS = (catalogue: string) => `select u.objid, p.oid as code from pg_catalog.pg_depend u
  join pg_catalog.pg_proc p on p.oid = case u.refclassid when 'pg_catalog.pg_proc'::pg_catalog.regclass then u.refobjid
       else (select o.oprcode::pg_catalog.oid from pg_catalog.pg_operator o where o.oid = u.refobjid) end
 where u.classid = '${catalogue}'::pg_catalog.regclass and u.refobjid >= ${FIRST_OWN_OID}
   and u.refclassid in ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
   and ${OWN_FUNCTION('p')}`;

/** Extensions whose compiled functions read nothing but their arguments, with those of PostGIS that do, and pg_trgm's of a setting. */
const COMPUTING = `'btree_gin', 'btree_gist', 'citext', 'cube', 'earthdistance', 'fuzzystrmatch', 'hstore', 'intarray', 'ip4r', 'isn', 'ltree',
 'pg_trgm', 'pgcrypto', 'postgis', 'seg', 'unaccent', 'uuid-ossp', 'vector'`;
const READING =
  '(estimatedextent|findextent|find_extent|index_extent|find_srid|_stats|_selectivity|^set_limit$|^show_limit$)';

const LISTED = (column: string) => `pg_catalog.string_agg(distinct ${column}::pg_catalog.int8::pg_catalog.text, ',')`;

/** Calls of current_setting, timeofday and to_char of a time in a stored expression, by their numbers: the server's own are no dependencies. */
const READS_SETTINGS = (expression: string) => `${expression}::pg_catalog.text ~ ':funcid (2077|3294|274|1770) '`;

/** Longer bodies are not read. */
const MAX_BODY_CHARACTERS = 200_000;

export const RELATIONS_QUERY = `select c.oid::pg_catalog.int8, n.nspname, c.relname, c.relkind::pg_catalog.text, i.parents, s.oid::pg_catalog.int8,
       case when c.relrowsecurity and q.elsewhere then '*' else pg_catalog.concat_ws(',', case when c.relrowsecurity then q.code end, k.code) end,
       pg_catalog.concat_ws(',', t.code, f.code), pg_catalog.concat_ws(',', t.before, f.code), y.targets,
       (r.rules is true or t.instead is true)::int, (w.relation is not null)::int, coalesce(r.defined, ''), a.columns
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_class s on c.relkind = 't' and s.reltoastrelid = c.oid
  left join (select inhrelid, pg_catalog.string_agg(inhparent::pg_catalog.int8::pg_catalog.text, ',') as parents
               from pg_catalog.pg_inherits group by inhrelid) i on i.inhrelid = c.oid
  left join (select tgrelid, pg_catalog.bool_or(tgtype & 64 <> 0) as instead, ${LISTED('u.code')} as code,
                    ${LISTED('u.code')} filter (where tgtype & 67 = 3) as before
               from pg_catalog.pg_trigger e left join (${CALLERS('pg_catalog.pg_trigger')}) u on u.objid = e.oid
              where not tgisinternal group by tgrelid) t on t.tgrelid = c.oid
  left join (select e.adrelid, ${LISTED('u.code')} as code
               from pg_catalog.pg_attrdef e join (${CALLERS('pg_catalog.pg_attrdef')}) u on u.objid = e.oid
              group by e.adrelid) f on f.adrelid = c.oid
  left join (select adrelid as relation from pg_catalog.pg_attrdef where ${READS_SETTINGS('adbin')}
             union
             select y.attrelid from pg_catalog.pg_type d join pg_catalog.pg_attribute y on y.atttypid = d.oid
              where d.typtype = 'd' and ${READS_SETTINGS('d.typdefaultbin')}) w on w.relation = c.oid
  left join (select e.polrelid, ${LISTED('u.code')} as code,
                    pg_catalog.bool_or(exists (select from pg_catalog.pg_depend d
                       where d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass and d.objid = e.oid
                         and d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.refobjid <> e.polrelid)) as elsewhere
               from pg_catalog.pg_policy e left join (${CALLERS('pg_catalog.pg_policy')}) u on u.objid = e.oid
              group by e.polrelid) q on q.polrelid = c.oid
  left join (select relation, ${LISTED('code')} as code from (
               select e.conrelid as relation, u.code from pg_catalog.pg_constraint e
                 join (${CALLERS('pg_catalog.pg_constraint')}) u on u.objid = e.oid where e.conrelid <> 0
               union all
               select coalesce(e.indrelid, u.objid), u.code from (${CALLERS('pg_catalog.pg_class')}) u
                 left join pg_catalog.pg_index e on e.indexrelid = u.objid
               union all
               select e.stxrelid, u.code from pg_catalog.pg_statistic_ext e
                 join (${CALLERS('pg_catalog.pg_statistic_ext')}) u on u.objid = e.oid
               union all
               select y.attrelid, u.code from pg_catalog.pg_attribute y join pg_catalog.pg_constraint e on e.contypid = y.atttypid
                 join (${CALLERS('pg_catalog.pg_constraint')}) u on u.objid = e.oid where e.contypid <> 0) k
              group by relation) k on k.relation = c.oid
  left join (select confrelid, ${LISTED('conrelid')} as targets from pg_catalog.pg_constraint
              where contype = 'f' and (confdeltype not in ('a', 'r') or confupdtype not in ('a', 'r'))
              group by confrelid) y on y.confrelid = c.oid
  left join (select ev_class, pg_catalog.bool_or(ev_type <> '1') as rules,
                    pg_catalog.string_agg(xmin::pg_catalog.text, ',') filter (where ev_type = '1') as defined
               from pg_catalog.pg_rewrite group by ev_class) r on r.ev_class = c.oid
  left join (select attrelid, pg_catalog.json_agg(pg_catalog.json_build_array(attnum, attname, coalesce(nullif(dt.typbasetype, 0), nullif(ty.typbasetype, 0), atttypid)::pg_catalog.int8,
                    coalesce(nullif(ty.typrelid, 0), nullif(el.typrelid, 0), nullif(dt.typrelid, 0), 0)::pg_catalog.int8, coalesce(de.xmin::pg_catalog.text, ''))
                    order by attnum) as columns
               from pg_catalog.pg_attribute
               left join pg_catalog.pg_attrdef de on attgenerated <> '' and de.adrelid = attrelid and de.adnum = attnum
               left join pg_catalog.pg_type ty on ty.oid = atttypid
               left join pg_catalog.pg_type el on el.oid = ty.typelem
               left join pg_catalog.pg_type dt on dt.oid = ty.typbasetype
              where attnum > 0 and not attisdropped group by attrelid) a on a.attrelid = c.oid
 where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 't')`;

/** Own functions, operators, and what else runs functions. */
export const OWN_CODE_QUERY = `select 'f', p.proname, p.oid::pg_catalog.int8, p.xmin::pg_catalog.text,
       (exists (select from pg_catalog.pg_proc s where s.proname = p.proname and not ${OWN_FUNCTION('s')}))::int
  from pg_catalog.pg_proc p where ${OWN_FUNCTION('p')}
union all
select 'o', o.oprname, p.oid::pg_catalog.int8, '', 0 from pg_catalog.pg_operator o join pg_catalog.pg_proc p on p.oid = o.oprcode
 where o.oid >= ${FIRST_OWN_OID} and (not ${EXTENSION_MEMBER('pg_catalog.pg_operator', 'o.oid')} or ${OWN_FUNCTION('p')})
union all
select 'c', '', p.oid::pg_catalog.int8, '', 0 from pg_catalog.pg_cast k join pg_catalog.pg_proc p on p.oid = k.castfunc where ${OWN_FUNCTION('p')}
union all
select 'd', '', u.code::pg_catalog.int8, '', 0 from pg_catalog.pg_constraint e
  join (${CALLERS('pg_catalog.pg_constraint')}) u on u.objid = e.oid where e.contypid <> 0
union all
select 'd', '', u.code::pg_catalog.int8, '', 0 from (${CALLERS('pg_catalog.pg_type')}) u
union all
select 'c', '', p.oid::pg_catalog.int8, '', 0 from pg_catalog.pg_amproc m join pg_catalog.pg_proc p on p.oid = m.amproc where ${OWN_FUNCTION('p')}
union all
select distinct 'p', p.proname, 0::pg_catalog.int8, '', 0 from pg_catalog.pg_proc p
  join pg_catalog.pg_depend d on d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass and d.objid = p.oid and d.deptype = 'e'
  join pg_catalog.pg_extension x on x.oid = d.refobjid
 where p.prolang in (12, 13) and x.extname in (${COMPUTING}) and p.proname !~ '${READING}'
union all
select 'e', e.evtevent, e.evtfoid::pg_catalog.int8, '', 0 from pg_catalog.pg_event_trigger e where e.evtenabled <> 'D'
 order by 1, 3, 2`;

/** Two results. */
export const NAMES_QUERY = `${BEGIN}
${RELATIONS_QUERY};
${OWN_CODE_QUERY};
commit`;

/** `views`: whose definitions are wanted; generated columns and bodies of own functions come always. */
export const definitionsQuery = (views: readonly number[]): string => `${BEGIN}
${definitions(`c.oid = any ('{${views.join(',')}}'::pg_catalog.oid[]) and`)};
commit`;

const definitions = (chosen: string): string => `select 'v', c.oid::pg_catalog.int8, 0, pg_catalog.pg_get_viewdef(c.oid)
  from pg_catalog.pg_class c where ${chosen} c.relkind in ('v', 'm')
union all
select 'g', a.attrelid::pg_catalog.int8, a.attnum, pg_catalog.pg_get_expr(d.adbin, d.adrelid)
  from pg_catalog.pg_attribute a join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where a.attgenerated <> '' and not a.attisdropped
union all
select case p.prosrc when '' then 'a' else 'f' end, p.oid::pg_catalog.int8, 0,
       pg_catalog.concat_ws(' ', coalesce(nullif(p.prosrc, ''), pg_catalog.pg_get_functiondef(p.oid)), pg_catalog.pg_get_expr(p.proargdefaults, 0),
         (select pg_catalog.string_agg(pg_catalog.split_part(s, '=', 1), ' ') from pg_catalog.unnest(p.proconfig) s
           where s ~* '^(datestyle|client_encoding)='))
  from pg_catalog.pg_proc p join pg_catalog.pg_language l on l.oid = p.prolang
 where l.lanname in ('sql', 'plpgsql') and pg_catalog.length(p.prosrc) <= ${MAX_BODY_CHARACTERS} and ${OWN_FUNCTION('p')}`;

/** Of all views, in one result. */
export const sessionDefinitionsQuery: string = definitions('');

/** Rows as a server sent them: text, or null. */
export type CatalogueRow = readonly (string | null)[];

const numberOf = (value: string | null | undefined): number => Number(value ?? 0);

const numbersOf = (list: string | null | undefined): readonly number[] => (list ? list.split(',').map(Number) : []);

/** Throws for rows that the queries cannot have given. */
export function asRelation(row: CatalogueRow): Relation {
  const [
    oid,
    schema,
    name,
    kind,
    parents,
    storageOf,
    reads,
    writes,
    rows,
    cascades,
    rewritten,
    settings,
    definedAt,
    columns,
  ] = row;
  const listed: unknown = columns === null || columns === undefined ? [] : JSON.parse(columns);
  if (!Array.isArray(listed) || !oid || schema == null || name == null || kind == null)
    throw new Error('a row of the catalogue is malformed');
  return {
    oid: Number(oid),
    schema,
    name,
    kind,
    parents: numbersOf(parents),
    storageOf: storageOf ? Number(storageOf) : undefined,
    codeOfReads: reads === '*' ? undefined : numbersOf(reads),
    codeOfWrites: numbersOf(writes),
    codeOfRows: numbersOf(rows),
    cascades: numbersOf(cascades),
    rewritten: rewritten === '1',
    defaultsReadSettings: settings === '1',
    definedAt: definedAt ?? '',
    columns: listed.map(([number, column, type, rowOf, generated]) => ({
      number,
      name: column,
      type,
      rowOf: rowOf === 0 ? undefined : rowOf,
      generated: generated !== '',
    })),
  };
}

export function ownCodeOf(rows: readonly CatalogueRow[]): OwnCode {
  const functions: OwnFunction[] = [];
  const operators = new Map<string, number[]>();
  const computations = new Set<string>();
  const others: Record<string, number[]> = { c: [], d: [], e: [], login: [] };
  for (const [kind, name, oid, , shares] of rows) {
    if (kind === 'f') functions.push({ oid: numberOf(oid), name: name ?? '', shares: shares === '1' });
    else if (kind === 'o') operators.set(name ?? '', [...(operators.get(name ?? '') ?? []), numberOf(oid)]);
    else if (kind === 'p') computations.add(name ?? '');
    else others[name === 'login' ? name : (kind ?? '')]?.push(numberOf(oid));
  }
  const { c: casts = [], d: domains = [], e: events = [], login: logins = [] } = others;
  return { functions, operators, computations, casts, domains, events, logins };
}

export function definitionsOf(rows: readonly CatalogueRow[]): Definitions {
  const views = new Map<number, string>();
  const generated = new Map<string, string>();
  const functions = new Map<number, string>();
  for (const [kind, oid, number, text] of rows) {
    if (text == null) continue;
    if (kind === 'v') views.set(numberOf(oid), text);
    else if (kind === 'f') functions.set(numberOf(oid), text);
    else if (kind === 'a') functions.set(numberOf(oid), text.replace(ATOMIC_HEAD, ''));
    else generated.set(`${oid}.${number}`, text);
  }
  return { views, generated, functions };
}

/** A body that was read when the function was made comes as a whole definition. */
const ATOMIC_HEAD = /^CREATE OR REPLACE (?:FUNCTION|PROCEDURE) [\s\S]*?\n(?=BEGIN ATOMIC\n|RETURN )/;
