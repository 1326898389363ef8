-- The offerwall's database in SQLite (rewards.postgresql.sql: the same in PostgreSQL). Offers and their tasks change by
-- publishing a new version; nothing that a user was shown is ever edited or taken away: an assignment (user_offers) names the
-- version, its tasks (user_offer_tasks) freeze the promised coins, and progress is a log that only grows.

CREATE TABLE users (
    user_id TEXT PRIMARY KEY,
    signed_up_at TEXT NOT NULL,
    country TEXT,
    platform TEXT NOT NULL,
    channel TEXT,
    campaign_id TEXT,
    timezone TEXT,
    is_staff INTEGER NOT NULL DEFAULT 0,
    updated_at TEXT NOT NULL
);

CREATE TABLE devices (
    user_id TEXT NOT NULL REFERENCES users (user_id),
    device_id TEXT NOT NULL,
    platform TEXT NOT NULL,
    ip_address TEXT,
    first_seen_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (user_id, device_id)
);

CREATE TABLE offers (
    offer_id TEXT PRIMARY KEY,
    advertiser TEXT NOT NULL,
    category TEXT NOT NULL,
    platform TEXT NOT NULL,
    created_at TEXT NOT NULL,
    retired_at TEXT,
    updated_at TEXT NOT NULL
);

CREATE TABLE offer_versions (
    offer_version_id TEXT PRIMARY KEY,
    offer_id TEXT NOT NULL REFERENCES offers (offer_id),
    version INTEGER NOT NULL,
    title TEXT NOT NULL,
    payout_usd TEXT NOT NULL,
    reward_coins INTEGER NOT NULL,
    conversion_days INTEGER NOT NULL,
    published_at TEXT NOT NULL,
    published_by TEXT,
    change_note TEXT,
    UNIQUE (offer_id, version)
);

CREATE TABLE offer_tasks (
    offer_task_version_id TEXT PRIMARY KEY,
    offer_version_id TEXT NOT NULL REFERENCES offer_versions (offer_version_id),
    offer_id TEXT NOT NULL REFERENCES offers (offer_id),
    task_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    title TEXT NOT NULL,
    reward_coins INTEGER NOT NULL,
    payout_usd TEXT NOT NULL,
    is_repeatable INTEGER NOT NULL,
    is_required INTEGER NOT NULL,
    UNIQUE (offer_version_id, task_id)
);

CREATE TABLE user_offers (
    user_offer_id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (user_id),
    offer_id TEXT NOT NULL REFERENCES offers (offer_id),
    offer_version_id TEXT NOT NULL REFERENCES offer_versions (offer_version_id),
    variant TEXT NOT NULL,
    coin_multiplier TEXT NOT NULL,
    shown_at TEXT NOT NULL,
    UNIQUE (user_id, offer_id)
);

CREATE TABLE user_offer_tasks (
    user_offer_id TEXT NOT NULL REFERENCES user_offers (user_offer_id),
    task_id TEXT NOT NULL,
    offer_task_version_id TEXT NOT NULL REFERENCES offer_tasks (offer_task_version_id),
    reward_coins INTEGER NOT NULL,
    shown_at TEXT NOT NULL,
    PRIMARY KEY (user_offer_id, task_id)
);

CREATE TABLE progress (
    progress_id TEXT PRIMARY KEY,
    user_offer_id TEXT,
    user_id TEXT NOT NULL REFERENCES users (user_id),
    offer_id TEXT NOT NULL REFERENCES offers (offer_id),
    task_id TEXT,
    kind TEXT NOT NULL,
    occurred_at TEXT NOT NULL,
    recorded_at TEXT NOT NULL,
    coins INTEGER NOT NULL,
    revenue_usd TEXT NOT NULL,
    device_id TEXT,
    ip_address TEXT
);

CREATE TABLE cash_outs (
    cash_out_id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (user_id),
    coins INTEGER NOT NULL,
    amount_usd TEXT NOT NULL,
    method TEXT NOT NULL,
    status TEXT NOT NULL,
    requested_at TEXT NOT NULL,
    paid_at TEXT,
    updated_at TEXT NOT NULL
);

CREATE TABLE spend (
    spent_on TEXT NOT NULL,
    channel TEXT NOT NULL,
    campaign_id TEXT NOT NULL,
    country TEXT NOT NULL,
    platform TEXT NOT NULL,
    impressions INTEGER NOT NULL,
    clicks INTEGER NOT NULL,
    installs INTEGER NOT NULL,
    spend_usd TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (spent_on, campaign_id, country, platform)
);

CREATE TABLE chargebacks (
    chargeback_id TEXT PRIMARY KEY,
    progress_id TEXT NOT NULL REFERENCES progress (progress_id),
    user_id TEXT NOT NULL REFERENCES users (user_id),
    offer_id TEXT NOT NULL REFERENCES offers (offer_id),
    amount_usd TEXT NOT NULL,
    reason TEXT,
    charged_back_at TEXT NOT NULL
);

CREATE TRIGGER offer_versions_stand BEFORE UPDATE ON offer_versions
BEGIN SELECT RAISE(ABORT, 'a version is never edited: publish the next one'); END;

CREATE TRIGGER offer_tasks_stand BEFORE UPDATE ON offer_tasks
BEGIN SELECT RAISE(ABORT, 'a version is never edited: publish the next one'); END;

CREATE TRIGGER user_offers_stand BEFORE UPDATE ON user_offers
BEGIN SELECT RAISE(ABORT, 'what a user was shown is never edited'); END;

CREATE TRIGGER user_offer_tasks_stand BEFORE UPDATE ON user_offer_tasks
BEGIN SELECT RAISE(ABORT, 'what a user was shown is never edited'); END;

CREATE TRIGGER progress_stands BEFORE UPDATE ON progress
BEGIN SELECT RAISE(ABORT, 'progress is a log: add a fact'); END;

CREATE TRIGGER offer_versions_remain BEFORE DELETE ON offer_versions
BEGIN SELECT RAISE(ABORT, 'a version is never edited: publish the next one'); END;

CREATE TRIGGER offer_tasks_remain BEFORE DELETE ON offer_tasks
BEGIN SELECT RAISE(ABORT, 'a version is never edited: publish the next one'); END;

CREATE TRIGGER user_offers_remain BEFORE DELETE ON user_offers
BEGIN SELECT RAISE(ABORT, 'what a user was shown is never edited'); END;

CREATE TRIGGER user_offer_tasks_remain BEFORE DELETE ON user_offer_tasks
BEGIN SELECT RAISE(ABORT, 'what a user was shown is never edited'); END;

CREATE TRIGGER progress_remains BEFORE DELETE ON progress
BEGIN SELECT RAISE(ABORT, 'progress is a log: add a fact'); END;

CREATE INDEX users_by_change ON users (updated_at);
CREATE INDEX progress_by_record ON progress (recorded_at);
CREATE INDEX user_offers_by_time ON user_offers (shown_at);
