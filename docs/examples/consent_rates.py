"""Consent rates of industries, as data frames and as lazy Ibis tables. Run it after `headrace build`."""

from headrace import connect

with connect() as m:
    # A query is a lazy Ibis table: nothing runs yet.
    rates = m.query(
        measures=["consent.asked_count", "consent.consent_rate"],
        dimensions=["consent.industry"],
        filters=[{"member": "consent.asked_count", "operator": "gt", "values": ["0"]}],
    )

    # Compute with it in Ibis, and take it as you like it: to_pandas(), to_polars(), to_pyarrow().
    lowest = rates.order_by("consent_rate").limit(3)
    print(lowest.to_polars())

    # Tables combine with each other: this month's volume beside the rate of all time.
    volume = m.query(measures=["consent.estimated_event_count"], dimensions=["consent.industry"])
    print(rates.join(volume, "industry").select("industry", "consent_rate", "estimated_event_count").to_polars())

    # What there is to ask, and what a query runs.
    for name, meaning in list(m.members("consent").items())[:3]:
        print(f"{name}: {meaning}")
    sql, parameters = m.sql({"measures": ["consent.consent_rate"], "dimensions": ["consent.company"]})
    print(sql, parameters)
