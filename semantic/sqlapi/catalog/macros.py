"""PostgreSQL's catalog functions as DuckDB macros.

Names inside a macro's body are prefixed with an underscore: DuckDB puts arguments in place of equal names.
"""

from __future__ import annotations

from semantic.sqlapi.catalog.content import DATABASE, ROLE

_TYPE_NAME = "(SELECT _f.sql_name FROM pg.type_names AS _f WHERE _f.oid = _type)"
_NULLS = (
    ("pg_get_expr", 2, 3), ("pg_get_constraintdef", 1, 2), ("pg_get_viewdef", 1, 2), ("pg_get_indexdef", 1, 3),
    ("pg_get_ruledef", 1, 2), ("pg_get_triggerdef", 1, 2), ("pg_get_functiondef", 1, 1), ("shobj_description", 2, 2),
    ("pg_get_serial_sequence", 2, 2), ("pg_get_statisticsobjdef_columns", 1, 1), ("pg_get_partkeydef", 1, 1),
    ("pg_get_partition_constraintdef", 1, 1), ("pg_get_function_identity_arguments", 1, 1),
    ("pg_relation_filenode", 1, 1), ("inet_client_addr", 0, 0), ("inet_server_addr", 0, 0),
    ("inet_client_port", 0, 0), ("inet_server_port", 0, 0), ("to_regnamespace", 1, 1), ("to_regrole", 1, 1),
)  # fmt: skip
_TRUTHS = (
    ("has_database_privilege", 2, 3), ("has_schema_privilege", 2, 3), ("has_table_privilege", 2, 3),
    ("has_column_privilege", 3, 4), ("has_any_column_privilege", 2, 3), ("has_function_privilege", 2, 3),
    ("has_sequence_privilege", 2, 3), ("has_type_privilege", 2, 3), ("pg_has_role", 2, 3),
    ("pg_type_is_visible", 1, 1), ("pg_function_is_visible", 1, 1), ("pg_collation_is_visible", 1, 1),
    ("pg_conversion_is_visible", 1, 1), ("pg_operator_is_visible", 1, 1), ("pg_opclass_is_visible", 1, 1),
    ("pg_opfamily_is_visible", 1, 1), ("pg_statistics_obj_is_visible", 1, 1), ("pg_ts_config_is_visible", 1, 1),
    ("pg_ts_dict_is_visible", 1, 1), ("pg_ts_parser_is_visible", 1, 1), ("pg_ts_template_is_visible", 1, 1),
)  # fmt: skip
_ZEROS = (
    ("pg_table_size", 1, 1), ("pg_relation_size", 1, 2), ("pg_total_relation_size", 1, 1), ("pg_indexes_size", 1, 1),
    ("pg_database_size", 1, 1), ("pg_my_temp_schema", 0, 0), ("pg_stat_get_numscans", 1, 1),
)  # fmt: skip
_BODIES = (
    ("format_type(_type, _modifier)", f"""
        CASE WHEN _type IS NULL THEN NULL
             WHEN _type = 1700 AND _modifier > 4
             THEN 'numeric(' || ((_modifier - 4) >> 16) || ',' || ((_modifier - 4) & 65535) || ')'
             WHEN _type = 0 THEN '-'
             ELSE coalesce({_TYPE_NAME}, '???') END"""),
    ("pg_get_userbyid(_role)", f"CASE WHEN _role IS NULL THEN NULL ELSE '{ROLE}' END"),
    ("obj_description(_object, _catalog)", """
        (SELECT _d.description FROM pg.pg_description AS _d
         WHERE _d.objoid = _object AND _d.objsubid = 0 AND _catalog = 'pg_class')"""),
    ("col_description(_table, _number)", """
        (SELECT _d.description FROM pg.pg_description AS _d WHERE _d.objoid = _table AND _d.objsubid = _number)"""),
    ("pg_table_is_visible(_table)", """
        coalesce((SELECT _c.relnamespace IN (11, 2200) FROM pg.pg_class AS _c WHERE _c.oid = _table), false)"""),
    ("pg_get_function_result(_function)", """
        (SELECT _f.sql_name FROM pg.pg_proc AS _p JOIN pg.type_names AS _f ON _f.oid = _p.prorettype
         WHERE _p.oid = _function)"""),
    ("pg_get_function_arguments(_function)", "''"),
    ("pg_encoding_to_char(_encoding)", "CASE WHEN _encoding = 6 THEN 'UTF8' ELSE '' END"),
    ("pg_char_to_encoding(_name)", "CASE WHEN upper(_name) IN ('UTF8', 'UTF-8') THEN 6 ELSE -1 END"),
    ("array_remove(_list, _value)", "list_filter(_list, lambda _i: _i IS DISTINCT FROM _value)"),
    ("pg_size_pretty(_bytes)", "_bytes || ' bytes'"),
    ("pg_tablespace_location(_space)", "''"),
    ("pg_relation_is_publishable(_table)", "false"),
    ("pg_is_in_recovery()", "false"),
    ("pg_is_other_temp_schema(_schema)", "false"),
    ("pg_advisory_unlock_all()", "NULL::VARCHAR"),
    ("getdatabaseencoding()", "'UTF8'"),
    ("pg_client_encoding()", "'UTF8'"),
    ("pg_postmaster_start_time()", "current_timestamp"),
    ("pg_conf_load_time()", "current_timestamp"),
    ("txid_current()", "1"),
    ("current_schemas(_implicit)", "CASE WHEN _implicit THEN ['pg_catalog', 'public'] ELSE ['public'] END"),
    ("array_lower(_list, _dimension)", "CASE WHEN len(_list) > 0 THEN 1 END"),
    ("array_upper(_list, _dimension)", "CASE WHEN len(_list) > 0 THEN len(_list) END"),
    ("generate_subscripts(_list, _dimension)", "unnest(range(1, len(_list) + 1))"),
    ("_pg_expandarray(_list)", """
        unnest(list_transform(range(1, coalesce(len(_list), 0) + 1), lambda _i: {'x': _list[_i], 'n': _i}))"""),
    ("quote_ident(_name)", """
        CASE WHEN regexp_full_match(_name, '[a-z_][a-z0-9_$]*') THEN _name
             ELSE '"' || replace(_name, '"', '""') || '"' END"""),
    ("parse_ident(_name)", """
        list_transform(regexp_extract_all(_name, '"[^"]*"|[^".]+'), lambda _i:
            CASE WHEN _i[1] = '"' THEN trim(_i, '"') ELSE lower(_i) END)"""),
    ("quote_literal(_value)", "'''' || replace(_value, '''', '''''') || ''''"),
    ("regclass_oid(_name)", """
        coalesce(try_cast(_name AS BIGINT), (SELECT min(_c.oid)
         FROM pg.pg_class AS _c JOIN pg.pg_namespace AS _n ON _n.oid = _c.relnamespace
         WHERE replace(_name, '"', '') IN (_c.relname, _n.nspname || '.' || _c.relname)))"""),
    ("regclass_name(_object)", """
        coalesce((SELECT CASE WHEN _n.nspname = 'information_schema' THEN _n.nspname || '.' ELSE '' END || _c.relname
                  FROM pg.pg_class AS _c JOIN pg.pg_namespace AS _n ON _n.oid = _c.relnamespace
                  WHERE _c.oid = _object),
                 CASE WHEN _object = 0 THEN '-' ELSE CAST(_object AS VARCHAR) END)"""),
    ("regtype_oid(_name)", """
        coalesce(try_cast(_name AS BIGINT), (SELECT min(_f.oid) FROM pg.type_names AS _f
         WHERE lower(replace(replace(_name, 'pg_catalog.', ''), '"', '')) IN (_f.sql_name, _f.name)))"""),
    ("regnamespace_oid(_name)", "(SELECT _n.oid FROM pg.pg_namespace AS _n WHERE _n.nspname = _name)"),
    ("regnamespace_name(_object)", "(SELECT _n.nspname FROM pg.pg_namespace AS _n WHERE _n.oid = _object)"),
    ("regproc_oid(_name)", """
        (SELECT _p.oid FROM pg.pg_proc AS _p WHERE _p.proname = replace(_name, 'pg_catalog.', ''))"""),
    ("to_regclass(_name)", "regclass_oid(_name)"),
    ("to_regtype(_name)", "regtype_oid(_name)"),
    ("to_regproc(_name)", "regproc_oid(_name)"),
    ("current_catalog_name()", f"'{DATABASE}'"),
)  # fmt: skip


def statements() -> list[str]:
    """CREATE MACRO statements, in an order in which each may use those before it."""
    made = ["CREATE MACRO pg_get_keywords() AS TABLE SELECT keyword_name AS word FROM duckdb_keywords()"]
    made += [f"CREATE MACRO {head} AS {body}" for head, body in _BODIES]
    for table, body in ((_NULLS, "NULL::VARCHAR"), (_TRUTHS, "true"), (_ZEROS, "0::BIGINT")):
        for name, fewest, most in table:
            heads = [f"({', '.join(f'_a{i}' for i in range(count))}) AS {body}" for count in range(fewest, most + 1)]
            made.append(f"CREATE MACRO {name}{', '.join(heads)}")
    return made
