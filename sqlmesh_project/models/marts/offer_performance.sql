MODEL (
  name marts.offer_performance,
  kind FULL,
  grain user_offer_key,
  references (user_key, offer_version_id),
  description 'One row per user and offer, with the offer in the version that the user was shown: sums and shares by offer, version, platform, country.',
  tags (
    rewards
  ),
  columns (
    user_offer_key STRING,
    user_key STRING,
    offer_id STRING,
    offer_version_id STRING,
    shown_at TIMESTAMP,
    started_at TIMESTAMP,
    completed_at TIMESTAMP,
    offer_title STRING,
    version_number INT64,
    advertiser STRING,
    category STRING,
    offer_platform STRING,
    variant STRING,
    country STRING,
    platform STRING,
    channel STRING,
    shown_count INT64,
    started_count INT64,
    completed_count INT64,
    tasks_shown_count INT64,
    tasks_done_count INT64,
    coin_count INT64,
    payout_usd NUMERIC(38, 9),
    revenue_usd NUMERIC(38, 9),
    chargeback_usd NUMERIC(38, 9),
    margin_usd NUMERIC(38, 9),
    seconds_to_complete FLOAT64,
    is_completed BOOL,
    is_staff BOOL
  ),
  audits (
    contract_errors(`of` := marts.offer_performance),
    keeps_rows(source := core.user_offers, id := user_offer_key),
    reconciles(ours := margin_usd, source := core.user_offers, theirs := margin_usd)
  )
);

WITH user_offers AS (
  SELECT
    *
  FROM core.user_offers
), offers AS (
  SELECT
    *
  FROM core.offers
), users AS (
  SELECT
    *
  FROM core.users
)
SELECT
  user_offers.user_offer_key, /* Row of core.user_offers. */
  user_offers.user_key, /* User of the offer. */
  user_offers.offer_id, /* Id of the offer. */
  user_offers.offer_version_id, /* Version that the user was shown. */
  user_offers.shown_at, /* When the user first saw the offer (UTC). */
  user_offers.started_at, /* When the user started (UTC). */
  user_offers.completed_at, /* When the offer was completed (UTC). */
  offers.title AS offer_title, /* Title in the version that was shown. */
  offers.version_number, /* Number of the version that was shown. */
  offers.advertiser, /* Who pays for the offer. */
  offers.category, /* game, survey, shopping, finance. */
  offers.platform AS offer_platform, /* Platform on which the offer can be done. */
  user_offers.variant, /* Personalisation that the user was given. */
  users.country, /* ISO code of the user's country. */
  users.platform, /* Platform of the user. */
  users.channel, /* Channel that brought the user. */
  CASE WHEN user_offers.shown_at IS NULL THEN 0 ELSE 1 END AS shown_count, /* 1 if the offer is known to have been shown, else 0. */
  CASE WHEN user_offers.is_started THEN 1 ELSE 0 END AS started_count, /* 1 if the offer was started, else 0. */
  CASE WHEN user_offers.is_completed THEN 1 ELSE 0 END AS completed_count, /* 1 if the offer was completed, else 0. */
  user_offers.tasks_shown_count, /* Tasks that the user was shown. */
  user_offers.tasks_done_count, /* Different tasks that were completed. */
  user_offers.coin_count, /* Coins that were credited; 1,000 are 1 USD. */
  user_offers.payout_usd, /* What the coins cost. */
  user_offers.revenue_usd, /* What the advertiser owes. */
  user_offers.chargeback_usd, /* Of that, what was taken back. */
  user_offers.margin_usd, /* Revenue less chargebacks and payout. */
  user_offers.seconds_to_complete, /* Seconds from start to completion. */
  user_offers.is_completed, /* Whether the offer was completed. */
  COALESCE(users.is_staff, FALSE) AS is_staff /* Whether the user is an employee. */
FROM user_offers
LEFT JOIN offers
  ON user_offers.offer_version_id = offers.offer_version_id
LEFT JOIN users
  ON user_offers.user_key = users.user_key
