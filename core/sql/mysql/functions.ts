// Functions of MySQL and MariaDB, and of the libraries that are met beside them, which do more than compute. What is not
// listed is taken for a computation: a function of the database's own may do anything, and nothing in a statement's text
// says so (docs/policy.md tells authors).

import type { StatementClass } from '../statement.ts';

interface MysqlFunction {
  readonly class: StatementClass;
  /** It runs what the statement's text does not show, or reads what no rule on tables can see. */
  readonly hides?: string;
}

const listed = (kind: StatementClass, names: string, hides?: string): [string, MysqlFunction][] =>
  names
    .trim()
    .split(/\s+/)
    .map((name) => [name, { class: kind, ...(hides !== undefined && { hides }) }]);

const KNOWN: ReadonlyMap<string, MysqlFunction> = new Map([
  ...listed(
    'opaque',
    'load_file keyring_key_fetch audit_log_read xmltable mysql_option_tracker_option_get',
    'reads what no rule on tables can see',
  ),
  ...listed('opaque', 'sys_exec sys_eval sys_get sys_set do_system http_get http_post', 'runs a program on the server'),
  ...listed(
    'opaque',
    'spider_direct_sql spider_bg_direct_sql spider_copy_tables spider_flush_table_mon_cache mroonga_command',
    'runs SQL that stands in a string',
  ),
  ...listed('write', 'nextval setval'),
  ...listed(
    'session',
    `get_lock release_lock release_all_locks service_get_read_locks service_get_write_locks service_release_locks
     master_pos_wait source_pos_wait master_gtid_wait wait_for_executed_gtid_set wait_until_sql_thread_after_gtids
     last_insert_id`,
  ),
  ...listed(
    'privilege',
    `audit_log_filter_set_filter audit_log_filter_remove_filter audit_log_filter_set_user audit_log_filter_remove_user
     audit_log_filter_flush audit_log_encryption_password_set audit_log_rotate set_firewall_mode
     set_firewall_group_mode mysql_firewall_flush_status read_firewall_users read_firewall_whitelist
     load_rewrite_rules flush_rewrite_cache wsrep_sync_wait_upto`,
  ),
]);

/** Whole families, whatever their members are called in the next release. */
const FAMILIES: readonly (readonly [string, MysqlFunction])[] = [
  ['lib_mysqludf_', { class: 'opaque', hides: 'runs code of a library' }],
  ['keyring_key_', { class: 'privilege' }],
  ['group_replication_', { class: 'privilege' }],
  ['asynchronous_connection_failover_', { class: 'privilege' }],
  ['version_tokens_', { class: 'privilege' }],
  ['masking_dictionary_', { class: 'privilege' }],
  ['sys_', { class: 'opaque', hides: 'may run a program on the server' }],
];

/** By its name in lower case. */
export function mysqlFunction(name: string): MysqlFunction | undefined {
  return KNOWN.get(name) ?? FAMILIES.find(([prefix]) => name.startsWith(prefix))?.[1];
}
