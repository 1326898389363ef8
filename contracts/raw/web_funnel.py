"""Raw contracts of `web_funnel`: the users of a site and the pages of its funnel that each of them saw."""

from __future__ import annotations

from contracts.base import LoadedTable, column, to
from contracts.rules import Rows, warn
from contracts.types import Day, Text


class WebFunnelUsers(
    LoadedTable,
    layer="raw",
    table="web_funnel__users",
    version="1.0.0",
    key="user_id",
    rows=Rows(at_least=1),
):
    """One row per user of the site."""

    user_id: Text = column("Identifier of the user.")
    date: Day = column("Day of the user's visit.")
    device: Text = column("Desktop or Mobile.", nullable=True)
    sex: Text = column("Female or Male.", nullable=True, sensitivity="personal")
    channel: Text = column("Where the user came from: search, paid_ads.", nullable=True)


class WebFunnelPages(
    LoadedTable,
    layer="raw",
    table="web_funnel__pages",
    version="1.0.0",
    key=("page", "user_id"),
    rows=Rows(at_least=1),
):
    """One row per user and page of the funnel that the user saw; the source keeps no time."""

    user_id: Text = column("User who saw the page.", references=warn(to("raw", "web_funnel__users", "user_id")))
    page: Text = column("Page of the funnel: step1 to step6.", pattern=warn("step[0-9]+"))
