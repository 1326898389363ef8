AUDIT (
  name contract_errors,
  defaults (
    `within` = TRUE
  )
);

SELECT
  rules
FROM @contract_violations(@this_model, @of, 'error', @within)
