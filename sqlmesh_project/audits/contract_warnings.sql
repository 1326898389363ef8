AUDIT (
  name contract_warnings,
  blocking FALSE,
  defaults (
    `within` = TRUE
  )
);

SELECT
  rules
FROM @contract_violations(@this_model, @of, 'warn', @within)
