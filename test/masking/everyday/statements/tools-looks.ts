// What graphical tools send by themselves: at connect, for the tree, for a table's page. Shortened where
// they ask the same of twenty more catalogue columns.

import { type Case, one, session } from '../case.ts';

export const LOOKS: readonly Case[] = [
  session('pgAdmin, at connect, and its dashboard', [
    "SET DateStyle=ISO; SET client_min_messages=notice; SELECT set_config('bytea_output','hex',false) FROM pg_show_all_settings() WHERE name = 'bytea_output'; SET client_encoding='utf-8'",
    "SELECT 'session_stats' AS chart_name, pg_catalog.row_to_json(t) IS NOT NULL AS chart_data FROM (SELECT (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE datname = 'none') AS \"Total\") t",
    "SELECT name, category, setting, unit, short_desc FROM pg_settings WHERE name = 'work_mem'",
    "SELECT set_config('my.app', 'x', false), current_setting('my.app')",
  ]),
  session(
    'DBeaver, at connect',
    [
      'SET extra_float_digits = 3',
      "SET application_name = 'DBeaver 24.0.0 - Main'",
      'SELECT current_schema(),session_user',
      'SHOW search_path',
      'select * from pg_catalog.pg_settings where name=$$standard_conforming_strings$$',
      'SELECT db.oid,db.* FROM pg_catalog.pg_database db WHERE datallowconn AND NOT datistemplate ORDER BY db.datname',
      "SELECT n.oid,n.*,d.description FROM pg_catalog.pg_namespace n LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=n.oid AND d.objsubid=0 AND d.classoid='pg_namespace'::regclass ORDER BY nspname",
      'SELECT typcategory FROM pg_catalog.pg_type WHERE 1<>1 LIMIT 1',
      "SELECT t.oid,t.*,c.relkind,format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description FROM pg_catalog.pg_type t LEFT OUTER JOIN pg_catalog.pg_type et ON et.oid=t.typelem LEFT OUTER JOIN pg_catalog.pg_class c ON c.oid=t.typrelid LEFT OUTER JOIN pg_catalog.pg_description d ON t.oid=d.objoid WHERE t.typname IS NOT NULL AND (c.relkind IS NULL OR c.relkind = 'c') AND (et.typcategory IS NULL OR et.typcategory <> 'C') ORDER BY t.oid",
    ],
    { varies: ['datfrozenxid', 'datminmxid'] },
  ),
  one(
    "SELECT c.oid,c.*,d.description,pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr, pg_catalog.pg_get_partkeydef(c.oid) as partition_key FROM pg_catalog.pg_class c LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 AND d.classoid='pg_class'::regclass WHERE c.relnamespace='public'::regnamespace AND c.relkind not in ('i','I','c') ORDER BY c.relname",
    { varies: ['relfrozenxid', 'relminmxid', 'relpages', 'reltuples', 'relallvisible', 'relallfrozen'] },
  ),
  one(
    "SELECT c.relname,a.*,pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value,dsc.description,dep.objid FROM pg_catalog.pg_attribute a INNER JOIN pg_catalog.pg_class c ON (a.attrelid=c.oid) LEFT OUTER JOIN pg_catalog.pg_attrdef ad ON (a.attrelid=ad.adrelid AND a.attnum = ad.adnum) LEFT OUTER JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid) LEFT OUTER JOIN pg_depend dep on dep.refobjid = a.attrelid AND dep.deptype = 'i' and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid WHERE NOT a.attisdropped AND c.relname IN ('customers', 'orders') ORDER BY c.relname, a.attnum",
  ),
  one(
    "SELECT c.oid,c.*,t.relname as tabrelname,rt.relnamespace as refnamespace,d.description,null as consrc_copy FROM pg_catalog.pg_constraint c INNER JOIN pg_catalog.pg_class t ON t.oid=c.conrelid LEFT OUTER JOIN pg_catalog.pg_class rt ON rt.oid=c.confrelid LEFT OUTER JOIN pg_catalog.pg_description d ON d.objoid=c.oid AND d.objsubid=0 WHERE c.conrelid='customers'::regclass ORDER BY c.oid",
  ),
  one(
    "SELECT i.*,i.indkey as keys,c.relname,c.relnamespace,c.relam,c.reltablespace,tc.relname as tabrelname,pg_catalog.pg_get_expr(i.indpred, i.indrelid) as pred_expr,pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) as expr FROM pg_catalog.pg_index i INNER JOIN pg_catalog.pg_class c ON c.oid=i.indexrelid INNER JOIN pg_catalog.pg_class tc ON tc.oid=i.indrelid WHERE i.indrelid='orders'::regclass ORDER BY tabrelname, c.relname",
  ),
  one(
    "SELECT p.oid,p.*,pg_catalog.pg_get_expr(p.proargdefaults, 0) AS arg_defaults,pg_catalog.pg_get_function_identity_arguments(p.oid), l.lanname FROM pg_catalog.pg_proc p LEFT JOIN pg_catalog.pg_language l ON l.oid = p.prolang WHERE p.pronamespace='public'::regnamespace ORDER BY p.oid",
  ),
  one(
    'SELECT x.oid,x.*,p.proname FROM pg_catalog.pg_trigger x LEFT OUTER JOIN pg_catalog.pg_proc p ON p.oid=x.tgfoid WHERE x.tgrelid=$$customers$$::regclass ORDER BY x.oid',
  ),
  session(
    'DBeaver, a table of data',
    [
      'SELECT * FROM public.customers LIMIT 200',
      'SELECT x.* FROM public.orders x ORDER BY id',
      'select count(*) as totalRows from (SELECT * FROM public.customers) totals',
      'SELECT x.*, ctid FROM public.products x ORDER BY id',
    ],
    { hides: ['email', 'phone'], varies: ['ctid'] },
  ),
  session(
    'DataGrip, at connect',
    [
      'select version()',
      'SET client_min_messages TO WARNING',
      'select round(extract( epoch from pg_postmaster_start_time() at time zone $$UTC$$ )) as startup_time',
      'select current_database() as a, current_schemas(false) as b, current_user as c',
      'select case when pg_catalog.pg_is_in_recovery() then null else (pg_catalog.txid_current() % 4294967296)::varchar::bigint > 0 end as current_txid',
      'select N.oid::bigint as id, datname as name, D.description, datistemplate as is_template, datallowconn as allow_connections, pg_catalog.pg_get_userbyid(N.datdba) as "owner" from pg_catalog.pg_database N left join pg_catalog.pg_shdescription D on N.oid = D.objoid order by case when datname = pg_catalog.current_database() then -1::bigint else N.oid::bigint end',
      'select N.oid::bigint as id, N.xmin as state_number, nspname as name, D.description, pg_catalog.pg_get_userbyid(N.nspowner) as "owner" from pg_catalog.pg_namespace N left join pg_catalog.pg_description D on N.oid = D.objoid order by case when nspname = pg_catalog.current_schema() then -1::bigint else N.oid::bigint end',
    ],
    { varies: ['startup_time', 'state_number'] },
  ),
  one(
    "select T.relkind as table_kind, T.relname as table_name, T.oid as table_id, T.xmin as table_state_number, T.relpersistence, pg_catalog.pg_get_userbyid(T.relowner) as \"owner\", D.description from pg_catalog.pg_class T left join pg_catalog.pg_description D on D.objoid = T.oid and D.objsubid = 0 where relnamespace = 'public'::regnamespace and relkind in ('r', 'm', 'v', 'p', 'f') order by table_kind, table_id",
    { varies: ['table_state_number'] },
  ),
  one(
    "with T as (select distinct T.oid as table_id, T.relname as table_name from pg_catalog.pg_class T where T.relnamespace = 'public'::regnamespace and T.relkind in ('r', 'm', 'v', 'f', 'p')) select T.table_id, C.attnum as column_position, C.attname as column_name, C.atttypmod as type_mod, C.attndims as dimensions_number, pg_catalog.format_type(C.atttypid, C.atttypmod) as type_spec, C.attnotnull as mandatory, pg_catalog.pg_get_expr(D.adbin, T.table_id) as column_default_expression, not C.attislocal as column_is_inherited from T join pg_catalog.pg_attribute C on T.table_id = C.attrelid left join pg_catalog.pg_attrdef D on (C.attrelid, C.attnum) = (D.adrelid, D.adnum) where attnum > 0 order by table_id, attnum",
  ),
  one(
    "select T.oid as view_id, pg_catalog.pg_get_viewdef(T.oid, true) as source_text from pg_catalog.pg_class T where T.relkind in ('m','v') and T.relnamespace = 'public'::regnamespace order by 1",
  ),
  one(
    "select proc.oid as id, pg_catalog.pg_get_functiondef(proc.oid) as source_text from pg_catalog.pg_proc proc where proname in ('slug', 'order_total', 'keep_audit') order by 1",
  ),
  session(
    'DataGrip, a table of data',
    [
      'select t.* from public.customers t limit 501',
      'select count(*) from public.customers',
      'select t.*, CTID from public.staff t order by id limit 501',
    ],
    { hides: ['email', 'phone'], varies: ['ctid'] },
  ),
  session('pgAdmin, at connect', [
    "SET DateStyle=ISO; SET client_min_messages=notice; SELECT set_config('bytea_output','hex',false) FROM pg_show_all_settings() WHERE name = 'bytea_output'; SET client_encoding='utf-8';",
    'SELECT version()',
    "SELECT db.oid as did, db.datname, db.datallowconn, pg_encoding_to_char(db.encoding) AS serverencoding, has_database_privilege(db.oid, 'CREATE') as cancreate, datistemplate FROM pg_catalog.pg_database db WHERE db.datname = current_database()",
    'SELECT roles.oid as id, roles.rolname as name, roles.rolsuper as is_superuser, CASE WHEN roles.rolsuper THEN true ELSE roles.rolcreaterole END as can_create_role FROM pg_catalog.pg_roles as roles WHERE rolname = current_user',
    'SELECT gss_authenticated, encrypted FROM pg_catalog.pg_stat_gssapi WHERE pid = pg_backend_pid()',
  ]),
  one(
    "SELECT rel.oid, rel.relname AS name, (SELECT count(*) FROM pg_catalog.pg_trigger WHERE tgrelid=rel.oid AND tgisinternal = FALSE) AS triggercount, (SELECT count(1) FROM pg_catalog.pg_inherits WHERE inhrelid=rel.oid LIMIT 1) as is_inherits, rel.relpersistence unlogged, des.description FROM pg_catalog.pg_class rel LEFT OUTER JOIN pg_catalog.pg_description des ON (des.objoid=rel.oid AND des.objsubid=0 AND des.classoid='pg_class'::regclass) WHERE rel.relkind IN ('r','s','t','p') AND rel.relnamespace = 'public'::regnamespace AND NOT rel.relispartition ORDER BY rel.relname",
  ),
  one(
    "SELECT att.attname as name, att.atttypid, att.attlen, att.attnum, att.attndims, att.atttypmod, att.attacl, att.attnotnull, att.attoptions, att.attstattarget, att.attstorage, att.attidentity, pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS defval, pg_catalog.format_type(ty.oid,NULL) AS typname, pg_catalog.format_type(ty.oid,att.atttypmod) AS displaytypname, (SELECT count(1) from pg_catalog.pg_type t2 WHERE t2.typname=ty.typname) > 1 AS isdup FROM pg_catalog.pg_attribute att JOIN pg_catalog.pg_type ty ON ty.oid=atttypid LEFT OUTER JOIN pg_catalog.pg_attrdef def ON adrelid=att.attrelid AND adnum=att.attnum WHERE att.attrelid = 'customers'::regclass AND att.attnum > 0 ORDER BY att.attnum",
  ),
  one(
    'SELECT \'session_stats\' AS chart_name, pg_catalog.row_to_json(t) is not null AS chart_data FROM (SELECT (SELECT count(*) FROM pg_catalog.pg_stat_activity) AS "Total") t UNION ALL SELECT \'tps_stats\', pg_catalog.row_to_json(t) is not null FROM (SELECT (SELECT sum(xact_commit) FROM pg_catalog.pg_stat_database) AS "Commits") t',
  ),
  one(
    "select table_schema, table_name, table_type from information_schema.tables where table_schema = 'public' order by 2",
  ),
  one(
    "select column_name, data_type, is_nullable, column_default, is_generated from information_schema.columns where table_name = 'customers' order by ordinal_position",
  ),
  one(
    "SELECT tc.constraint_name, tc.table_name, kcu.column_name, ccu.table_name AS foreign_table_name FROM information_schema.table_constraints tc JOIN information_schema.key_column_usage kcu ON tc.constraint_name = kcu.constraint_name JOIN information_schema.constraint_column_usage ccu ON ccu.constraint_name = tc.constraint_name WHERE tc.constraint_type = 'FOREIGN KEY' ORDER BY 1, 2, 3",
  ),
  one(
    "select 'customers'::regclass::oid > 0 as it, to_regclass('nosuch'), pg_get_constraintdef(oid) from pg_constraint where conrelid = 'items'::regclass order by conname",
  ),
  one('select schemaname, tablename, tableowner from pg_tables where schemaname = $$public$$ order by 2'),
];
