// Functions of PostgreSQL and of the extensions that come with it which do more than compute. What
// is not listed is taken for a computation: a function of the database's own may do anything, and
// nothing in a statement's text says so (docs/policy.md tells authors).

import type { StatementClass } from '../statement.ts';

interface KnownFunction {
  readonly class: StatementClass;
  /** It runs SQL, or reads tables, that the statement's text does not show. */
  readonly hides?: string;
}

const listed = (kind: StatementClass, names: string, hides?: string): [string, KnownFunction][] =>
  names
    .trim()
    .split(/\s+/)
    .map((name) => [name, { class: kind, ...(hides !== undefined && { hides }) }]);

const KNOWN: ReadonlyMap<string, KnownFunction> = new Map([
  ...listed(
    'opaque',
    `query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema ts_stat ts_rewrite
     crosstab crosstab2 crosstab3 crosstab4 crosstab_hash connectby dblink dblink_exec dblink_open dblink_send_query
     dblink_fetch dblink_get_result dblink_build_sql_insert dblink_build_sql_update dblink_build_sql_delete
     xpath_table schedule schedule_in_database`,
    'runs SQL that stands in a string',
  ),
  ...listed(
    'opaque',
    `table_to_xml table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml schema_to_xmlschema
     schema_to_xml_and_xmlschema database_to_xml database_to_xmlschema database_to_xml_and_xmlschema
     pg_logical_slot_get_changes pg_logical_slot_peek_changes pg_logical_slot_get_binary_changes
     pg_logical_slot_peek_binary_changes get_raw_page heap_page_items heap_page_item_attrs pg_read_file
     pg_read_binary_file lo_get loread lo_export lo_import
     dblink_connect dblink_connect_u dblink_get_connections postgres_fdw_get_connections
     pg_get_wal_records_info pg_get_wal_record_info pg_get_wal_block_info`,
    'reads what no rule on tables can see',
  ),
  ...listed(
    'write',
    `nextval setval lo_create lo_creat lo_from_bytea lo_put lo_truncate lo_truncate64 lo_unlink lowrite lo_open
     pg_file_write pg_file_unlink pg_file_rename pg_file_sync pg_notify pg_logical_emit_message
     pg_truncate_visibility_map pg_prewarm autoprewarm_start_worker brin_summarize_new_values brin_summarize_range
     brin_desummarize_range gin_clean_pending_list pg_stat_reset pg_stat_reset_shared
     pg_stat_reset_single_table_counters pg_stat_reset_single_function_counters pg_stat_reset_slru
     pg_stat_reset_replication_slot pg_stat_reset_subscription_stats pg_stat_statements_reset pg_stat_clear_snapshot
     pg_clear_relation_stats pg_clear_attribute_stats pg_restore_relation_stats pg_restore_attribute_stats
     heap_force_kill heap_force_freeze pg_import_system_collations`,
  ),
  ...listed(
    'privilege',
    `pg_terminate_backend pg_cancel_backend pg_reload_conf pg_rotate_logfile pg_logfile_rotate pg_promote pg_switch_wal
     pg_create_restore_point pg_backup_start pg_backup_stop pg_start_backup pg_stop_backup pg_wal_replay_pause
     pg_wal_replay_resume pg_create_physical_replication_slot pg_create_logical_replication_slot
     pg_copy_physical_replication_slot pg_copy_logical_replication_slot pg_drop_replication_slot
     pg_replication_slot_advance pg_replication_origin_create pg_replication_origin_drop
     pg_replication_origin_advance pg_replication_origin_session_setup pg_replication_origin_session_reset
     pg_replication_origin_xact_setup pg_replication_origin_xact_reset pg_sync_replication_slots pg_log_standby_snapshot
     pg_log_backend_memory_contexts pg_ls_dir pg_ls_logdir pg_ls_waldir pg_ls_tmpdir pg_ls_archive_statusdir
     pg_ls_logicalmapdir pg_ls_logicalsnapdir pg_ls_replslotdir pg_ls_summariesdir pg_stat_file pg_current_logfile
     pg_hba_file_rules pg_ident_file_mappings pg_show_all_file_settings`,
  ),
  ...listed(
    'session',
    `pg_advisory_lock pg_advisory_lock_shared pg_try_advisory_lock pg_try_advisory_lock_shared pg_advisory_xact_lock
     pg_advisory_xact_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared pg_advisory_unlock
     pg_advisory_unlock_shared pg_advisory_unlock_all pg_export_snapshot pg_listening_channels set_limit`,
  ),
]);

/** Whole families, whatever their members are called in the next release. */
const FAMILIES: readonly (readonly [RegExp, KnownFunction])[] = [
  [/^dblink/, { class: 'opaque', hides: 'runs SQL on another server' }],
  [/^binary_upgrade_/, { class: 'privilege' }],
  [/^pg_read_/, { class: 'opaque', hides: 'reads what no rule on tables can see' }],
  [/^pg_file_/, { class: 'write' }],
  [/^pg_ls_/, { class: 'privilege' }],
  [/_to_xml(schema)?$/, { class: 'opaque', hides: 'reads what no rule on tables can see' }],
];

/** By name alone: an extension may live in any schema. */
export function knownFunction(name: string): KnownFunction | undefined {
  return KNOWN.get(name) ?? FAMILIES.find(([pattern]) => pattern.test(name))?.[1];
}
