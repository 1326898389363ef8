MODEL (
  name staging.stg_rewards__spend,
  kind VIEW,
  grain (spent_on, campaign_id, country, platform),
  description 'One row per day, campaign, country and platform: what was spent on acquiring users.',
  tags (
    rewards
  ),
  audits (
    not_null(columns := (spent_on, campaign_id, spend_usd)),
    unique_combination_of_columns(columns := (spent_on, campaign_id, country, platform))
  )
);

WITH spend AS (
  SELECT
    *
  FROM raw.rewards__spend
), deduplicated AS (
  SELECT
    *
  FROM spend
  QUALIFY
    @first_loaded(spent_on, campaign_id, country, platform)
)
SELECT
  campaign_id, /* Campaign. */
  spent_on, /* Day of the spend (UTC). */
  LOWER(channel) AS channel, /* Acquisition channel of the campaign. */
  @clean_code(country) AS country, /* ISO code of the country. */
  LOWER(platform) AS platform, /* Platform that was advertised on. */
  impressions AS impression_count, /* Times the advertisement was shown. */
  clicks AS click_count, /* Times it was clicked. */
  installs AS install_count, /* Installs that the network claims. */
  spend_usd, /* Money spent. */
  _loaded_at AS loaded_at /* When the row was loaded (UTC). */
FROM deduplicated
