"""Queries over the bazaar that each aim at one trap, by the name of the trap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Query = Mapping[str, Any]
HALF_YEAR = ["2024-01-01", "2024-06-30"]


def _placed(granularity: str | None = None, span: list[str] | None = None) -> dict[str, Any]:
    part: dict[str, Any] = {"dimension": "orders.placed_at"}
    return part | ({"granularity": granularity} if granularity else {}) | ({"dateRange": span} if span else {})


def _staged(granularity: str, span: list[str] | None = None) -> dict[str, Any]:
    year = ["2024-01-01", "2024-12-31"]
    return {"dimension": "staged.placed_at", "granularity": granularity, "dateRange": span or year}


def _rolling(measure: str, granularity: str, span: list[str] | None = None, **more: Any) -> Query:
    time = _placed(granularity, span or HALF_YEAR)
    return {"measures": [f"orders.{measure}"], "timeDimensions": [time], **more}


def _filtered(member: str, operator: str, *values: str | None) -> Query:
    condition: dict[str, Any] = {"member": member, "operator": operator}
    return {
        "measures": ["orders.count", "orders.amount"],
        "dimensions": ["orders.status"],
        "filters": [condition | ({"values": list(values)} if values else {})],
    }


FAN_OUT: Mapping[str, Query] = {
    "fan_out_of_one": {"measures": ["orders.amount", "items.quantity"], "dimensions": ["orders.status"]},
    "chasm": {"measures": ["items.quantity", "payments.paid"], "dimensions": ["orders.status"]},
    "chasm_and_own": {
        "measures": ["orders.count", "orders.amount", "items.count", "payments.count", "payments.paid_avg"],
        "dimensions": ["orders.is_gift"],
    },
    "chasm_without_groups": {"measures": ["orders.amount", "items.quantity", "payments.paid"]},
    "three_levels": {
        "measures": ["customers.credit_sum", "orders.amount", "items.quantity"],
        "dimensions": ["customers.city"],
    },
    "three_levels_by_the_lowest": {
        "measures": ["customers.credit_sum", "customers.count", "orders.amount"],
        "dimensions": ["items.is_bulk"],
    },
    "average_of_the_multiplied": {"measures": ["customers.credit_avg"], "dimensions": ["orders.status"]},
    "extremes_of_the_multiplied": {
        "measures": ["customers.credit_max", "orders.amount_min", "orders.amount_max"],
        "dimensions": ["payments.method"],
    },
    "distinct_of_the_multiplied": {"measures": ["orders.buyers", "customers.cities"], "dimensions": ["items.is_bulk"]},
    "filtered_measure_multiplied": {
        "measures": ["orders.large_paid_amount", "orders.paid_count", "items.bulk_count"],
        "dimensions": ["customers.city"],
    },
    "ratio_of_the_multiplied": {
        "measures": ["customers.vip_share", "orders.paid_share"],
        "dimensions": ["payments.method"],
    },
    "ratio_across_cubes": {"measures": ["orders.average_basket"], "dimensions": ["orders.status"]},
    "ratio_across_cubes_reversed": {"measures": ["customers.orders_per_customer"], "dimensions": ["customers.tier"]},
    "measure_filtered_by_another_cube": {
        "measures": ["orders.vip_amount", "orders.amount"],
        "dimensions": ["orders.status"],
    },
    "measure_over_another_cubes_column": {
        "measures": ["items.listed_value", "items.value"],
        "dimensions": ["products.category"],
    },
    "filter_on_the_many_side": {
        "measures": ["orders.amount", "customers.credit_sum"],
        "filters": [{"member": "items.is_bulk", "operator": "equals", "values": ["true"]}],
    },
    "multiplied_with_measure_filter": {
        "measures": ["orders.amount", "items.quantity"],
        "dimensions": ["customers.city"],
        "filters": [{"member": "items.quantity", "operator": "gt", "values": ["10"]}],
    },
    "measure_filter_not_selected": {
        "measures": ["orders.count"],
        "dimensions": ["orders.status"],
        "filters": [{"member": "orders.amount", "operator": "gt", "values": ["500"]}],
    },
    "measure_filter_on_the_multiplied_not_selected": {
        "measures": ["items.count"],
        "dimensions": ["orders.status"],
        "filters": [{"member": "orders.amount", "operator": "gte", "values": ["100"]}],
    },
    "either_of_two_measure_filters": {
        "measures": ["orders.count", "orders.amount"],
        "dimensions": ["orders.status"],
        "filters": [
            {
                "or": [
                    {"member": "orders.count", "operator": "lt", "values": ["10"]},
                    {"member": "orders.amount", "operator": "gt", "values": ["1000"]},
                ]
            }
        ],
    },
    "one_to_one": {"measures": ["orders.amount", "shipments.weight"], "dimensions": ["shipments.carrier"]},
    "many_to_many": {"measures": ["products.price_sum", "product_tags.weight"], "dimensions": ["tags.label"]},
    "many_to_many_from_items": {
        "measures": ["items.quantity", "products.count", "product_tags.count"],
        "dimensions": ["tags.label"],
    },
    "composite_key_multiplied": {
        "measures": ["product_tags.weight", "items.quantity"],
        "dimensions": ["products.category"],
    },
    "tags_without_products": {"measures": ["tags.count", "tags.labels"]},
    "keyless": {"measures": ["visits.count", "visits.seconds_avg"], "dimensions": ["visits.channel"]},
    "region_of_the_customer": {"measures": ["customers.count", "regions.population"], "dimensions": ["regions.name"]},
    "region_of_the_store": {"measures": ["stores.rent", "regions.population"], "dimensions": ["regions.continent"]},
    "inherited": {"measures": ["gifts.count", "gifts.amount", "gifts.largest"], "dimensions": ["gifts.status"]},
    "inherited_joins": {"measures": ["gifts.amount", "customers.credit_sum"], "dimensions": ["customers.city"]},
}

DIMENSIONS: Mapping[str, Query] = {
    "only_dimensions": {"dimensions": ["orders.status", "customers.city"]},
    "only_a_time": {"timeDimensions": [_placed("month")]},
    "case": {"measures": ["orders.count"], "dimensions": ["orders.size", "customers.tier"]},
    "of_other_dimensions": {"measures": ["customers.count"], "dimensions": ["customers.tier_in_city"]},
    "proxy_to_another_cube": {"measures": ["orders.amount"], "dimensions": ["orders.buyer"]},
    "proxy_alone": {"dimensions": ["items.category_of_item"]},
    "sub_query_of_a_range": {
        "measures": ["customers.count"],
        "dimensions": ["customers.spent_then"],
        "timeDimensions": [_placed(None, HALF_YEAR)],
    },
    "sub_query_of_a_range_and_a_filter": {
        "measures": ["customers.count", "orders.count"],
        "dimensions": ["customers.spent_then"],
        "timeDimensions": [_placed("month", HALF_YEAR)],
        "filters": [{"member": "orders.status", "operator": "equals", "values": ["paid", "new"]}],
    },
    "sub_query_of_a_range_under_a_window": {
        "measures": ["orders.rolling_month"],
        "dimensions": ["customers.spent_then"],
        "timeDimensions": [_placed("month", HALF_YEAR)],
    },
    "sub_query": {"measures": ["orders.amount"], "dimensions": ["orders.items_count"]},
    "sub_query_of_a_joined_cube": {"measures": ["items.quantity"], "dimensions": ["orders.items_count"]},
    "sub_query_in_a_case": {
        "measures": ["customers.count", "customers.credit_sum"],
        "dimensions": ["customers.spender"],
    },
    "sub_query_filtered": {
        "measures": ["customers.count"],
        "dimensions": ["customers.city"],
        "filters": [{"member": "customers.spent", "operator": "gt", "values": ["100"]}],
    },
    "geo": {"measures": ["orders.count"], "dimensions": ["orders.spot"]},
    "boolean": {"measures": ["orders.any_gift", "orders.count"], "dimensions": ["customers.is_vip"]},
    "text_and_time_measures": {
        "measures": ["orders.first_status", "orders.last_placed_at"],
        "dimensions": ["orders.is_gift"],
    },
    "bare_time": {"measures": ["orders.count"], "dimensions": ["orders.placed_at"], "timezone": "Europe/Berlin"},
    "segment": {"measures": ["orders.amount"], "segments": ["orders.paid", "orders.gifts"]},
    "segment_of_another_cube": {"measures": ["orders.amount"], "segments": ["orders.of_vips"]},
    "segment_of_the_one_side": {
        "measures": ["items.quantity"],
        "dimensions": ["orders.status"],
        "segments": ["customers.vip"],
    },
    "segment_of_nulls": {"measures": ["customers.count"], "segments": ["customers.homeless"]},
}

TIME: Mapping[str, Query] = {
    f"{granularity}_in_{zone}": {
        "measures": ["orders.count", "orders.amount"],
        "timeDimensions": [
            _placed(granularity, HALF_YEAR if granularity not in ("hour", "half_day") else ["2024-03-30", "2024-04-01"])
        ],
        "timezone": zone,
    }
    for zone in ("UTC", "Europe/Berlin", "America/New_York")
    for granularity in (
        *("hour", "day", "week", "month", "quarter", "year"),
        *("fiscal_year", "fortnight", "half_day", "sunday_week"),
    )
}

ROLLING: Mapping[str, Query] = {
    "month_to_date_by_weeks": _rolling("month_to_date", "week"),
    "week_to_date_by_months": _rolling("week_to_date", "month"),
    "week_to_date_by_days": _rolling("week_to_date", "day", ["2024-03-25", "2024-04-08"]),
    "month_to_date_by_quarters": _rolling("month_to_date", "quarter", ["2024-01-01", "2024-12-31"]),
    "month_by_month": _rolling("rolling_month", "month"),
    "month_by_week": _rolling("rolling_month", "week"),
    "month_by_day": _rolling("rolling_month", "day", ["2024-02-20", "2024-04-05"]),
    "month_by_quarter": _rolling("rolling_month", "quarter"),
    "week_by_day": _rolling("rolling_week_count", "day", ["2024-03-20", "2024-04-05"]),
    "week_in_berlin": _rolling("rolling_week_count", "day", ["2024-03-20", "2024-04-05"], timezone="Europe/Berlin"),
    "running": _rolling("running_amount", "month"),
    "running_in_new_york": _rolling("running_amount", "week", timezone="America/New_York"),
    "running_by_status": _rolling("running_amount", "month", dimensions=["orders.status"]),
    "leading": _rolling("next_two_days", "day", ["2024-03-28", "2024-04-05"]),
    "to_date": _rolling("year_to_date", "month"),
    "to_date_by_week": _rolling("year_to_date", "week", ["2023-12-20", "2024-02-10"]),
    "distinct": _rolling("running_buyers", "week"),
    "filtered": _rolling("rolling_paid", "month"),
    "filtered_segment": _rolling("rolling_paid", "month", segments=["orders.gifts"]),
    "empty_range": _rolling("rolling_month", "month", ["2026-01-01", "2026-03-31"]),
    "of_another_cubes_dimension": _rolling("rolling_month", "month", dimensions=["customers.city"]),
    "without_a_granularity": {"measures": ["orders.running_amount"], "dimensions": ["orders.status"]},
    "with_a_plain_measure": {
        "measures": ["orders.running_amount", "orders.amount"],
        "timeDimensions": [_placed("month", ["2024-01-01", "2024-12-31"])],
    },
    **{
        f"{measure}_of_a_range": {
            "measures": [f"orders.{measure}", "orders.count"],
            "dimensions": ["orders.status"],
            "timeDimensions": [{"dimension": "orders.placed_at", "dateRange": ["2024-02-10", "2024-05-20"]}],
            "timezone": "America/New_York",
        }
        for measure in ("rolling_month", "running_amount", "next_two_days", "week_to_date", "running_buyers")
    },
    "two_windows": {
        "measures": ["orders.rolling_month", "orders.year_to_date"],
        "timeDimensions": [_placed("month", HALF_YEAR)],
    },
}

FILTERS: Mapping[str, Query] = {
    "equals_many": _filtered("orders.status", "equals", "paid", "new"),
    "equals_null": _filtered("orders.status", "equals", "paid", None),
    "equals_only_null": _filtered("orders.status", "equals", None),
    "not_equals": _filtered("orders.status", "notEquals", "paid"),
    "not_equals_many": _filtered("orders.status", "notEquals", "paid", "new"),
    "not_equals_null": _filtered("orders.status", "notEquals", "paid", None),
    "not_equals_only_null": _filtered("orders.status", "notEquals", None),
    "contains_ignores_case": _filtered("orders.status", "contains", "PAI"),
    "contains_either": _filtered("orders.status", "contains", "ai", "ew"),
    "not_contains": _filtered("orders.status", "notContains", "ai", "ew"),
    "starts_with": _filtered("orders.status", "startsWith", "p", "c"),
    "not_starts_with": _filtered("orders.status", "notStartsWith", "p"),
    "ends_with": _filtered("orders.status", "endsWith", "w"),
    "not_ends_with": _filtered("orders.status", "notEndsWith", "w", "d"),
    "quote_in_a_value": _filtered("customers.name", "equals", "É'mile"),
    "empty_text": _filtered("customers.city", "equals", ""),
    "number_as_text": _filtered("orders.amount_value", "gte", "100.5"),
    "numbers_in": _filtered("orders.amount_value", "equals", "50", "100.5", None),
    "boolean_true": _filtered("orders.is_gift", "equals", "true"),
    "boolean_false": _filtered("customers.is_vip", "equals", "false"),
    "set": _filtered("customers.city", "set"),
    "not_set": _filtered("customers.city", "notSet"),
    "in_range": _filtered("orders.placed_at", "inDateRange", "2024-03-31", "2024-03-31")
    | {"timezone": "Europe/Berlin"},
    "not_in_range": _filtered("orders.placed_at", "notInDateRange", "2024-01-01", "2024-12-31"),
    "in": _filtered("orders.status", "in", "paid", "new"),
    "not_in": _filtered("orders.status", "notIn", "paid", "new"),
    "not_in_with_null": _filtered("orders.status", "notIn", "paid", None),
    "on_the_date": _filtered("orders.placed_at", "onTheDate", "2024-03-31", "2024-03-31"),
    "before": _filtered("orders.placed_at", "beforeDate", "2024-01-01") | {"timezone": "Asia/Kolkata"},
    "before_or_on": _filtered("orders.placed_at", "beforeOrOnDate", "2024-01-01"),
    "after": _filtered("orders.placed_at", "afterDate", "2024-11-03T06:00:00.000"),
    "after_or_on": _filtered("orders.placed_at", "afterOrOnDate", "2024-11-03") | {"timezone": "America/New_York"},
    "time_not_set": _filtered("orders.placed_at", "notSet"),
    "timestamps_with_zone": {
        "measures": ["payments.count", "payments.paid"],
        "timeDimensions": [
            {"dimension": "payments.paid_at", "granularity": "day", "dateRange": ["2024-03-30", "2024-04-01"]}
        ],
        "timezone": "Europe/Berlin",
    },
    "nested": {
        "measures": ["orders.count"],
        "dimensions": ["orders.status"],
        "filters": [
            {
                "or": [
                    {
                        "and": [
                            {"member": "orders.is_gift", "operator": "equals", "values": ["true"]},
                            {
                                "or": [
                                    {"member": "customers.city", "operator": "contains", "values": ["ber"]},
                                    {"member": "customers.city", "operator": "notSet"},
                                ]
                            },
                        ]
                    },
                    {"member": "orders.amount_value", "operator": "gt", "values": ["200"]},
                ]
            }
        ],
    },
    "range_without_granularity": {
        "measures": ["orders.amount"],
        "timeDimensions": [_placed(span=["2024-01-01", "2024-03-31"])],
    },
    "two_times": {
        "measures": ["orders.count"],
        "timeDimensions": [
            _placed("quarter"),
            {"dimension": "shipments.shipped_at", "granularity": "year", "dateRange": ["2023-01-01", "2024-12-31"]},
        ],
    },
    "two_granularities": {"measures": ["orders.count"], "timeDimensions": [_placed("year"), _placed("quarter")]},
}

VIEWS: Mapping[str, Query] = {
    "prefix_and_alias": {
        "measures": ["sales.mean_amount", "sales.customers_credit_sum"],
        "dimensions": ["sales.customers_full_name"],
    },
    "two_steps": {"measures": ["sales.count", "sales.regions_population"], "dimensions": ["sales.regions_name"]},
    "many_side": {
        "measures": ["sales.amount", "sales.quantity", "sales.payments_paid"],
        "dimensions": ["sales.status"],
    },
    "alias_of_a_cube": {"measures": ["sales.parcel_weight"], "dimensions": ["sales.parcel_carrier"]},
    "segment_of_a_view": {"measures": ["sales.amount"], "segments": ["sales.paid", "sales.customers_vip"]},
    "rolling_of_a_view": {
        "measures": ["sales.rolling_month"],
        "timeDimensions": [{"dimension": "sales.placed_at", "granularity": "month", "dateRange": HALF_YEAR}],
    },
    "sub_query_of_a_view": {"measures": ["sales.count"], "dimensions": ["sales.customers_spender"]},
    "other_way_to_regions": {"measures": ["places.count", "places.stores_rent"], "dimensions": ["places.name"]},
    "population_by_store": {"measures": ["places.population", "places.amount"], "dimensions": ["places.continent"]},
    "bridge_of_a_view": {
        "measures": ["catalog.quantity", "catalog.product_tags_weight", "catalog.products_price_sum"],
        "dimensions": ["catalog.label"],
    },
    "view_filters": {
        "measures": ["sales.count"],
        "dimensions": ["sales.customers_city"],
        "filters": [{"member": "sales.is_bulk", "operator": "equals", "values": ["true"]}],
    },
}

STAGES: Mapping[str, Query] = {
    "grouped_by": {
        "measures": ["staged.amount", "staged.amount_of_status"],
        "dimensions": ["staged.status", "staged.is_gift"],
    },
    "grouped_by_what_is_not_there": {"measures": ["staged.amount_of_status"], "dimensions": ["staged.is_gift"]},
    "reduced_by": {
        "measures": ["staged.amount", "staged.amount_without_status"],
        "dimensions": ["staged.status", "staged.is_gift"],
    },
    "reduced_and_filtered": {
        "measures": ["staged.amount_without_status"],
        "dimensions": ["staged.status"],
        "filters": [{"member": "staged.is_gift", "operator": "equals", "values": ["true"]}],
    },
    "share": {"measures": ["staged.share_of_all"], "dimensions": ["staged.status"]},
    "share_by_two": {"measures": ["staged.share_of_all"], "dimensions": ["staged.status", "customers.is_vip"]},
    "rank": {"measures": ["staged.amount", "staged.rank_of_status"], "dimensions": ["staged.status"]},
    "rank_in_groups": {"measures": ["staged.rank_of_status"], "dimensions": ["staged.status", "staged.is_gift"]},
    "shift": {"measures": ["staged.amount", "staged.amount_a_month_before"], "timeDimensions": [_staged("month")]},
    "shift_of_days": {
        "measures": ["staged.amount_a_month_before"],
        "timeDimensions": [_staged("day", ["2024-03-20", "2024-04-10"])],
    },
    "growth": {"measures": ["staged.growth"], "timeDimensions": [_staged("month")]},
    "grouped_finer": {"measures": ["staged.mean_by_day"], "dimensions": ["staged.status"]},
    "grouped_finer_with_plain": {
        "measures": ["staged.largest_of_buyers", "staged.amount"],
        "dimensions": ["staged.status"],
    },
}

FILTER_PARAMS: Mapping[str, Query] = {
    "values_and_a_range": {
        "measures": ["filtered.count", "filtered.amount"],
        "dimensions": ["filtered.status"],
        "filters": [{"member": "filtered.status", "operator": "equals", "values": ["paid", "new"]}],
        "timeDimensions": [{"dimension": "filtered.placed_at", "dateRange": ["2024-01-01", "2024-03-31"]}],
    },
    "nothing": {"measures": ["filtered.count"], "dimensions": ["filtered.status"]},
    "set": {"measures": ["filtered.count"], "filters": [{"member": "filtered.status", "operator": "set"}]},
    "either": {
        "measures": ["filtered.count"],
        "filters": [
            {
                "or": [
                    {"member": "filtered.status", "operator": "equals", "values": ["paid"]},
                    {"member": "filtered.status", "operator": "notSet"},
                ]
            }
        ],
    },
}


def _pushed(cube: str, *filters: Any, **more: Any) -> Query:
    time = {"dimension": f"{cube}.placed_at", "dateRange": ["2024-02-01", "2024-11-03"]}
    asked = {"measures": [f"{cube}.count", f"{cube}.amount"], "dimensions": [f"{cube}.is_gift"]}
    return asked | {"filters": list(filters), "timeDimensions": [time], "timezone": "America/New_York"} | more


def _is(cube: str, member: str, *values: str) -> Query:
    condition: dict[str, Any] = {"member": f"{cube}.{member}", "operator": "equals" if values else "set"}
    return condition | ({"values": list(values)} if values else {})


def _of_paid_gifts(cube: str, paid: str) -> Mapping[str, Query]:
    status, gift = _is(cube, "status", paid), _is(cube, "is_gift", "true")
    return {
        f"{cube}_by_nothing": _pushed(cube, timeDimensions=[]),
        f"{cube}_by_time": _pushed(cube),
        f"{cube}_by_both": _pushed(cube, status, gift),
        f"{cube}_by_either": _pushed(cube, {"or": [status, {"and": [gift, status]}]}),
        f"{cube}_beside_another": _pushed(cube, {"or": [status, _is(cube, "id", "3", "4")]}, gift),
        f"{cube}_without_values": _pushed(cube, {"or": [_is(cube, "status"), gift]}),
    }


PUSHED: Mapping[str, Query] = {
    **_of_paid_gifts("grouped", "paid"),
    **_of_paid_gifts("called", "PAID"),
    "called_over_a_number": {
        "measures": ["called.count"],
        "dimensions": ["called.is_over"],
        "filters": [{"member": "called.smallest", "operator": "gt", "values": ["50"]}],
    },
    "local_time_in_sql": {
        "measures": ["called.count"],
        "dimensions": ["called.local_day"],
        "timezone": "America/New_York",
    },
    "urls_of_links": {"measures": ["orders.count"], "dimensions": ["orders.status___link_all_url"]},
}

ORDER: Mapping[str, Query] = {
    "nulls_descending": {"dimensions": ["customers.city"], "order": {"customers.city": "desc"}},
    "nulls_ascending": {"dimensions": ["customers.city"], "order": {"customers.city": "asc"}},
    "by_measure_then_dimension": {
        "measures": ["orders.amount"],
        "dimensions": ["orders.status"],
        "order": [["orders.amount", "desc"], ["orders.status", "asc"]],
        "limit": 3,
    },
    "offset": {"dimensions": ["orders.id"], "order": {"orders.id": "asc"}, "limit": 5, "offset": 7},
    "by_the_time": {
        "measures": ["orders.count"],
        "timeDimensions": [_placed("month")],
        "order": {"orders.placed_at": "desc"},
        "limit": 4,
    },
    "by_the_finest_of_several_granularities": {
        "measures": ["orders.count"],
        "dimensions": ["orders.id", "orders.placed_at"],
        "timeDimensions": [_placed("year"), _placed("fortnight"), _placed("month")],
        "order": [["orders.placed_at", "desc"], ["orders.id", "asc"]],
    },
    "of_two_granularities_unordered": {
        "measures": ["orders.count"],
        "timeDimensions": [_placed("year"), _placed("hour")],
        "limit": 6,
    },
    "limit_zero": {"measures": ["orders.count"], "dimensions": ["orders.status"], "limit": 0},
    "ungrouped": {
        "measures": ["orders.amount"],
        "dimensions": ["orders.id", "orders.status"],
        "ungrouped": True,
        "order": {"orders.id": "asc"},
    },
    "ungrouped_joined": {
        "measures": ["orders.amount", "orders.paid_count"],
        "dimensions": ["orders.id", "customers.id", "customers.city"],
        "ungrouped": True,
        "order": {"orders.id": "asc"},
    },
}

QUERIES: Mapping[str, Query] = {
    **{f"fan_out/{name}": query for name, query in FAN_OUT.items()},
    **{f"dimensions/{name}": query for name, query in DIMENSIONS.items()},
    **{f"time/{name}": query for name, query in TIME.items()},
    **{f"rolling/{name}": query for name, query in ROLLING.items()},
    **{f"filters/{name}": query for name, query in FILTERS.items()},
    **{f"views/{name}": query for name, query in VIEWS.items()},
    **{f"stages/{name}": query for name, query in STAGES.items()},
    **{f"filter_params/{name}": query for name, query in FILTER_PARAMS.items()},
    **{f"pushed/{name}": query for name, query in PUSHED.items()},
    **{f"order/{name}": query for name, query in ORDER.items()},
}
