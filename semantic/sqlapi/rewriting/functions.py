"""Which functions a client may call. Whatever could reach files, the network, settings or other data is not listed."""

from __future__ import annotations

import re

from sqlglot import exp

from semantic.sqlapi.errors import NotAllowed, UnknownFunction

_REFUSED = (exp.ReadCSV, exp.ReadParquet, exp.Command)
"""What sqlglot knows that reads files, or does not understand."""

ALLOWED = frozenset(
    re.findall(
        r"\w+",
        """
    measure abs acos acosh ascii asin asinh atan atan2 atanh bit_length btrim cbrt ceil ceiling char_length
    character_length chr coalesce concat concat_ws cos cosh cot degrees div encode exp factorial floor format gcd
    greatest initcap isfinite isinf isnan lcm least left length ln log log10 log2 lower lpad ltrim md5 mod nullif
    octet_length overlay pi position pow power quote_ident quote_literal quote_nullable radians random
    regexp_count regexp_like regexp_match regexp_matches regexp_replace regexp_split_to_array repeat replace
    reverse right round rpad rtrim sha256 sign sin sinh split_part sqrt starts_with strpos substr substring tan
    tanh to_hex translate trim trunc unaccent upper width_bucket age clock_timestamp current_date current_time
    current_timestamp date_bin date_diff date_part date_sub date_trunc extract justify_days justify_hours
    justify_interval localtime localtimestamp make_date make_interval make_time make_timestamp make_timestamptz
    now statement_timestamp timezone to_char to_date to_number to_timestamp transaction_timestamp timeofday
    array_agg array_append array_cat array_length array_lower array_ndims array_position array_positions
    array_prepend array_remove array_replace array_to_string array_upper cardinality generate_series
    generate_subscripts string_to_array unnest json_agg json_array_elements json_array_elements_text
    json_array_length json_build_array json_build_object json_each json_each_text json_extract_path
    json_extract_path_text json_object_agg json_object_keys json_typeof jsonb_agg jsonb_array_elements
    jsonb_array_elements_text jsonb_array_length jsonb_build_array jsonb_build_object jsonb_each jsonb_each_text
    jsonb_extract_path jsonb_extract_path_text jsonb_object_agg jsonb_object_keys jsonb_typeof row_to_json to_json
    to_jsonb any_value approx_count_distinct avg bit_and bit_or bool_and bool_or corr count covar_pop covar_samp
    every grouping max median min mode percentile_cont percentile_disc quantile_cont quantile_disc regr_avgx
    regr_avgy regr_count regr_intercept regr_r2 regr_slope regr_sxx regr_sxy regr_syy stddev stddev_pop
    stddev_samp string_agg sum var_pop var_samp variance cume_dist dense_rank first_value lag last_value lead
    nth_value ntile percent_rank rank row_number any all gen_random_uuid current_catalog current_database
    current_query current_role current_schema current_schemas current_setting current_user session_user user
    version txid_current set_config col_description format_type has_any_column_privilege has_column_privilege
    has_database_privilege has_function_privilege has_schema_privilege has_sequence_privilege has_table_privilege
    has_type_privilege inet_client_addr inet_client_port inet_server_addr inet_server_port obj_description
    shobj_description pg_advisory_unlock_all pg_backend_pid pg_client_encoding pg_column_size pg_conf_load_time
    pg_database_size pg_encoding_to_char pg_function_is_visible pg_get_constraintdef pg_get_expr
    pg_get_function_arguments pg_get_function_identity_arguments pg_get_function_result pg_get_functiondef
    pg_get_indexdef pg_get_keywords pg_get_partition_constraintdef pg_get_partkeydef pg_get_ruledef
    pg_get_serial_sequence pg_get_statisticsobjdef_columns pg_get_triggerdef pg_get_userbyid pg_get_viewdef
    pg_has_role pg_indexes_size pg_is_in_recovery pg_is_other_temp_schema pg_my_temp_schema pg_opclass_is_visible
    pg_operator_is_visible pg_postmaster_start_time pg_relation_filenode pg_relation_is_publishable
    pg_relation_size pg_show_all_settings pg_size_pretty pg_stat_get_numscans pg_table_is_visible pg_table_size
    pg_tablespace_location pg_total_relation_size pg_ts_config_is_visible pg_ts_dict_is_visible
    pg_ts_parser_is_visible pg_ts_template_is_visible pg_type_is_visible pg_typeof pg_collation_is_visible
    pg_conversion_is_visible pg_opfamily_is_visible pg_statistics_obj_is_visible to_regclass to_regnamespace
    to_regproc to_regrole to_regtype _pg_expandarray _pg_truetypid _pg_truetypmod _pg_char_max_length
    _pg_numeric_precision parse_ident pg_char_to_encoding getdatabaseencoding
    """,
    )
)


def check_functions(tree: exp.Expr) -> None:
    """Raises NotAllowed for a function that is not listed, and for what is no function of a query at all."""
    for node in tree.walk():
        if isinstance(node, _REFUSED):
            raise NotAllowed(f"function {node.key} is not allowed: only the semantic tables can be read")
        if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc | exp.CombinedAggFunc | exp.ParameterizedAgg):
            name = str(node.this if isinstance(node.this, str) else node.name).lower()
            if name not in ALLOWED:
                raise UnknownFunction(
                    f"function {name}() does not exist or is not allowed",
                    hint="Functions of PostgreSQL that compute on values are served.",
                )
        if isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier):
            _check_table_function(node)


def _check_table_function(table: exp.Table) -> None:
    function = table.this
    names = (exp.GenerateSeries, exp.ExplodingGenerateSeries, exp.Unnest, exp.Explode, exp.Anonymous, exp.Func)
    if not isinstance(function, names):
        raise NotAllowed("only views, cubes and functions can stand in FROM")
