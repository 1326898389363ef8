AUDIT (
  name contract_errors
);

SELECT
  rules
FROM @contract_violations(@this_model, @of, 'error')
