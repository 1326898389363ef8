"""Contract of `core.user_devices`."""

from __future__ import annotations

from contracts.base import Contract, column, to
from contracts.rules import warn
from contracts.types import Instant, Text


class UserDevices(Contract, layer="core", table="user_devices", version="1.0.0", key=("user_key", "device_id")):
    """One row per user and device that the user was seen on."""

    user_key: Text = column("User of the device.", references=warn(to("core", "users", "user_key")))
    device_id: Text = column("Fingerprint of the device.")
    first_seen_at: Instant = column("First visit of the user on the device (UTC).", nullable=True)
    last_seen_at: Instant = column("Latest visit of the user on the device (UTC).", nullable=True)
    platform: Text = column("Platform of the device.", nullable=True)
    ip_address: Text = column("Address of the latest visit.", nullable=True, sensitivity="personal")
