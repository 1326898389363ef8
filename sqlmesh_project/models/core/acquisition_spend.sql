MODEL (
  name core.acquisition_spend,
  kind FULL,
  grain (spent_on, campaign_id, country, platform),
  description 'One row per day, campaign, country and platform: what was spent on acquiring users.',
  tags (
    rewards
  ),
  columns (
    campaign_id STRING,
    spent_on DATE,
    channel STRING,
    country STRING,
    platform STRING,
    impression_count INT64,
    click_count INT64,
    install_count INT64,
    spend_usd NUMERIC(38, 9)
  ),
  audits (
    contract_errors(`of` := core.acquisition_spend),
    reconciles(ours := spend_usd, source := staging.stg_rewards__spend, theirs := spend_usd)
  )
);

WITH spend AS (
  SELECT
    *
  FROM staging.stg_rewards__spend
)
SELECT
  campaign_id, /* Campaign. */
  spent_on, /* Day of the spend (UTC). */
  channel, /* Acquisition channel. */
  country, /* ISO code of the country. */
  platform, /* Platform that was advertised on. */
  impression_count, /* Times the advertisement was shown. */
  click_count, /* Times it was clicked. */
  install_count, /* Installs that the network claims. */
  spend_usd /* Money spent. */
FROM spend
