"""Contract of `core.orders`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.rules import warn
from contracts.types import Boolean, Instant, Integer, Numeric, Text


class Orders(Contract, layer="core", table="orders", version="1.0.0", key="order_key"):
    """One row per order of any region and system, in its present state, amounts in the currency of the order and in
    USD."""

    order_key: Text = column("Region, system and id of the order.")
    order_id: Text = column("Id of the order within its region and system.")
    user_key: Text = column(
        "Customer; NULL for guests.", nullable=True, references=warn(to("core", "users", "user_key"))
    )
    ordered_at: Instant = column("When it was ordered (UTC).")
    updated_at: Instant = column("When it last changed (UTC).", nullable=True)
    region: Text = column("Region of the shop: US, EU, AUS.", isin=("US", "EU", "AUS"))
    record_source: Text = column("System that took the order: Shopify, Recharge, Order Manager.")
    status: Text = column("paid, refunded, cancelled.", nullable=True, isin=warn(("paid", "refunded", "cancelled")))
    currency: Text = column("ISO code of the currency of the amounts.", nullable=True)
    usd_per_unit: Numeric = column("Value of one unit of the currency on the day of the order.", nullable=True)
    order_count: Integer = column("1 in every row, to be summed.", ge=0)
    item_count: Integer = column("Items.", ge=0)
    gross_amount: Numeric = column("Price of the items before discount, in the currency.", nullable=True)
    discount_amount: Numeric = column("Discount, in the currency.", nullable=True)
    shipping_amount: Numeric = column("Shipping that the customer paid, in the currency.", nullable=True)
    tax_amount: Numeric = column("Tax, in the currency.", nullable=True)
    total_amount: Numeric = column("Gross less discount, plus shipping and tax, in the currency.", nullable=True)
    gross_usd: Numeric = column("Price of the items before discount.", nullable=True, ge=0, unit="USD")
    discount_usd: Numeric = column("Discount.", nullable=True, ge=0, unit="USD")
    shipping_usd: Numeric = column("Shipping that the customer paid.", nullable=True, ge=0, unit="USD")
    tax_usd: Numeric = column("Tax.", nullable=True, ge=0, unit="USD")
    total_usd: Numeric = column("What the customer paid.", ge=0, unit="USD")
    revenue_usd: Numeric = column(
        "Gross less discount plus shipping, of orders neither refunded nor cancelled.", nullable=True, ge=0, unit="USD"
    )
    is_paid: Boolean = column("Whether the order stands.")
    is_guest: Boolean = column("Whether no customer is known.")
