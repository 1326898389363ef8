-- The offerwall's database in PostgreSQL: the tables of rewards.sql beside it, with PostgreSQL's own types. Offers and their
-- tasks change by publishing a new version; nothing that a user was shown is ever edited or taken away, and progress is a
-- log that only grows.

CREATE TABLE users (
    user_id text PRIMARY KEY,
    signed_up_at timestamptz NOT NULL,
    country text,
    platform text NOT NULL,
    channel text,
    campaign_id text,
    timezone text,
    is_staff boolean NOT NULL DEFAULT FALSE,
    updated_at timestamptz NOT NULL
);

CREATE TABLE devices (
    user_id text NOT NULL REFERENCES users (user_id),
    device_id text NOT NULL,
    platform text NOT NULL,
    ip_address text,
    first_seen_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, device_id)
);

CREATE TABLE offers (
    offer_id text PRIMARY KEY,
    advertiser text NOT NULL,
    category text NOT NULL,
    platform text NOT NULL,
    created_at timestamptz NOT NULL,
    retired_at timestamptz,
    updated_at timestamptz NOT NULL
);

CREATE TABLE offer_versions (
    offer_version_id text PRIMARY KEY,
    offer_id text NOT NULL REFERENCES offers (offer_id),
    version integer NOT NULL,
    title text NOT NULL,
    payout_usd numeric NOT NULL,
    reward_coins integer NOT NULL,
    conversion_days integer NOT NULL,
    published_at timestamptz NOT NULL,
    published_by text,
    change_note text,
    UNIQUE (offer_id, version)
);

CREATE TABLE offer_tasks (
    offer_task_version_id text PRIMARY KEY,
    offer_version_id text NOT NULL REFERENCES offer_versions (offer_version_id),
    offer_id text NOT NULL REFERENCES offers (offer_id),
    task_id text NOT NULL,
    position integer NOT NULL,
    title text NOT NULL,
    reward_coins integer NOT NULL,
    payout_usd numeric NOT NULL,
    is_repeatable boolean NOT NULL,
    is_required boolean NOT NULL,
    UNIQUE (offer_version_id, task_id)
);

CREATE TABLE user_offers (
    user_offer_id text PRIMARY KEY,
    user_id text NOT NULL REFERENCES users (user_id),
    offer_id text NOT NULL REFERENCES offers (offer_id),
    offer_version_id text NOT NULL REFERENCES offer_versions (offer_version_id),
    variant text NOT NULL,
    coin_multiplier numeric NOT NULL,
    shown_at timestamptz NOT NULL,
    UNIQUE (user_id, offer_id)
);

CREATE TABLE user_offer_tasks (
    user_offer_id text NOT NULL REFERENCES user_offers (user_offer_id),
    task_id text NOT NULL,
    offer_task_version_id text NOT NULL REFERENCES offer_tasks (offer_task_version_id),
    reward_coins integer NOT NULL,
    shown_at timestamptz NOT NULL,
    PRIMARY KEY (user_offer_id, task_id)
);

CREATE TABLE progress (
    progress_id text PRIMARY KEY,
    user_offer_id text,
    user_id text NOT NULL REFERENCES users (user_id),
    offer_id text NOT NULL REFERENCES offers (offer_id),
    task_id text,
    kind text NOT NULL,
    occurred_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL,
    coins integer NOT NULL,
    revenue_usd numeric NOT NULL,
    device_id text,
    ip_address text
);

CREATE TABLE cash_outs (
    cash_out_id text PRIMARY KEY,
    user_id text NOT NULL REFERENCES users (user_id),
    coins integer NOT NULL,
    amount_usd numeric NOT NULL,
    method text NOT NULL,
    status text NOT NULL,
    requested_at timestamptz NOT NULL,
    paid_at timestamptz,
    updated_at timestamptz NOT NULL
);

CREATE TABLE spend (
    spent_on date NOT NULL,
    channel text NOT NULL,
    campaign_id text NOT NULL,
    country text NOT NULL,
    platform text NOT NULL,
    impressions integer NOT NULL,
    clicks integer NOT NULL,
    installs integer NOT NULL,
    spend_usd numeric NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (spent_on, campaign_id, country, platform)
);

CREATE TABLE chargebacks (
    chargeback_id text PRIMARY KEY,
    progress_id text NOT NULL REFERENCES progress (progress_id),
    user_id text NOT NULL REFERENCES users (user_id),
    offer_id text NOT NULL REFERENCES offers (offer_id),
    amount_usd numeric NOT NULL,
    reason text,
    charged_back_at timestamptz NOT NULL
);

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION USING ERRCODE = 'integrity_constraint_violation', MESSAGE = TG_ARGV[0]; END$$;

CREATE TRIGGER offer_versions_stand BEFORE UPDATE OR DELETE ON offer_versions FOR EACH ROW
EXECUTE FUNCTION refuse('a version is never edited: publish the next one');

CREATE TRIGGER offer_tasks_stand BEFORE UPDATE OR DELETE ON offer_tasks FOR EACH ROW
EXECUTE FUNCTION refuse('a version is never edited: publish the next one');

CREATE TRIGGER user_offers_stand BEFORE UPDATE OR DELETE ON user_offers FOR EACH ROW
EXECUTE FUNCTION refuse('what a user was shown is never edited');

CREATE TRIGGER user_offer_tasks_stand BEFORE UPDATE OR DELETE ON user_offer_tasks FOR EACH ROW
EXECUTE FUNCTION refuse('what a user was shown is never edited');

CREATE TRIGGER progress_stands BEFORE UPDATE OR DELETE ON progress FOR EACH ROW
EXECUTE FUNCTION refuse('progress is a log: add a fact');

CREATE INDEX users_by_change ON users (updated_at);
CREATE INDEX progress_by_record ON progress (recorded_at);
CREATE INDEX user_offers_by_time ON user_offers (shown_at);
