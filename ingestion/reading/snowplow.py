"""Snowplow: the fields of an enriched event, which come as TSV without a header, and its self-describing contexts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ingestion import sql
from ingestion.declaration import Context
from ingestion.reading.delimited import attempt_by_engine, attempt_by_record
from ingestion.reading.incoming import FAULT, FAULTY_TEXT, LINES, Incoming
from ingestion.reading.records import Dialect

_FIELDS = """
    app_id platform etl_tstamp collector_tstamp dvce_created_tstamp event event_id txn_id name_tracker v_tracker
    v_collector v_etl user_id user_ipaddress user_fingerprint domain_userid domain_sessionidx network_userid geo_country
    geo_region geo_city geo_zipcode geo_latitude geo_longitude geo_region_name ip_isp ip_organization ip_domain
    ip_netspeed page_url page_title page_referrer page_urlscheme page_urlhost page_urlport page_urlpath page_urlquery
    page_urlfragment refr_urlscheme refr_urlhost refr_urlport refr_urlpath refr_urlquery refr_urlfragment refr_medium
    refr_source refr_term mkt_medium mkt_source mkt_term mkt_content mkt_campaign contexts se_category se_action
    se_label se_property se_value unstruct_event tr_orderid tr_affiliation tr_total tr_tax tr_shipping tr_city tr_state
    tr_country ti_orderid ti_sku ti_name ti_category ti_price ti_quantity pp_xoffset_min pp_xoffset_max pp_yoffset_min
    pp_yoffset_max useragent br_name br_family br_version br_type br_renderengine br_lang br_features_pdf
    br_features_flash br_features_java br_features_director br_features_quicktime br_features_realplayer
    br_features_windowsmedia br_features_gears br_features_silverlight br_cookies br_colordepth br_viewwidth
    br_viewheight os_name os_family os_manufacturer os_timezone dvce_type dvce_ismobile dvce_screenwidth
    dvce_screenheight doc_charset doc_width doc_height tr_currency tr_total_base tr_tax_base tr_shipping_base
    ti_currency ti_price_base base_currency geo_timezone mkt_clickid mkt_network etl_tags dvce_sent_tstamp
    refr_domain_userid refr_dvce_tstamp derived_contexts domain_sessionid derived_tstamp event_vendor event_name
    event_format event_version event_fingerprint true_tstamp
"""
FIELDS = tuple(_FIELDS.split())
"""The 131 fields of the canonical event model, in the order of the enriched TSV."""

_CONTEXT_FAULT = "_context_fault"
_TSV = Dialect("\t", None)
_IS_JSON = "(CASE WHEN json_valid(contexts) THEN json_type(contexts, '$.data') = 'ARRAY' ELSE false END)"


def read_enriched(path: Path, compression: str | None, spool: Path) -> Iterator[Incoming]:
    """Enriched TSV: tabs, no quotes, no header."""
    yield attempt_by_engine(path, FIELDS, compression, _TSV, 0)
    yield attempt_by_record(path, FIELDS, compression, _TSV, 0, spool)


def with_contexts(incoming: Incoming, contexts: Mapping[str, Context]) -> Incoming:
    """Add, for each context named, the data of the first such context as JSON text, and its schema version.

    Columns that the input has already (Parquet exports of a warehouse) stay as they are. Contexts that are not JSON, or
    not of the model or without the members that are declared, make the row faulty; older and newer versions of the
    model, and members beyond those required, are taken as they are.
    """
    missing = {column: context for column, context in contexts.items() if column not in incoming.columns}
    if not missing or "contexts" not in incoming.columns:
        return incoming
    picked = ", ".join(f"{_first(one.schema)} AS {_found(column)}" for column, one in missing.items())
    values = ", ".join(
        f"{_found(column)} -> '$.data' AS {sql.name(column)}, {_version(column)} AS {sql.name(column + '_version')}"
        for column in missing
    )
    faults = " ".join(fault for column, one in missing.items() for fault in _faults(column, one))
    columns = (*incoming.columns, *(name for column in missing for name in (column, f"{column}_version")))
    found = f"SELECT *, {picked} FROM ({incoming.sql})"
    judged = (
        f"SELECT *, CASE WHEN contexts IS NULL THEN NULL WHEN NOT ({_IS_JSON}) "
        f"THEN 'contexts are not self-describing JSON' {faults} END AS {_CONTEXT_FAULT} FROM ({found})"
    )
    select = (
        f"SELECT {sql.names(incoming.columns)}, {values}, {LINES}, coalesce({FAULT}, {_CONTEXT_FAULT}) AS {FAULT}, "
        f"CASE WHEN {FAULT} IS NULL AND {_CONTEXT_FAULT} IS NOT NULL THEN contexts ELSE {FAULTY_TEXT} END "
        f"AS {FAULTY_TEXT} FROM ({judged})"
    )
    return replace(incoming, sql=select, columns=columns, is_text=False)


def _found(column: str) -> str:
    return sql.name(f"found_{column}")


def _version(column: str) -> str:
    return f"regexp_extract({_found(column)} ->> '$.schema', '[0-9]+-[0-9]+-[0-9]+$')"


def _faults(column: str, context: Context) -> Iterator[str]:
    """WHEN clauses for a context of another model, and for each member that it lacks."""
    is_there, version = f"{_found(column)} IS NOT NULL", _version(column)
    said = f"{sql.text(context.schema + ' ')} || {version} ||"
    yield (
        f"WHEN {is_there} AND split_part({version}, '-', 1) <> '{context.model}' "
        f"THEN {said} ' is not of model {context.model}'"
    )
    for member in context.required:
        lacks = f"coalesce({_found(column)} ->> {sql.text('$.data.' + member)}, '') = ''"
        yield f"WHEN {is_there} AND {lacks} THEN {said} {sql.text(f' lacks {member}')}"


def _first(schema: str) -> str:
    """The first context of a schema, whatever its version."""
    listed = f"CASE WHEN {_IS_JSON} THEN CAST(json_extract(contexts, '$.data') AS JSON[]) END"
    return f"list_filter({listed}, lambda one: starts_with(one ->> '$.schema', {sql.text(f'iglu:{schema}/')}))[1]"
