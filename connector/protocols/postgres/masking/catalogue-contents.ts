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
  /** Row policies, triggers, or own functions in defaults, checks, indexes: code of the database's own runs when it is touched. */
  readonly runsCode: boolean;
  /** Rules of its own beside a view's: what is written to it, and what RETURNING gives, may be something else. */
  readonly rewritten: boolean;
  /** Changes with a view's definition. Empty for what has none. */
  readonly definedAt: string;
  readonly columns: readonly CatalogueColumn[];
}

export interface OwnCode {
  /** Names of functions that are neither the server's nor compiled ones of an extension, whatever schema they are in. */
  readonly functions: ReadonlySet<string>;
  readonly operators: ReadonlySet<string>;
  /** Casts by such functions: any expression may call one. */
  readonly casts: boolean;
  /** Domains whose checks call one. */
  readonly domains: boolean;
  /** One of them may run statements that are in a string, open cursors, or change definitions or settings. */
  readonly dynamic: boolean;
}

/** What a server makes for itself has a lower number (FirstNormalObjectId), whatever schema it is in. */
export const FIRST_OWN_OID = 16_384;

/** By relation: a view's query. By relation and column (`oid.attnum`): the expression of a generated column. */
export interface Definitions {
  readonly views: ReadonlyMap<number, string>;
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

/** 13: the language C. What is compiled came with the extension; the rest may have been added to it by anybody who owns it. */
const OWN_FUNCTION = (p: string) =>
  `(${p}.oid >= ${FIRST_OWN_OID} and (${p}.prolang <> 13 or not ${EXTENSION_MEMBER('pg_catalog.pg_proc', `${p}.oid`)}))`;

/** Objects of a catalogue that call an own function, or use an own operator. */
const CALLERS = (catalogue: string) => `select u.objid from pg_catalog.pg_depend u
  left join pg_catalog.pg_proc p on u.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass and p.oid = u.refobjid
 where u.classid = '${catalogue}'::pg_catalog.regclass and u.refobjid >= ${FIRST_OWN_OID}
   and (u.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass or ${OWN_FUNCTION('p')})`;

/** Words without which a body in SQL or PL/pgSQL runs no string as a statement, and changes nothing but rows. */
const DYNAMIC =
  '\\m(execute|prepare|deallocate|discard|open|cursor|refcursor|create|alter|drop|import|call|reset|names|set_config|client_encoding|pg_settings)\\M|_to_xml|ts_stat|ts_rewrite|dblink|crosstab|connectby|\\\\|u&';

/** Three results: relations, own functions and operators, whether there are own casts. */
export const NAMES_QUERY = `${BEGIN}
select c.oid::pg_catalog.int8, n.nspname, c.relname, c.relkind::text, i.parents, s.oid::pg_catalog.int8,
       (c.relrowsecurity or t.tgrelid is not null or k.relation is not null)::int, (r.rules is true or t.instead is true)::int, coalesce(r.defined, ''), a.columns
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_class s on c.relkind = 't' and s.reltoastrelid = c.oid
  left join (select inhrelid, pg_catalog.string_agg(inhparent::pg_catalog.int8::text, ',') as parents
               from pg_catalog.pg_inherits group by inhrelid) i on i.inhrelid = c.oid
  left join (select tgrelid, pg_catalog.bool_or(tgtype & 64 <> 0) as instead
               from pg_catalog.pg_trigger where not tgisinternal group by tgrelid) t on t.tgrelid = c.oid
  left join (select e.adrelid as relation from pg_catalog.pg_attrdef e where e.oid in (${CALLERS('pg_catalog.pg_attrdef')})
             union select e.conrelid from pg_catalog.pg_constraint e where e.oid in (${CALLERS('pg_catalog.pg_constraint')})
             union select e.indrelid from pg_catalog.pg_index e where e.indexrelid in (${CALLERS('pg_catalog.pg_class')})
             union select y.attrelid from pg_catalog.pg_attribute y join pg_catalog.pg_constraint e on e.contypid = y.atttypid
              where e.contypid <> 0 and e.oid in (${CALLERS('pg_catalog.pg_constraint')})) k on k.relation = c.oid
  left join (select ev_class, pg_catalog.bool_or(ev_type <> '1') as rules,
                    pg_catalog.string_agg(xmin::text, ',') filter (where ev_type = '1') as defined
               from pg_catalog.pg_rewrite group by ev_class) r on r.ev_class = c.oid
  left join (select attrelid, pg_catalog.json_agg(pg_catalog.json_build_array(attnum, attname, atttypid::pg_catalog.int8,
                    coalesce(nullif(ty.typrelid, 0), nullif(el.typrelid, 0), 0)::pg_catalog.int8, coalesce(de.xmin::text, ''))
                    order by attnum) as columns
               from pg_catalog.pg_attribute
               left join pg_catalog.pg_attrdef de on attgenerated <> '' and de.adrelid = attrelid and de.adnum = attnum
               left join pg_catalog.pg_type ty on ty.oid = atttypid
               left join pg_catalog.pg_type el on el.oid = ty.typelem
              where attnum > 0 and not attisdropped group by attrelid) a on a.attrelid = c.oid
 where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S', 't');
select 'f', p.proname from pg_catalog.pg_proc p where ${OWN_FUNCTION('p')} group by 2
union all
select 'o', o.oprname from pg_catalog.pg_operator o join pg_catalog.pg_proc p on p.oid = o.oprcode
 where o.oid >= ${FIRST_OWN_OID} and (not ${EXTENSION_MEMBER('pg_catalog.pg_operator', 'o.oid')} or ${OWN_FUNCTION('p')}) group by 2
union all
select 'c', '' where exists (select from pg_catalog.pg_cast k join pg_catalog.pg_proc p on p.oid = k.castfunc
 where ${OWN_FUNCTION('p')})
union all
select 'd', '' where exists (select from pg_catalog.pg_constraint e where e.contypid <> 0 and e.oid in (${CALLERS('pg_catalog.pg_constraint')}))
union all
select 'x', '' where exists (select from pg_catalog.pg_proc p join pg_catalog.pg_language l on l.oid = p.prolang
 where ${OWN_FUNCTION('p')} and (l.lanname not in ('sql', 'plpgsql') or p.prosrc ~* '${DYNAMIC}'));
commit`;

/** `views`: whose definitions are wanted; generated columns come always. */
export const definitionsQuery = (views: readonly number[]): string => `${BEGIN}
select 'v', c.oid::pg_catalog.int8, 0, pg_catalog.pg_get_viewdef(c.oid)
  from pg_catalog.pg_class c where c.oid = any ('{${views.join(',')}}'::pg_catalog.oid[]) and c.relkind in ('v', 'm')
union all
select 'g', a.attrelid::pg_catalog.int8, a.attnum, pg_catalog.pg_get_expr(d.adbin, d.adrelid)
  from pg_catalog.pg_attribute a join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
 where a.attgenerated <> '' and not a.attisdropped;
commit`;

/** Rows as a server sent them: text, or null. */
export type CatalogueRow = readonly (string | null)[];

const numberOf = (value: string | null | undefined): number => Number(value ?? 0);

/** Throws for rows that the queries cannot have given. */
export function relationOf(row: CatalogueRow): Relation {
  const [oid, schema, name, kind, parents, storageOf, runsCode, rewritten, definedAt, columns] = row;
  const listed: unknown = columns === null || columns === undefined ? [] : JSON.parse(columns);
  if (!Array.isArray(listed) || !oid || schema == null || name == null || kind == null)
    throw new Error('a row of the catalogue is malformed');
  return {
    oid: Number(oid),
    schema,
    name,
    kind,
    parents: parents ? parents.split(',').map(Number) : [],
    storageOf: storageOf ? Number(storageOf) : undefined,
    runsCode: runsCode === '1',
    rewritten: rewritten === '1',
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
  const named = (letter: string) => new Set(rows.flatMap(([kind, name]) => (kind === letter && name ? [name] : [])));
  const any = (letter: string) => rows.some(([kind]) => kind === letter);
  return { functions: named('f'), operators: named('o'), casts: any('c'), domains: any('d'), dynamic: any('x') };
}

export function definitionsOf(rows: readonly CatalogueRow[]): Definitions {
  const views = new Map<number, string>();
  const generated = new Map<string, string>();
  for (const [kind, oid, number, text] of rows) {
    if (text == null) continue;
    if (kind === 'v') views.set(numberOf(oid), text);
    else generated.set(`${oid}.${number}`, text);
  }
  return { views, generated };
}
