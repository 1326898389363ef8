"""Contract of `marts.commerce`."""

from __future__ import annotations

from contracts.base import Contract, column
from contracts.types import Day, Integer, Numeric, Text


class Commerce(
    Contract,
    layer="marts",
    table="commerce",
    version="1.0.0",
    key=("ordered_on", "region", "record_source", "status", "currency"),
):
    """One row per day, region, order system, status and currency: orders, items and amounts."""

    ordered_on: Day = column("Day of the orders (UTC).")
    region: Text = column("Region of the shop: US, EU, AUS.", isin=("US", "EU", "AUS"))
    record_source: Text = column("System that took the orders.")
    status: Text = column("paid, refunded, cancelled.")
    currency: Text = column("ISO code of the currency of the orders.")
    order_count: Integer = column("Orders.", ge=0)
    item_count: Integer = column("Items.", ge=0)
    customer_count: Integer = column("Different known customers; not additive.", ge=0)
    gross_usd: Numeric = column("Price of the items before discount.", nullable=True, ge=0, unit="USD")
    discount_usd: Numeric = column("Discount.", nullable=True, ge=0, unit="USD")
    shipping_usd: Numeric = column("Shipping that customers paid.", nullable=True, ge=0, unit="USD")
    tax_usd: Numeric = column("Tax.", nullable=True, ge=0, unit="USD")
    total_usd: Numeric = column("What customers paid.", nullable=True, ge=0, unit="USD")
    revenue_usd: Numeric = column(
        "Gross less discount plus shipping, of orders that stand.", nullable=True, ge=0, unit="USD"
    )
