AUDIT (
  name contract_warnings,
  blocking FALSE
);

SELECT
  rules
FROM @contract_violations(@this_model, @of, 'warn')
