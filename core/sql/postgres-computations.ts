// Functions whose result derives from their arguments and from nothing else. For lineage: a function
// that is not listed may read any table, so its result is unknown. By name; PostgreSQL looks in
// pg_catalog first, and making a function that outranks one of these is itself a statement to judge.

export const COMPUTATIONS: ReadonlySet<string> = new Set(
  `abs acos acosd acosh age any_value area array_agg array_append array_cat array_dims array_fill array_length array_lower
  array_ndims array_position array_positions array_prepend array_remove array_replace array_reverse array_sample
  array_shuffle array_sort array_to_json array_to_string array_to_tsvector array_upper ascii asin asind asinh atan atan2
  atan2d atand atanh avg bit_and bit_count bit_length bit_or bit_xor bool_and bool_or bpchar broadcast btrim cardinality
  casefold cbrt ceil ceiling center char char_length character_length chr clock_timestamp coalesce concat concat_ws convert
  convert_from convert_to corr cos cosd cosh cot cotd count covar_pop covar_samp crc32 crc32c cume_dist current_catalog
  current_database current_date current_schema current_schemas current_time current_timestamp current_user date date_add
  date_bin date_part date_subtract date_trunc daterange decode degrees dense_rank diagonal diameter digest div encode
  erf erfc every exp extract factorial family first_value float4 float8 floor format format_type gamma gcd generate_series
  generate_subscripts gen_random_uuid get_bit get_byte greatest grouping height hmac host hostmask hashtext initcap int2
  int4 int4multirange int4range int8 int8multirange int8range isempty isfinite json_agg json_agg_strict json_array_elements
  json_array_elements_text json_array_length json_build_array json_build_object json_each json_each_text
  json_extract_path json_extract_path_text json_object json_object_agg json_object_agg_unique json_object_keys
  json_populate_record json_populate_recordset json_scalar json_serialize json_strip_nulls json_to_record
  json_to_recordset json_typeof jsonb_agg jsonb_agg_strict jsonb_array_elements jsonb_array_elements_text
  jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text jsonb_extract_path
  jsonb_extract_path_text jsonb_insert jsonb_object jsonb_object_agg jsonb_object_agg_unique jsonb_object_keys
  jsonb_path_exists jsonb_path_match jsonb_path_query jsonb_path_query_array jsonb_path_query_first
  jsonb_populate_record jsonb_populate_recordset jsonb_pretty jsonb_set jsonb_set_lax jsonb_strip_nulls jsonb_to_record
  jsonb_to_recordset jsonb_typeof justify_days justify_hours justify_interval lag last_value lcm lead least left length
  lgamma like_escape ln localtime localtimestamp log log10 lower lower_inc lower_inf lpad ltrim make_date make_interval
  make_time make_timestamp make_timestamptz masklen max md5 merge_action min min_scale mod mode multirange name netmask
  network normalize now nth_value ntile nullif num_nonnulls num_nulls numeric numnode numrange octet_length overlaps
  overlay parse_ident percent_rank percentile_cont percentile_disc pg_backend_pid pg_client_encoding pg_collation_for
  pg_column_size pg_postmaster_start_time pg_size_pretty pg_sleep pg_typeof phraseto_tsquery pi plainto_tsquery point
  position power quote_ident quote_literal quote_nullable radians random range_agg range_intersect_agg range_merge rank
  regexp_count regexp_instr regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array
  regexp_split_to_table regexp_substr regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy
  regr_syy repeat replace reverse right round row_number row_to_json rpad rtrim scale session_user set_bit set_byte
  set_masklen setweight sha224 sha256 sha384 sha512 sign similar_to_escape similarity sin sind sinh split_part sqrt
  starts_with statement_timestamp stddev stddev_pop stddev_samp string_agg string_to_array string_to_table strip strpos
  substr substring sum tan tand tanh text timeofday timestamp timestamptz timezone to_ascii to_bin to_char to_date to_hex
  to_json to_jsonb to_number to_oct to_timestamp to_tsquery to_tsvector transaction_timestamp translate trim trim_array
  trim_scale trunc ts_delete ts_filter ts_headline ts_rank ts_rank_cd tsrange tstzrange tsvector_to_array unaccent unicode_version
  unistr unnest upper upper_inc upper_inf uuid_extract_timestamp uuid_extract_version uuid_generate_v4 uuidv4 uuidv7
  var_pop var_samp varchar variance version websearch_to_tsquery width width_bucket xml_is_well_formed xmlagg xmlcomment
  xmlconcat xmlexists xpath xpath_exists`.split(/\s+/),
);

/**
 * Functions that read definitions, privileges, settings, counters and sizes, or write large objects, but read no row of any table. What they give
 * derives from their arguments and from those. (A setting or a sequence may have been given data: whoever masks asks
 * what the session did before.)
 */
