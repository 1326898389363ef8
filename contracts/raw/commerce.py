"""Raw contracts of `commerce`: shop events, and orders of three regions from several order systems."""

from __future__ import annotations

from datetime import timedelta

from contracts.base import LoadedTable, column
from contracts.rules import Freshness, Rows, warn
from contracts.types import Instant, Integer, Numeric, Text

REGIONS = ("US", "EU", "AUS")
ORDER_SYSTEMS = ("Shopify", "Recharge", "Order Manager")


class CommerceEvents(
    LoadedTable,
    layer="raw",
    table="commerce__events",
    version="1.0.0",
    key="event_id",
    freshness=Freshness("_loaded_at", timedelta(days=2)),
    rows=Rows(at_least=1),
):
    """One row per event of the shops."""

    event_id: Text = column("Identifier of the event.")
    user_id: Text = column("Visitor; NULL until one is known.", nullable=True)
    event_time: Instant = column("When it happened (UTC).")
    event_name: Text = column("page_view, product_view, add_to_cart, checkout, purchase.")
    region: Text = column("Shop of the event.", isin=warn(REGIONS))
    page: Text = column("Path of the page.", nullable=True)
    device: Text = column("desktop, mobile, tablet.", nullable=True)
    order_id: Text = column("Order of a purchase.", nullable=True)


class CommerceOrders(
    LoadedTable,
    layer="raw",
    table="commerce__orders",
    version="1.0.0",
    key=("region", "record_source", "order_id"),
    freshness=Freshness("_loaded_at", timedelta(days=2)),
    rows=Rows(at_least=1),
):
    """One row per order as its system knows it now; systems number their orders independently."""

    order_id: Text = column("Identifier of the order within its region and system.")
    region: Text = column("Region of the shop.", isin=REGIONS)
    record_source: Text = column("System that took the order.", isin=ORDER_SYSTEMS)
    user_id: Text = column("Customer; NULL for guests.", nullable=True)
    ordered_at: Instant = column("When it was ordered (UTC).")
    status: Text = column("paid, refunded, cancelled.")
    currency: Text = column("ISO code of the currency of the amounts.", max_length=3)
    usd_per_unit: Numeric = column("Value of one unit of the currency on the day of the order.", gt=0, unit="USD")
    quantity: Integer = column("Items.", ge=0)
    gross_amount: Numeric = column("Price of the items before discount.", ge=0, unit="currency")
    discount_amount: Numeric = column("Discount, as a positive amount.", ge=0, unit="currency")
    shipping_amount: Numeric = column("Shipping that the customer paid.", ge=0, unit="currency")
    tax_amount: Numeric = column("Tax within the total.", ge=0, unit="currency")
    total_amount: Numeric = column("Gross less discount, plus shipping and tax.", ge=0, unit="currency")
    updated_at: Instant = column("When the row last changed (UTC).")
