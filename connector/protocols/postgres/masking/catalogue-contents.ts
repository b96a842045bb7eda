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
  /** Row policies or triggers: code of the database's own runs when it is touched. */
  readonly runsCode: boolean;
  /** Rules of its own beside a view's: what is written to it, and what RETURNING gives, may be something else. */
  readonly rewritten: boolean;
  /** Changes with a view's definition. Empty for what has none. */
  readonly definedAt: string;
  readonly columns: readonly CatalogueColumn[];
}

export interface OwnCode {
  /** Names of functions that are neither the server's nor an extension's. */
  readonly functions: ReadonlySet<string>;
  readonly operators: ReadonlySet<string>;
  /** Casts by such functions: any expression may call one. */
  readonly casts: boolean;
}

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

/** Three results: relations, own functions and operators, whether there are own casts. */
export const NAMES_QUERY = `${BEGIN}
select c.oid::pg_catalog.int8, n.nspname, c.relname, c.relkind::text, i.parents, s.oid::pg_catalog.int8,
       (c.relrowsecurity or t.tgrelid is not null)::int, (r.rules is true or t.instead is true)::int, coalesce(r.defined, ''), a.columns
  from pg_catalog.pg_class c
  join pg_catalog.pg_namespace n on n.oid = c.relnamespace
  left join pg_catalog.pg_class s on c.relkind = 't' and s.reltoastrelid = c.oid
  left join (select inhrelid, pg_catalog.string_agg(inhparent::pg_catalog.int8::text, ',') as parents
               from pg_catalog.pg_inherits group by inhrelid) i on i.inhrelid = c.oid
  left join (select tgrelid, pg_catalog.bool_or(tgtype & 64 <> 0) as instead
               from pg_catalog.pg_trigger where not tgisinternal group by tgrelid) t on t.tgrelid = c.oid
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
select 'f', p.proname from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where n.nspname not in ('pg_catalog', 'information_schema') and not ${EXTENSION_MEMBER('pg_catalog.pg_proc', 'p.oid')}
 group by 2
union all
select 'o', o.oprname from pg_catalog.pg_operator o join pg_catalog.pg_namespace n on n.oid = o.oprnamespace
 where n.nspname <> 'pg_catalog' and not ${EXTENSION_MEMBER('pg_catalog.pg_operator', 'o.oid')} group by 2
union all
select 'c', '' where exists (select from pg_catalog.pg_cast k join pg_catalog.pg_proc p on p.oid = k.castfunc
  join pg_catalog.pg_namespace n on n.oid = p.pronamespace
 where n.nspname <> 'pg_catalog' and not ${EXTENSION_MEMBER('pg_catalog.pg_cast', 'k.oid')});
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
  return { functions: named('f'), operators: named('o'), casts: rows.some(([kind]) => kind === 'c') };
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