export const READS_NO_TABLE: ReadonlySet<string> = new Set(
  `_pg_char_max_length _pg_char_octet_length _pg_datetime_precision _pg_expandarray _pg_index_position
  _pg_interval_type _pg_numeric_precision _pg_numeric_precision_radix _pg_numeric_scale _pg_truetypid _pg_truetypmod
  acldefault aclexplode col_description currval getdatabaseencoding has_any_column_privilege has_column_privilege
  has_database_privilege has_foreign_data_wrapper_privilege has_function_privilege has_language_privilege
  has_largeobject_privilege has_parameter_privilege has_schema_privilege has_sequence_privilege has_server_privilege
  has_table_privilege has_tablespace_privilege has_type_privilege inet_client_addr inet_client_port inet_server_addr
  inet_server_port lastval lo_close lo_creat lo_create lo_from_bytea lo_lseek lo_lseek64 lo_open lo_put lo_tell lo_tell64
  lo_truncate lo_truncate64 lo_unlink lowrite nextval obj_description pg_advisory_lock pg_advisory_lock_shared pg_advisory_unlock
  pg_advisory_unlock_all pg_advisory_unlock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared
  pg_blocking_pids pg_cancel_backend pg_char_to_encoding pg_collation_actual_version pg_collation_is_visible
  pg_column_compression pg_column_is_updatable pg_conf_load_time pg_conversion_is_visible pg_current_snapshot
  pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_current_wal_lsn pg_current_xact_id pg_current_xact_id_if_assigned
  pg_database_size pg_describe_object pg_encoding_max_length pg_encoding_to_char pg_export_snapshot pg_filenode_relation
  pg_function_is_visible pg_get_catalog_foreign_keys pg_get_constraintdef pg_get_expr pg_get_function_arg_default
  pg_get_function_arguments pg_get_function_identity_arguments pg_get_function_result pg_get_function_sqlbody
  pg_get_functiondef pg_get_indexdef pg_get_keywords pg_get_object_address pg_get_partition_constraintdef
  pg_get_partkeydef pg_get_publication_tables pg_get_replica_identity_index pg_get_ruledef pg_get_serial_sequence
  pg_get_statisticsobjdef pg_get_statisticsobjdef_columns pg_get_statisticsobjdef_expressions pg_get_triggerdef
  pg_get_userbyid pg_get_viewdef pg_has_role pg_identify_object pg_identify_object_as_address pg_index_column_has_property
  pg_index_has_property pg_indexam_has_property pg_indexes_size pg_is_in_recovery pg_is_other_temp_schema
  pg_is_wal_replay_paused pg_isolation_test_session_is_blocked pg_last_wal_receive_lsn pg_last_wal_replay_lsn
  pg_last_xact_replay_timestamp pg_listening_channels pg_my_temp_schema pg_notify pg_opclass_is_visible
  pg_operator_is_visible pg_opfamily_is_visible pg_options_to_table pg_partition_ancestors pg_partition_root
  pg_partition_tree pg_reload_conf pg_relation_filenode pg_relation_filepath pg_relation_is_publishable
  pg_relation_is_updatable pg_relation_size pg_safe_snapshot_blocking_pids pg_sequence_last_value pg_sequence_parameters
  pg_settings_get_flags pg_size_bytes pg_stat_get_dead_tuples pg_stat_get_last_analyze_time
  pg_stat_get_last_autoanalyze_time pg_stat_get_last_autovacuum_time pg_stat_get_last_vacuum_time
  pg_stat_get_live_tuples pg_stat_get_numscans pg_stat_get_tuples_deleted pg_stat_get_tuples_inserted
  pg_stat_get_tuples_updated pg_statistics_obj_is_visible pg_table_is_visible pg_table_size pg_tablespace_databases
  pg_tablespace_location pg_tablespace_size pg_terminate_backend pg_timezone_abbrevs pg_timezone_names
  pg_total_relation_size pg_trigger_depth pg_try_advisory_lock pg_try_advisory_lock_shared pg_try_advisory_xact_lock
  pg_try_advisory_xact_lock_shared pg_ts_config_is_visible pg_ts_dict_is_visible pg_ts_parser_is_visible
  pg_ts_template_is_visible pg_type_is_visible pg_wal_lsn_diff pg_walfile_name pg_xact_commit_timestamp pg_xact_status
  row_security_active set_config setval shobj_description to_regclass to_regcollation to_regnamespace to_regoper
  to_regoperator to_regproc to_regprocedure to_regrole to_regtype txid_current txid_current_if_assigned
  txid_current_snapshot txid_snapshot_xmax txid_snapshot_xmin txid_status current_setting`.split(/\s+/),
);
